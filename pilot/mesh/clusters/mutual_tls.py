"""Mutual TLS towards the workloads of a service: who takes it, and who they must prove to be.

Stock Envoy has no filter that says in the handshake what a connection carries, so the protocol names that a cluster
offers are fixed: servers tell by them HTTP from opaque bytes, and mutual TLS of the mesh from any other.
"""

from __future__ import annotations

from citadel.ir import MeshClientTls, MeshTls, MtlsMode, PeerModes
from citadel.policy.peer import PeerPolicies
from galley.frozen import frozen
from galley.kinds.values import ClientTlsSettings
from pilot.ir.cluster import UpstreamProtocol
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import OutboundScope
from pilot.registry.catalog import Endpoint, Port, Protocol, Service

TLS_MODE_LABEL = "security.istio.io/tlsMode"
"""A workload's own word on whether it takes mutual TLS: ``istio`` or ``disabled``."""

OPAQUE_ALPN = ("istio",)
HTTP1_ALPN = ("istio-http/1.1", "istio", "http/1.1")
HTTP2_ALPN = ("istio-h2", "istio", "h2")
ANY_HTTP_ALPN = ("istio-http/1.1", "istio-h2", "istio")
"""HTTP of whichever version the client spoke: nothing that a server could select, so it looks at the bytes."""


@frozen
class PortPeers:
    """The endpoints of one port: their service accounts, and whether any or all of them take mutual TLS."""

    accounts: tuple[str, ...] = ()
    any_mutual: bool = False
    all_mutual: bool = False


@frozen
class ServicePeers:
    """What clients know of a service's workloads; ``ports`` is parallel to the service's.

    ``automatic`` tells whether they use mutual TLS without being told by a DestinationRule.
    """

    mesh: MeshTls
    policies: PeerPolicies
    automatic: bool
    ports: tuple[PortPeers, ...] = ()


def service_peers(context: PushContext, scope: OutboundScope, service: Service, memo: Memo) -> ServicePeers | None:
    """The peers behind ``service``, for clients of ``scope``; None for those that have no identity to show.

    Whether mutual TLS is automatic is decided by the policies of mesh and namespace; those of single workloads show
    in their endpoints (Istio's rule).
    """
    mesh = context.mtls_for(scope.certificates)
    if mesh is None:
        return None
    policies = context.peers.of(service.namespace)
    wanted = context.mesh.enable_auto_mtls is not False and not service.mesh_external
    return ServicePeers(
        mesh=mesh,
        policies=policies,
        automatic=wanted and policies.mode is not MtlsMode.DISABLE,
        ports=tuple(
            memo(plan_port_peers, context.catalog.endpoints_of(service.key, port.name), policies)
            for port in service.ports
        ),
    )


def plan_port_peers(endpoints: tuple[Endpoint, ...], policies: PeerPolicies) -> PortPeers:
    """What the endpoints of one port have in common. Those that do not serve yet count: they soon will."""
    mutual = [takes_mutual_tls(endpoint, policies.modes_of(endpoint.labels)) for endpoint in endpoints]
    return PortPeers(
        accounts=tuple(sorted({endpoint.service_account for endpoint in endpoints if endpoint.service_account})),
        any_mutual=any(mutual),
        all_mutual=bool(mutual) and all(mutual),
    )


def takes_mutual_tls(endpoint: Endpoint, modes: PeerModes) -> bool:
    """Whether there is a proxy with an identity, and no policy that forbids it to use it."""
    label = endpoint.labels.get(TLS_MODE_LABEL)
    has_identity = label == "istio" if label else bool(endpoint.service_account) and endpoint.proxied
    return has_identity and modes.at(endpoint.port) is not MtlsMode.DISABLE


@frozen
class MeshUpstream:
    """What one cluster leads to: a port of a service (``port_index`` among its ports), or a subset there."""

    service: Service
    port: Port
    port_index: int
    subset: str = ""
    protocol: UpstreamProtocol = UpstreamProtocol.HTTP1
    original_destination: bool = False


def plan_mesh_tls(
    peers: ServicePeers, upstream: MeshUpstream, settings: ClientTlsSettings | None
) -> tuple[MeshClientTls | None, bool]:
    """TLS with the mesh's identities, and whether it is only for the endpoints that take it.

    ``settings`` are those of a DestinationRule, with mode ISTIO_MUTUAL; None leaves it to the endpoints. Endpoints that
    Envoy learns from connections carry no mark, so there all of them must take it.
    """
    mutual, here = _mutual_tls(peers, upstream, settings), peers.ports[upstream.port_index]
    if settings is not None:
        return mutual, False
    if not peers.automatic or not here.any_mutual:
        return None, False
    if upstream.original_destination:
        return (mutual if here.all_mutual else None), False
    return mutual, True


def _mutual_tls(peers: ServicePeers, upstream: MeshUpstream, settings: ClientTlsSettings | None) -> MeshClientTls:
    service, port = upstream.service, upstream.port
    accounts = peers.ports[upstream.port_index].accounts
    ids = tuple(name for one in accounts for name in peers.mesh.names_of(service.namespace, one))
    asked = settings.subject_alt_names if settings is not None else ()
    return MeshClientTls(
        mesh=peers.mesh,
        sni=(settings.sni if settings is not None else "")
        or f"outbound_.{port.number}_.{upstream.subset}_.{service.hostname}",
        subject_alt_names=asked or service.subject_alt_names or ids,
        alpn=_alpn(port.protocol, upstream.protocol),
    )


def _alpn(declared: Protocol, spoken: UpstreamProtocol) -> tuple[str, ...]:
    """A port of unknown protocol carries opaque bytes, unless the listener that knows better says so."""
    if not declared.is_http:
        return OPAQUE_ALPN
    if spoken is UpstreamProtocol.HTTP2:
        return HTTP2_ALPN
    return ANY_HTTP_ALPN if spoken is UpstreamProtocol.DOWNSTREAM else HTTP1_ALPN
