"""Discovered instances in the catalog: beside documents, and beside proxies that register themselves."""

from __future__ import annotations

from typing import Any

from galley.frozen import FrozenMap
from galley.snapshot import build_snapshot
from pilot.registry.build import Discovered, build_catalog
from pilot.registry.catalog import Protocol, ServiceCatalog, ServiceKey, Workload
from pilot.registry.discovery import DiscoveredInstance, Discovery, proxies_by_instance
from pilot.registry.docker.discover import DOCKER
from tests.builders import a_config, a_manifest, a_registered_workload, a_service_entry, a_workload_entry, labels

REVIEWS = ServiceKey(hostname="reviews.default.svc.cluster.local", namespace="default")
RATINGS = ServiceKey(hostname="ratings.default.svc.cluster.local", namespace="default")


def an_instance(address: str = "172.18.0.2", service: str = "reviews", **traits: Any) -> DiscoveredInstance:
    traits = {"ports": FrozenMap({"http": 9080}), "labels": labels(app=service), "addresses": (address,), **traits}
    return DiscoveredInstance(
        id=f"docker://{service}-{address}", service=service, namespace="default", address=address, **traits
    )


def found(*instances: DiscoveredInstance, **traits: Any) -> Discovered:
    return {DOCKER: Discovery(instances=instances, **traits)}


def serving(catalog: ServiceCatalog, key: ServiceKey = REVIEWS, port: str = "http") -> list[str]:
    return [f"{one.address}:{one.port}" for one in catalog.endpoints_of(key, port) if one.serving]


def test_instances_make_a_service() -> None:
    catalog = build_catalog(a_config(), (), discovered=found(an_instance(), an_instance("172.18.0.3")))
    service = catalog.services[REVIEWS]
    assert [(port.number, port.name, port.protocol) for port in service.ports] == [(9080, "http", Protocol.HTTP)]
    assert service.kubernetes
    assert serving(catalog) == ["172.18.0.2:9080", "172.18.0.3:9080"]
    assert all(endpoint.service_account == "" for endpoint in catalog.endpoints_of(REVIEWS, "http"))


def test_discovered_services_are_in_the_domain_of_the_mesh() -> None:
    config, _ = build_snapshot((), domain="mesh.example")
    catalog = build_catalog(config, (), discovered=found(an_instance()))
    assert [key.hostname for key in catalog.services] == ["reviews.default.svc.mesh.example"]


def test_of_several_registrations_at_one_address_the_serving_one_counts() -> None:
    left = Workload(namespace="default", address="172.18.0.2", id="left", serving=False)
    now = Workload(namespace="default", address="172.18.0.2", id="now")
    instance = an_instance()
    for both in ((left, now), (now, left)):
        assert proxies_by_instance((instance,), both) == {instance: now}


def test_an_unready_instance_keeps_its_service() -> None:
    catalog = build_catalog(a_config(), (), discovered=found(an_instance(ready=False), an_instance("", addresses=())))
    assert serving(catalog) == []
    assert catalog.services[REVIEWS].ports


def test_versions_may_listen_elsewhere() -> None:
    old, new = an_instance(), an_instance("172.18.0.3", ports=FrozenMap({"http": 8080}))
    catalog = build_catalog(a_config(), (), discovered=found(old, new))
    assert [port.number for port in catalog.services[REVIEWS].ports] == [8080]
    assert serving(catalog) == ["172.18.0.2:9080", "172.18.0.3:8080"]


def test_a_written_port_name_beats_the_number() -> None:
    unnamed = an_instance("172.18.0.3", ports=FrozenMap({"port-9080": 9080}))
    catalog = build_catalog(a_config(), (), discovered=found(unnamed, an_instance()))
    assert [port.name for port in catalog.services[REVIEWS].ports] == ["http"]
    assert serving(catalog) == ["172.18.0.2:9080", "172.18.0.3:9080"]


def test_a_document_of_the_same_host_wins_and_selects_the_containers() -> None:
    discovery = found(an_instance())
    before = build_catalog(a_config(), (), discovered=discovery)
    after = build_catalog(a_config(a_manifest("reviews", port=80)), (), before, discovery)
    assert after.services[REVIEWS].origin.kind == "Service"
    assert serving(after) == ["172.18.0.2:9080"]
    back = build_catalog(a_config(), (), after, discovery)
    assert back.services[REVIEWS] == before.services[REVIEWS]


def test_a_service_entry_of_the_same_host_wins_in_any_namespace() -> None:
    entry = a_service_entry(REVIEWS.hostname, namespace="elsewhere")
    catalog = build_catalog(a_config(entry), (), discovered=found(an_instance()))
    assert [key.namespace for key in catalog.services] == ["elsewhere"]


def test_containers_are_workloads_for_every_selector() -> None:
    everything = a_manifest("all", selector={"app": "reviews"})
    catalog = build_catalog(a_config(everything), (), discovered=found(an_instance()))
    assert serving(catalog, ServiceKey("all.default.svc.cluster.local", "default")) == ["172.18.0.2:9080"]


def test_a_registered_proxy_wins_at_the_same_address() -> None:
    proxy = a_registered_workload("172.18.0.2", service_account="reviews")
    manifest = a_manifest("all", selector={"app": "reviews"})
    catalog = build_catalog(a_config(manifest), (proxy,), discovered=found(an_instance(awaits_proxy=True)))
    for key in (REVIEWS, ServiceKey("all.default.svc.cluster.local", "default")):
        (endpoint,) = catalog.endpoints_of(key, "http")
        assert (endpoint.address, endpoint.service_account, endpoint.serving) == ("172.18.0.2", "reviews", True)


def test_a_proxy_that_registers_at_another_address_of_the_container_wins_too() -> None:
    instance = an_instance(addresses=("172.18.0.2", "172.19.0.2"))
    catalog = build_catalog(a_config(), (a_registered_workload("172.19.0.2"),), discovered=found(instance))
    assert serving(catalog) == ["172.19.0.2:9080"]


def test_a_proxy_of_another_namespace_takes_nothing_over() -> None:
    stranger = a_registered_workload("172.18.0.2", namespace="other", service_account="evil")
    catalog = build_catalog(a_config(), (stranger,), discovered=found(an_instance()))
    (endpoint,) = catalog.endpoints_of(REVIEWS, "http")
    assert endpoint.service_account == ""


def test_without_its_proxy_an_instance_that_awaits_one_serves_nobody() -> None:
    discovery = found(an_instance(awaits_proxy=True))
    assert serving(build_catalog(a_config(), (), discovered=discovery)) == []
    starting = a_registered_workload("172.18.0.2", serving=False)
    assert serving(build_catalog(a_config(), (starting,), discovered=discovery)) == []


def test_a_withdrawn_address_takes_registered_and_written_workloads_out() -> None:
    config = a_config(a_manifest("reviews"), a_workload_entry("one", "172.18.0.5"))
    proxy = a_registered_workload("172.18.0.2")
    before = build_catalog(config, (proxy,))
    assert serving(before) == ["172.18.0.2:9080", "172.18.0.5:9080"]
    gone = build_catalog(config, (proxy,), before, found(withdrawn=frozenset({"172.18.0.2", "172.18.0.5"})))
    assert serving(gone) == []
    assert gone.by_address.keys() == before.by_address.keys(), "their own proxies go on serving"
    assert serving(build_catalog(config, (proxy,), gone, found())) == serving(before)


def test_what_did_not_change_is_the_same_object() -> None:
    config = a_config()
    rating = an_instance("172.18.0.9", "ratings")
    first = build_catalog(config, (), discovered=found(an_instance(), rating))
    assert build_catalog(config, (), first, found(an_instance(), rating)) is first
    second = build_catalog(config, (), first, found(an_instance(), an_instance("172.18.0.3"), rating))
    assert serving(second) == ["172.18.0.2:9080", "172.18.0.3:9080"]
    assert second.services is first.services
    assert second.endpoints[RATINGS] is first.endpoints[RATINGS]
    assert second.endpoints_of(REVIEWS, "http")[0] is first.endpoints_of(REVIEWS, "http")[0]
    empty = build_catalog(config, (), second, found())
    assert dict(empty.services) == {}
    assert dict(empty.by_address) == {}
