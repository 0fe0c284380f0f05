"""Inbound listeners of workloads with identities."""

from collections.abc import Mapping
from typing import Any

from citadel.ir import MeshServerTls, MeshTls, MtlsMode
from galley.meta import ResourceKey
from pilot.ir.listener import FilterChainPlan, TcpListenerPlan
from pilot.ir.listener_filters import HttpInspectorPlan, OriginalDstPlan, TlsInspectorPlan
from pilot.memo import Memo
from pilot.mesh.context.scope import Certificates, InboundPort, InboundScope
from pilot.mesh.inbound.listeners import plan_inbound_listeners
from pilot.node.metadata import Interception
from tests.builders import a_context, a_peer_policy, attached
from tests.builders_traffic import end_of

MESH = MeshTls(trust_domains=("cluster.local",))
DISABLE, PERMISSIVE, STRICT = MtlsMode.DISABLE, MtlsMode.PERMISSIVE, MtlsMode.STRICT
DESTINATION = OriginalDstPlan()


def a_port(protocol: str = "HTTP", port: int = 9080, **traits: Any) -> InboundPort:
    service: dict[str, Any] = {"service_host": "reviews.default.svc.cluster.local", "service_port": 80}
    return InboundPort(protocol=protocol, listen_port=port, **{**service, **traits})


def listeners(
    *ports: InboundPort,
    mode: MtlsMode = PERMISSIVE,
    at: Mapping[int, str] | None = None,
    interception: Interception = Interception.REDIRECT,
    **traits: Any,
) -> tuple[TcpListenerPlan, ...]:
    policy = a_peer_policy(mode.value, name="x", selector={"app": "reviews"}, ports=at)
    scope = InboundScope(
        namespace="default", interception=interception, ports=ports, attached=attached(policy.key), **traits
    )
    return plan_inbound_listeners(a_context(policy, trust_domain="cluster.local"), scope, Memo())


def virtual_inbound(*ports: InboundPort, **details: Any) -> TcpListenerPlan:
    (listener,) = listeners(*ports, **details)
    return listener


def bound(protocol: str = "HTTP", **details: Any) -> TcpListenerPlan:
    port = a_port(protocol, bound=True, listen_address="127.0.0.2", app_port=19080)
    (listener,) = listeners(port, interception=Interception.NONE, **details)
    return listener


def chains_at(listener: TcpListenerPlan, port: int) -> list[FilterChainPlan]:
    return [chain for chain in listener.chains if chain.match.destination_port == port]


def test_strict_ends_mutual_tls_everywhere_but_in_the_loop() -> None:
    loop, *others = virtual_inbound(a_port(), a_port("TCP", 82), a_port("AUTO", 83), mode=STRICT).chains
    assert loop.tls is None
    assert {chain.tls for chain in others} == {MeshServerTls(mesh=MESH)}
    assert {chain.match.transport_protocol for chain in others} == {"tls"}


def test_each_port_has_its_mode() -> None:
    listener = virtual_inbound(a_port(), a_port("TCP", 82), mode=STRICT, at={82: DISABLE})
    assert [bool(chain.tls) for chain in chains_at(listener, 9080)] == [True]
    assert [bool(chain.tls) for chain in chains_at(listener, 82)] == [False]
    inspectors = (TlsInspectorPlan((82, 15006)), HttpInspectorPlan((82, 9080, 15006)))
    assert listener.listener_filters == (DESTINATION, *inspectors)


def test_a_port_without_service_has_its_mode_too() -> None:
    listener = virtual_inbound(a_port(), mode=STRICT, at={7070: DISABLE, 7071: PERMISSIVE})
    plain = chains_at(listener, 7070)
    assert [(chain.match.transport_protocol, chain.tls) for chain in plain] == [("raw_buffer", None)] * 2
    assert len(chains_at(listener, 7071)) == 5
    assert {end_of(chain) for chain in chains_at(listener, 7071)[2:]} == {"InboundPassthroughCluster"}
    (tls,) = (each for each in listener.listener_filters if isinstance(each, TlsInspectorPlan))
    assert 7070 in tls.excluded_ports
    assert 7071 not in tls.excluded_ports


def test_nobody_looks_for_tls_where_none_ends() -> None:
    listener = virtual_inbound(a_port(), mode=DISABLE)
    assert listener.listener_filters == (DESTINATION, HttpInspectorPlan((9080, 15006)))


def test_tls_of_the_application_passes_where_the_inspector_sees_it_though_all_is_plain_text() -> None:
    listener = virtual_inbound(a_port(), mode=DISABLE, at={9080: STRICT})
    opaque = [chain for chain in listener.chains if chain.name == "virtualInbound"]
    assert [chain.match.transport_protocol for chain in opaque] == ["raw_buffer", ""]


def test_a_listener_of_its_own() -> None:
    listener = bound(mode=STRICT)
    assert [(chain.match.transport_protocol, bool(chain.tls)) for chain in listener.chains] == [("tls", True)]
    assert (listener.listener_filters, listener.default_chain) == ((TlsInspectorPlan(),), None)
    listener = bound("AUTO")
    assert (len(listener.chains), listener.default_chain) == (5, None)
    assert listener.listener_filters == (TlsInspectorPlan(), HttpInspectorPlan())
    listener = bound("AUTO", mode=DISABLE)
    assert (listener.listener_filters, len(listener.chains)) == ((HttpInspectorPlan(),), 1)
    assert listener.default_chain is not None
    assert bound("TCP", at={9080: DISABLE}).listener_filters == ()


def test_listeners_name_the_policies_that_made_them() -> None:
    policy = ResourceKey(kind="PeerAuthentication", namespace="default", name="x")
    assert policy in virtual_inbound().origins
    assert policy in bound().origins


def without_certificate(*ports: InboundPort, **details: Any) -> TcpListenerPlan:
    return virtual_inbound(*ports, certificates=Certificates.NONE, **details)


def test_without_a_certificate_of_its_own_a_permissive_workload_takes_plain_text() -> None:
    listener = without_certificate(a_port(), a_port("TCP", 82))
    assert not any(chain.tls for chain in listener.chains)
    assert [end_of(chain) for chain in chains_at(listener, 82)] == ["inbound|82||"]
    assert listener.listener_filters == (DESTINATION, HttpInspectorPlan((82, 9080, 15006)))


def test_without_a_certificate_of_its_own_a_strict_workload_takes_nothing() -> None:
    listener = without_certificate(a_port(), a_port("TCP", 82), mode=STRICT, at={7070: STRICT, 82: PERMISSIVE})
    refused = [chain for chain in listener.chains if chain.match.destination_port != 82]
    assert {end_of(chain) for chain in refused} == {"BlackHoleCluster"}
    assert {chain.match.destination_port for chain in refused} == {0, 7070, 9080, 15006}
    assert all(chain.match.application_protocols == () for chain in refused)
    assert [end_of(chain) for chain in chains_at(listener, 82)] == ["inbound|82||"]
