from galley.frozen import FrozenMap
from galley.hosts.names import DEFAULT_DOMAIN
from galley.kinds.kubernetes.service import KubernetesService, KubernetesServicePort, ServiceType
from galley.kinds.networking.service_entry import WorkloadEntry
from galley.meta import Resource
from pilot.registry.catalog import Port, Protocol, ServiceResolution
from pilot.registry.kubernetes_service import (
    EXPORT_TO_ANNOTATION,
    endpoints_of_manifest,
    selector_of_manifest,
    service_of_manifest,
)
from pilot.registry.workloads import workload_of_resource
from tests.builders import a_manifest, a_workload_entry, labels


def place(manifest: Resource[KubernetesService], workload: Resource[WorkloadEntry]) -> tuple[str, int]:
    (found,) = endpoints_of_manifest(
        manifest, service_of_manifest(manifest, DEFAULT_DOMAIN), (workload_of_resource(workload),)
    )[manifest.spec.ports[0].name]
    return found.address, found.port


def test_the_host_name_is_made_of_name_and_namespace() -> None:
    service = service_of_manifest(a_manifest("reviews", namespace="books", cluster_ip="10.96.0.1"), DEFAULT_DOMAIN)
    assert service.hostname == "reviews.books.svc.cluster.local"
    assert (service.kubernetes, service.addresses) == (True, ("10.96.0.1",))
    assert service.resolution is ServiceResolution.CLIENT_SIDE
    assert service.ports == (Port(number=9080, name="http", protocol=Protocol.HTTP),)


def test_a_headless_service_goes_to_the_original_destination() -> None:
    service = service_of_manifest(a_manifest(cluster_ip="None"), DEFAULT_DOMAIN)
    assert (service.headless, service.addresses) == (True, ())
    assert service.resolution is ServiceResolution.PASSTHROUGH


def test_an_external_name_is_another_name_and_selects_nothing() -> None:
    manifest = a_manifest(type=ServiceType.EXTERNAL_NAME, external_name="WWW.example.com.")
    service = service_of_manifest(manifest, DEFAULT_DOMAIN)
    assert (service.resolution, service.alias_of) == (ServiceResolution.ALIAS, "www.example.com")
    assert selector_of_manifest(manifest) is None


def test_the_annotation_limits_where_it_is_visible() -> None:
    manifest = a_manifest(annotations={EXPORT_TO_ANNOTATION: "., shop"})
    assert service_of_manifest(manifest, DEFAULT_DOMAIN).export_to == (".", "shop")
    assert service_of_manifest(a_manifest(), DEFAULT_DOMAIN).export_to == ()


def test_udp_ports_are_left_out() -> None:
    ports = (
        KubernetesServicePort(port=53, name="dns", protocol="UDP"),
        KubernetesServicePort(port=53, name="dns-tcp"),
    )
    assert [port.name for port in service_of_manifest(a_manifest(ports=ports), DEFAULT_DOMAIN).ports] == ["dns-tcp"]


def test_a_workloads_port_is_found_by_the_service_ports_name_first() -> None:
    ports = (KubernetesServicePort(port=80, name="http", target_port="web"),)
    workload = a_workload_entry(ports={"http": 8001, "web": 8002})
    assert place(a_manifest(ports=ports), workload) == ("10.0.0.1", 8001)


def test_then_by_the_name_of_the_target_port() -> None:
    ports = (KubernetesServicePort(port=80, name="http", target_port="web"),)
    assert place(a_manifest(ports=ports), a_workload_entry(ports={"web": 8002})) == ("10.0.0.1", 8002)


def test_then_as_the_service_writes_it() -> None:
    shifted = (KubernetesServicePort(port=80, name="http", target_port=8080),)
    assert place(a_manifest(ports=shifted), a_workload_entry()) == ("10.0.0.1", 8080)
    assert service_of_manifest(a_manifest(ports=shifted), DEFAULT_DOMAIN).target_port(80) == 8080
    assert place(a_manifest(port=80), a_workload_entry()) == ("10.0.0.1", 80)


def test_an_empty_selector_selects_nothing() -> None:
    assert selector_of_manifest(a_manifest(selector={})) is None
    assert selector_of_manifest(a_manifest("reviews")) == labels(app="reviews")


def test_endpoints_carry_what_policies_ask_about() -> None:
    manifest = a_manifest()
    workload = workload_of_resource(a_workload_entry(weight=4, service_account="bookinfo", locality="eu/west"))
    (endpoint,) = endpoints_of_manifest(manifest, service_of_manifest(manifest, DEFAULT_DOMAIN), (workload,))["http"]
    assert endpoint.labels == FrozenMap({"app": "reviews", "version": "v1"})
    assert (endpoint.weight, endpoint.service_account, endpoint.locality.region) == (4, "bookinfo", "eu")
