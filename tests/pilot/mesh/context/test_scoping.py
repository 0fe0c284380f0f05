from dataclasses import replace
from typing import Any

import pytest

from galley.frozen import FrozenMap
from galley.kinds.kubernetes.service import KubernetesService, KubernetesServicePort
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.service_entry import WorkloadEntry, WorkloadGroup
from galley.kinds.networking.sidecar import CaptureMode, IstioIngressListener, Sidecar, SidecarPort
from galley.kinds.networking.virtual_service import HttpMatchRequest, VirtualService
from galley.kinds.security.authorization_policy import AuthorizationPolicy
from galley.kinds.values import WorkloadSelector
from galley.meta import Resource
from pilot.mesh.context.proxy import Proxy, read_proxy
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import Certificates, InboundPort
from pilot.mesh.context.scoping import (
    inbound_scope,
    listener_scope,
    outbound_scope,
    proxy_scope,
    registered_workload,
    workload_labels,
)
from pilot.node.metadata import Interception
from pilot.node.node_id import ProxyKind
from tests.builders import (
    a_context,
    a_gateway,
    a_manifest,
    a_peer_policy,
    a_proxy,
    a_resource,
    a_route,
    a_service_entry,
    a_sidecar,
    a_virtual_service,
    a_workload_entry,
    attached,
    labels,
)


def a_gateway_proxy(**traits: Any) -> Proxy:
    return a_proxy(kind=ProxyKind.GATEWAY, namespace="istio-system", **traits)


def asking_for(**source_labels: str) -> Resource[VirtualService]:
    return a_virtual_service(routes=(a_route(match=(HttpMatchRequest(source_labels=labels(**source_labels)),)),))


def test_a_scope_knows_only_the_labels_that_some_rule_asks_about() -> None:
    proxy = a_proxy(labels=labels(app="reviews", version="v1", pod="x"))
    assert outbound_scope(a_context(), proxy).labels == labels()
    assert outbound_scope(a_context(asking_for(version="v9", tier="b")), proxy).labels == labels(version="v1")


def test_replicas_of_one_workload_share_a_scope() -> None:
    context = a_context(a_service_entry(addresses=("10.0.0.1", "10.0.0.2")), a_sidecar("*/*", selector={"app": "a"}))
    one = a_proxy(address="10.0.0.1", name="a-1", labels=labels(app="a", pod="1"))
    other = a_proxy(address="10.0.0.2", name="a-2", labels=labels(app="a", pod="2"))
    assert outbound_scope(context, one) == outbound_scope(context, other)
    assert listener_scope(context, one) == listener_scope(context, other)
    assert inbound_scope(context, one) == inbound_scope(context, other)


def test_a_proxy_with_addresses_of_both_families_is_dual_stack() -> None:
    for addresses, ipv6, dual_stack in (
        (("10.0.0.1", "10.0.0.2"), False, False),
        (("fd00::1",), True, False),
        (("10.0.0.1", "fd00::1"), False, True),
    ):
        proxy = replace(a_proxy(), addresses=addresses)
        for scope in (outbound_scope(a_context(), proxy), inbound_scope(a_context(), proxy)):
            assert (scope.ipv6, scope.dual_stack) == (ipv6, dual_stack)


@pytest.mark.parametrize(
    ("metadata", "captured", "automatic"),
    [
        ({}, False, False),
        ({"DNS_CAPTURE": "true"}, True, True),
        ({"DNS_CAPTURE": "true", "DNS_AUTO_ALLOCATE": "true"}, True, True),
        ({"DNS_CAPTURE": "true", "DNS_AUTO_ALLOCATE": "false"}, True, False),
        ({"DNS_AUTO_ALLOCATE": "true"}, False, False),
        ({"DNS_CAPTURE": "true", "INTERCEPTION_MODE": "NONE"}, False, False),
    ],
)
def test_who_answers_dns_and_uses_automatic_addresses(
    metadata: dict[str, str], captured: bool, automatic: bool
) -> None:
    proxy = read_proxy(node_id="sidecar~10.0.0.1~a.default~default.svc.cluster.local", metadata=metadata)
    scope = listener_scope(a_context(), proxy)
    assert (scope.dns_capture, scope.outbound.auto_addresses) == (captured, automatic)


def test_a_gateway_answers_no_dns() -> None:
    scope = listener_scope(a_context(), a_gateway_proxy(dns_capture=True))
    assert (scope.dns_capture, scope.outbound.auto_addresses) == (False, False)


def test_a_gateway_is_asked_about_sources_and_has_gateways_and_no_sidecar() -> None:
    edge = a_gateway()
    context = a_context(
        edge,
        a_gateway("other", selector={"istio": "egress"}),
        a_sidecar("*/*", namespace="istio-system"),
        asking_for(app="x"),
    )
    scope = outbound_scope(context, a_gateway_proxy(labels=labels(istio="ingressgateway", app="x")))
    assert scope.labels == labels(app="x")
    assert scope.attached == attached(edge.key)


def test_the_sidecar_that_selects_the_workload_is_named() -> None:
    sidecar = a_sidecar("*/*", selector={"app": "a"})
    scope = outbound_scope(a_context(sidecar), a_proxy(labels=labels(app="a")))
    assert scope.attached == attached(sidecar.key)
    assert outbound_scope(a_context(sidecar), a_proxy(labels=labels(app="b"))).attached == attached()


def test_a_node_without_labels_has_those_that_the_registry_knows() -> None:
    context = a_context(a_manifest("reviews"), a_workload_entry(address="10.0.0.1"))
    assert workload_labels(context, a_proxy()) == labels(app="reviews", version="v1")
    assert workload_labels(context, a_proxy(labels=labels(app="own"))) == labels(app="own")
    assert workload_labels(context, a_proxy(address="10.0.0.2")) == labels()
    assert workload_labels(context, a_proxy(namespace="other")) == labels()


def test_a_gateways_own_service_translates_ports() -> None:
    ports = (
        KubernetesServicePort(port=80, name="http2", target_port=8080),
        KubernetesServicePort(port=9000, name="tcp"),
    )
    context = a_context(
        a_manifest("gateway", namespace="istio-system", ports=ports),
        a_workload_entry(app="gateway", namespace="istio-system"),
    )
    assert outbound_scope(context, a_gateway_proxy()).own_target_ports == FrozenMap({80: 8080})
    assert outbound_scope(context, a_gateway_proxy(address="10.9.9.9")).own_target_ports == FrozenMap()
    unregistered = a_gateway_proxy(address="10.9.9.9", labels=labels(app="gateway"))
    assert outbound_scope(context, unregistered).own_target_ports == FrozenMap({80: 8080})


def test_of_several_services_of_a_gateway_the_oldest_translates() -> None:
    def manifest(name: str, target: int, created: str) -> Resource[KubernetesService]:
        ports = (KubernetesServicePort(port=80, name="http", target_port=target),)
        return a_manifest(name, namespace="istio-system", selector={"app": "gateway"}, ports=ports, created=created)

    old, young = manifest("old", 8080, "2020-01-01T00:00:00Z"), manifest("a-young", 9090, "2021-01-01T00:00:00Z")
    scope = outbound_scope(a_context(old, young), a_gateway_proxy(labels=labels(app="gateway")))
    assert scope.own_target_ports == FrozenMap({80: 8080})
    entry = a_workload_entry(app="gateway", namespace="istio-system")
    assert outbound_scope(a_context(old, young, entry), a_gateway_proxy()).own_target_ports == FrozenMap({80: 8080})


def test_addresses_say_which_ip_family_there_is() -> None:
    assert not outbound_scope(a_context(), a_proxy()).ipv6
    assert outbound_scope(a_context(), a_proxy(address="fd00::1")).ipv6


def test_only_unredirected_sidecars_bind() -> None:
    context = a_context(mesh=MeshConfig(proxy_http_port=15002))
    free = listener_scope(context, a_proxy(address="127.0.0.5", interception=Interception.NONE))
    assert (free.bind_address, free.http_proxy_port) == ("127.0.0.5", 15002)
    assert listener_scope(context, a_proxy()).bind_address == ""
    own = a_proxy(interception=Interception.NONE, http_proxy_port=3128)
    assert listener_scope(context, own).http_proxy_port == 3128
    assert listener_scope(context, a_gateway_proxy()).http_proxy_port == 0


def served(context: PushContext, proxy: Proxy) -> list[tuple[str, int, str]]:
    return [(p.service_host, p.listen_port, p.protocol) for p in inbound_scope(context, proxy).ports]


def test_a_redirected_sidecar_listens_where_its_services_reach_it() -> None:
    context = a_context(
        a_manifest("reviews", ports=(KubernetesServicePort(port=80, name="http", target_port=9080),)),
        a_workload_entry(),
        a_service_entry("foreign.com", namespace="other"),
    )
    (port,) = inbound_scope(context, a_proxy()).ports
    assert (port.listen_port, port.service_port, port.protocol) == (9080, 80, "HTTP")
    assert (port.listen_address, port.app_port, port.bound) == ("", 0, False)
    assert port.origins == (a_manifest("reviews").key,)


def test_of_two_services_at_one_port_the_older_supplies_protocol_and_names() -> None:
    context = a_context(
        a_service_entry("young.com", protocol="TCP", created="2022-01-01T00:00:00Z"),
        a_service_entry("old.com", created="2021-01-01T00:00:00Z"),
    )
    assert served(context, a_proxy()) == [("old.com", 9080, "HTTP")]


def unredirected(**traits: Any) -> Proxy:
    return a_proxy(address="127.0.0.5", interception=Interception.NONE, **traits)


def test_without_redirection_the_listener_binds_at_the_service_port_and_forwards_to_the_application() -> None:
    context = a_context(a_service_entry(addresses=("127.0.0.5",)))
    proxy = unredirected(ports=FrozenMap({"http": 9080}), app_ports=FrozenMap({"http": 19080}))
    (port,) = inbound_scope(context, proxy).ports
    assert (port.listen_address, port.listen_port) == ("127.0.0.5", 9080)
    assert (port.app_address, port.app_port, port.bound) == ("127.0.0.5", 19080, True)
    assert listener_scope(context, proxy).inbound_ports == (("127.0.0.5", 9080),)


def test_an_app_port_may_go_by_the_workloads_own_name_for_the_port() -> None:
    context = a_context(a_service_entry(addresses=("127.0.0.5",)))
    proxy = unredirected(ports=FrozenMap({"web": 9080}), app_ports=FrozenMap({"web": 19080}))
    (port,) = inbound_scope(context, proxy).ports
    assert port.app_port == 19080


def test_workloads_that_share_an_address_each_bind_only_their_own_port() -> None:
    context = a_context(
        a_service_entry("one.com", port=9080, addresses=("127.0.0.5",)),
        a_service_entry("two.com", port=9081, addresses=("127.0.0.5",)),
    )
    proxy = unredirected(ports=FrozenMap({"http": 9081}), app_ports=FrozenMap({"http": 19081}))
    assert [port.service_host for port in inbound_scope(context, proxy).ports] == ["two.com"]


def test_without_redirection_and_app_ports_nothing_is_bound() -> None:
    context = a_context(a_service_entry(addresses=("127.0.0.5",)))
    assert inbound_scope(context, unredirected(ports=FrozenMap({"http": 9080}))).ports == ()


def ingress(number: int = 9080, **traits: Any) -> Resource[Sidecar]:
    listener = IstioIngressListener(port=SidecarPort(number=number, protocol="HTTP", name="http"), **traits)
    return a_sidecar("*/*", ingress=(listener,))


def the_ingress_port(proxy: Proxy, *resources: Resource[Any]) -> InboundPort:
    (port,) = inbound_scope(a_context(*resources), proxy).ports
    return port


def test_ingress_listeners_replace_those_of_services() -> None:
    sidecar = ingress(7000, default_endpoint="127.0.0.1:8080")
    port = the_ingress_port(a_proxy(), sidecar, a_service_entry())
    assert (port.listen_port, port.app_address, port.app_port) == (7000, "127.0.0.1", 8080)
    assert (port.bound, port.service_host, port.origins) == (False, "", (sidecar.key,))


def test_an_ingress_listener_knows_the_service_at_its_port() -> None:
    entry, sidecar = a_service_entry(), ingress()
    port = the_ingress_port(a_proxy(), sidecar, entry)
    assert port.service_host == "reviews.default.svc.cluster.local"
    assert port.origins == (sidecar.key, entry.key)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:8080", ("::1", 8080)),
        ("0.0.0.0:8080", ("10.0.0.1", 8080)),
        ("[::]:8080", ("10.0.0.1", 8080)),
        ("unix:///run/app.sock", ("unix:///run/app.sock", 0)),
        ("", ("", 0)),
    ],
)
def test_default_endpoints(written: str, expected: tuple[str, int]) -> None:
    port = the_ingress_port(a_proxy(), ingress(default_endpoint=written))
    assert (port.app_address, port.app_port) == expected


def test_ingress_listeners_bind_without_redirection_or_capture() -> None:
    captured = the_ingress_port(a_proxy(), ingress(capture_mode=CaptureMode.NONE))
    assert (captured.bound, captured.listen_address) == (True, "10.0.0.1")
    free = the_ingress_port(unredirected(), ingress(bind="127.0.0.9"))
    assert (free.bound, free.listen_address) == (True, "127.0.0.9")


def test_only_a_proxy_that_registers_itself_is_a_workload() -> None:
    assert registered_workload(a_proxy()) is None
    proxy = a_proxy(self_register=True, labels=labels(app="a"), ports=FrozenMap({"http": 80}), workload_group="g")
    claim = registered_workload(proxy)
    assert claim is not None
    assert (claim.id, claim.address, claim.namespace, claim.group) == (proxy.id, "10.0.0.1", "default", "g")
    assert (claim.labels, claim.ports) == (labels(app="a"), FrozenMap({"http": 80}))


def test_the_policies_that_count_for_a_workload_are_named_in_its_inbound_scope() -> None:
    policy = a_peer_policy("STRICT", name="reviews", selector={"app": "reviews"}, ports={9080: "DISABLE"})
    wide = a_peer_policy("STRICT", name="wide", namespace="istio-system")
    reviews, other = a_proxy(labels=labels(app="reviews")), a_proxy(labels=labels(app="other"))
    context = a_context(policy, wide, trust_domain="cluster.local")
    assert inbound_scope(context, reviews).attached == attached(wide.key, policy.key)
    assert inbound_scope(context, other).attached == attached(wide.key)
    assert outbound_scope(context, reviews).attached == attached(), "what it accepts changes nothing of what it sends"
    assert inbound_scope(a_context(policy), reviews).attached == attached(), "nobody has an identity"


def test_policies_select_by_all_labels_of_a_workload() -> None:
    group = a_resource(WorkloadGroup(template=WorkloadEntry(labels=labels(app="reviews"))), "reviews")
    strict = a_peer_policy("STRICT", name="reviews", selector={"app": "reviews"})
    joined = a_proxy(labels=labels(version="v1"), self_register=True, workload_group="reviews")
    listed = a_proxy(labels=labels(pod="x"))
    for proxy, resource in ((joined, group), (listed, a_workload_entry())):
        context = a_context(strict, resource, a_manifest(), trust_domain="cluster.local")
        assert inbound_scope(context, proxy).attached == attached(strict.key)


@pytest.mark.parametrize(
    ("proxy", "ports"),
    [
        (a_proxy(), None),
        (a_gateway_proxy(), ()),
        (a_proxy(interception=Interception.NONE), ()),
        (a_proxy(interception=Interception.NONE, ports=FrozenMap({"a": 1, "b": 2})), ()),
        (
            a_proxy(interception=Interception.NONE, ports=FrozenMap({"a": 1, "b": 2}), app_ports=FrozenMap({"b": 3})),
            (2,),
        ),
        (a_proxy(interception=Interception.NONE, app_ports=FrozenMap({"b": 3})), None),
    ],
)
def test_the_ports_at_which_a_proxy_stands_before_its_workload(proxy: Proxy, ports: tuple[int, ...] | None) -> None:
    registered = registered_workload(replace(proxy, self_register=True))
    assert registered is not None
    assert registered.proxied_ports == ports


def test_a_workload_that_has_proven_nothing_registers_without_account_and_without_mutual_tls() -> None:
    claims = a_proxy(
        self_register=True,
        identified=False,
        service_account="thief",
        labels=FrozenMap({"app": "reviews", "security.istio.io/tlsMode": "istio"}),
    )
    workload = registered_workload(claims)
    assert workload is not None
    assert (workload.service_account, workload.proxied_ports, workload.identified) == ("", (), False)
    assert workload.labels["security.istio.io/tlsMode"] == "disabled"
    assert workload.labels["app"] == "reviews"


def test_a_scope_tells_where_certificates_come_from() -> None:
    proxies = {
        Certificates.CONTROL_PLANE: a_proxy(),
        Certificates.AGENT: a_proxy(has_agent=True),
        Certificates.NONE: a_proxy(identified=False, has_agent=True),
    }
    mutual, plain = a_context(trust_domain="cluster.local"), a_context()
    for certificates, proxy in proxies.items():
        scope = proxy_scope(mutual, proxy)
        assert scope.inbound is not None
        assert (scope.outbound.certificates, scope.inbound.certificates) == (certificates, certificates)
        assert proxy_scope(plain, proxy) == proxy_scope(plain, a_proxy())


def test_a_gateway_does_not_become_the_workload_whose_address_it_shares() -> None:
    spec = AuthorizationPolicy(selector=WorkloadSelector(match_labels=labels(app="hello")))
    policy = a_resource(spec, "only-hello", namespace="istio-system")
    workload = WorkloadEntry(address="127.0.0.1", labels=labels(app="hello"))
    context = a_context(policy, a_service_entry(endpoints=(workload,), namespace="default"))
    gateway = a_proxy(kind=ProxyKind.GATEWAY, address="127.0.0.1", labels=labels(istio="ingressgateway"))
    assert context.attached_to(outbound_scope(context, gateway).attached, AuthorizationPolicy) == ()
    sidecar = a_proxy(address="127.0.0.1", labels=labels(tier="front"))
    assert context.attached_to(inbound_scope(context, sidecar).attached, AuthorizationPolicy) == (policy,)
