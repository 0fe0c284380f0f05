"""From containers to instances, withdrawn addresses and findings."""

from __future__ import annotations

from typing import Any

from pilot.registry.discovery import DiscoveredInstance, Discovery
from pilot.registry.docker.containers import read_container
from pilot.registry.docker.discover import DiscoveryOptions, discover
from tests.pilot.registry.docker.inspections import a_member, an_id, an_inspection


def seen(*inspected: dict[str, Any], **options: Any) -> Discovery:
    return discover(map(read_container, inspected), DiscoveryOptions(**options))


def only(*inspected: dict[str, Any], **options: Any) -> DiscoveredInstance:
    (instance,) = seen(*inspected, **options).instances
    return instance


def verdicts(discovery: Discovery) -> dict[str, str]:
    return {one.name: one.verdict for one in discovery.sightings}


def test_a_compose_service_is_a_service() -> None:
    instance = only(
        an_inspection("shop_web_1", service="web", labels={"version": "v1"}, ports=("9080/tcp", "5432/tcp"))
    )
    assert (instance.service, instance.namespace, instance.address) == ("web", "default", "172.18.0.2")
    assert dict(instance.ports) == {"port-9080": 9080, "tcp-postgres": 5432}
    assert dict(instance.labels) == {"app": "web", "version": "v1"}
    assert instance.ready
    assert not instance.awaits_proxy


def test_the_ports_label_beats_what_is_exposed() -> None:
    assert dict(only(an_inspection("web", labels={"pilothouse.io/ports": "grpc=7070"})).ports) == {"grpc": 7070}


def test_containers_count_by_project_or_label() -> None:
    everybody = (
        an_inspection("web"),
        an_inspection("other", project="elsewhere"),
        an_inspection("plain", project=""),
        an_inspection("labelled", project="", labels={"pilothouse.io/ports": "http=80"}),
        an_inspection("errand", labels={"com.docker.compose.oneoff": "True"}),
    )
    assert set(verdicts(seen(*everybody))) == {"web", "other", "labelled"}
    assert set(verdicts(seen(*everybody, projects=("shop",)))) == {"web"}


def test_the_control_plane_is_no_instance() -> None:
    assert verdicts(seen(an_inspection("pilot"), an_inspection("web"), own_hints=(an_id("pilot"),))) == {"web": "ready"}


def test_inside_a_project_the_default_is_this_project() -> None:
    everybody = (
        an_inspection("pilot"),
        an_inspection("web"),
        an_inspection("other", project="elsewhere"),
        an_inspection("labelled", project="", labels={"pilothouse.io/ports": "http=80"}),
    )
    hints = (an_id("pilot"),)
    assert set(verdicts(seen(*everybody, own_hints=hints))) == {"web", "labelled"}
    assert set(verdicts(seen(*everybody, own_hints=hints, projects=("*",)))) == {"web", "other", "labelled"}


def test_a_service_of_several_projects_is_told() -> None:
    both = (an_inspection("a", service="db"), an_inspection("b", service="db", project="bank"))
    (finding,) = seen(*both).findings
    assert finding.text.startswith("service db.default has containers of several Compose projects: bank, shop.")
    apart = an_inspection("b", service="db", project="bank", labels={"pilothouse.io/namespace": "bank"})
    assert seen(both[0], apart).findings == ()


def test_left_out_by_label_for_want_of_ports_or_for_a_mistake() -> None:
    discovery = seen(
        an_inspection("no", labels={"pilothouse.io/discover": "false"}),
        an_inspection("portless", ports=()),
        an_inspection("wrong", labels={"pilothouse.io/ports": "http"}),
    )
    assert discovery.instances == ()
    assert all(verdict.startswith("left out: ") for verdict in verdicts(discovery).values())
    (finding,) = discovery.findings
    assert finding.text.startswith("container wrong: label pilothouse.io/ports 'http'")


def test_an_unready_container_is_an_instance_that_is_withdrawn() -> None:
    discovery = seen(an_inspection("web", health="starting"))
    (instance,) = discovery.instances
    assert not instance.ready
    assert discovery.withdrawn == {"172.18.0.2"}


def test_an_address_that_another_container_has_now_is_not_withdrawn() -> None:
    old, new = an_inspection("old", state={"Status": "exited"}), an_inspection("web")
    discovery = seen(old, new)
    assert discovery.withdrawn == frozenset()
    assert {one.id: one.address for one in discovery.instances} == {"docker://old": "", "docker://web": "172.18.0.2"}


def test_a_pod_is_one_instance_that_waits_for_its_proxy() -> None:
    pod = (
        an_inspection("web-pod", ports=("9080/tcp",)),
        a_member("web", of="web-pod", labels={"version": "v2"}, ports=("9090/tcp",)),
        a_member("web-sidecar", of="web-pod", ports=("10000/tcp",), image="envoyproxy/envoy:v1.40.0"),
    )
    instance = only(*pod)
    assert (instance.service, instance.address) == ("web", "172.18.0.2")
    assert dict(instance.ports) == {"port-9080": 9080, "port-9090": 9090}
    assert dict(instance.labels) == {"app": "web", "version": "v2"}
    assert instance.awaits_proxy
    assert verdicts(seen(*pod)) == {"web-pod": "ready, once its sidecar has registered"}


def test_labels_of_the_holder_count_too() -> None:
    instance = only(
        an_inspection("web-pod", labels={"pilothouse.io/service": "shop", "pilothouse.io/namespace": "prod"}),
        a_member("web", of="web-pod"),
    )
    assert (instance.service, instance.namespace) == ("shop", "prod")
    assert instance.awaits_proxy, "also before its sidecar is created"


def test_who_says_no_to_injection_is_served_beside_an_envoy_of_its_own() -> None:
    web = an_inspection("web", labels={"sidecar.istio.io/inject": "false"})
    assert not only(web, a_member("proxy", of="web", image="envoyproxy/envoy:v1.40.0")).awaits_proxy


def test_a_killed_application_withdraws_its_pod() -> None:
    dead = a_member("web", of="web-pod", state={"Status": "exited", "ExitCode": 137})
    assert seen(an_inspection("web-pod"), dead).withdrawn == {"172.18.0.2"}


def test_inject_without_sidecar_is_told() -> None:
    labels = {"sidecar.istio.io/inject": "true"}
    (finding,) = seen(an_inspection("shop_web_2", service="web", labels=labels)).findings
    assert "shop_web_2 of service web" in finding.text
    assert "plain text" in finding.text
    assert finding.patience > 0
    assert finding.addresses == ("172.18.0.2",)
    assert seen(an_inspection("web", labels=labels), a_member("web-sidecar", of="web")).findings == ()


def test_a_container_without_address_of_its_own_is_told_on_the_page() -> None:
    discovery = seen(an_inspection("web", networks={"host": ""}, mode="host"))
    assert verdicts(discovery) == {"web": "without address of its own (network mode host)"}
    assert [one.address for one in discovery.instances] == [""]


def test_an_address_that_anybody_took_over_is_not_withdrawn() -> None:
    stopped = an_inspection("old", state={"Status": "exited"})
    for taker in (an_inspection("new", labels={"pilothouse.io/discover": "false"}), an_inspection("new", project="x")):
        assert seen(stopped, projects=("shop",)).withdrawn == {"172.18.0.2"}
        assert seen(stopped, taker, projects=("shop",)).withdrawn == frozenset()
