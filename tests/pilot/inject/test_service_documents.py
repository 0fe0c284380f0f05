from __future__ import annotations

import yaml

from galley.frozen import FrozenMap
from pilot.inject.compose.layout import ComposeWorkload
from pilot.inject.service_documents import NamespacedName, update_services, written_services
from pilot.registry.container_labels import ContainerLabels


def workload(name: str, **ports: int) -> ComposeWorkload:
    settings = ContainerLabels(service=name, service_account=name, labels=FrozenMap({"app": name}))
    return ComposeWorkload(service=name, instance=name, settings=settings, ports=FrozenMap(ports))


def test_a_service_for_each_workload_that_has_ports() -> None:
    text = update_services("", [workload("web", http=80), workload("job")], frozenset())
    (service,) = yaml.safe_load_all(text)
    assert service["metadata"]["name"] == "web"
    assert service["spec"] == {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}


def test_writing_again_changes_nothing() -> None:
    workloads = [workload("web", http=80), workload("my_db", db=5432)]
    once = update_services("", workloads, frozenset())
    assert update_services(once, workloads, frozenset()) == once


def test_a_name_that_kubernetes_cannot_have_becomes_a_service_entry() -> None:
    (entry,) = yaml.safe_load_all(update_services("", [workload("my_db", tcp=5432)], frozenset()))
    assert entry["kind"] == "ServiceEntry"
    assert entry["spec"]["hosts"] == ["my_db"]
    assert entry["spec"]["workloadSelector"] == {"labels": {"app": "my_db"}}


def test_a_document_of_a_persons_own_is_left_alone() -> None:
    own = "apiVersion: v1\nkind: Service\nmetadata: {name: web}   # mine\nspec: {ports: [{port: 1}]}\n"
    assert update_services(own, [workload("web", http=80)], frozenset()) == own
    assert update_services("", [workload("web", http=80)], frozenset([NamespacedName("default", "web")])) == ""


def test_a_changed_port_is_brought_up_to_date_and_comments_stay() -> None:
    once = update_services("", [workload("web", http=80), workload("api", http=8000)], frozenset())
    edited = once.replace("name: web", "name: web   # the page")
    twice = update_services(edited, [workload("web", http=81), workload("api", http=8000)], frozenset())
    assert "name: web   # the page" in twice
    assert [one["spec"]["ports"][0]["port"] for one in yaml.safe_load_all(twice)] == [81, 8000]


def test_a_service_goes_with_its_workload() -> None:
    once = update_services("", [workload("web", http=80), workload("api", http=8000)], frozenset())
    assert list(written_services(update_services(once, [workload("api", http=8000)], frozenset()))) == [
        NamespacedName("default", "api")
    ]
