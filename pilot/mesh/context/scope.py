"""Scopes: all that generation may know of a proxy, as frozen keys. Proxies of one scope share one result."""

from __future__ import annotations

from enum import StrEnum

from citadel.policy.external_authorization import AuthorizationServer
from galley.frozen import FrozenMap, frozen
from galley.meta import NO_LABELS, Labels, ResourceKey
from pilot.ir.proxy import WithheldPatches
from pilot.ir.telemetry import NO_TELEMETRY, TelemetryPlan
from pilot.mesh.context.auto_addressing import AddressFamilies
from pilot.node.locality import NOWHERE, Locality
from pilot.node.metadata import Interception
from pilot.node.node_id import ProxyKind

AttachedKeys = FrozenMap[str, tuple[ResourceKey, ...]]
"""The policies that count for a workload, by kind and in the order in which they count.

Keys and not contents, which a planner looks up (``PushContext.attached_to``): a scope tells proxies apart."""


ServersByProvider = FrozenMap[str, AuthorizationServer]
"""The authorization servers that a proxy can ask, by the names of their providers in MeshConfig."""


@frozen
class AccessServers:
    """The servers that the access filters of a proxy can ask, as far as it has clusters for them.

    ``key_clusters`` lead to the key sets that it fetches itself, by their URIs.
    """

    authorization: ServersByProvider = FrozenMap()
    key_clusters: FrozenMap[str, str] = FrozenMap()


NO_SERVERS = AccessServers()


class Certificates(StrEnum):
    """Where a proxy has its certificate and the roots from, in a mesh whose workloads have identities."""

    CONTROL_PLANE = "control plane"
    AGENT = "agent"
    NONE = "none"


@frozen
class OutboundScope:
    """What clusters, endpoints and routes depend on.

    ``labels`` are only those that some rule asks about (``sourceLabels``). ``own_target_ports`` lists the target ports
    of a gateway's own service (declared port → listener port).
    """

    kind: ProxyKind
    namespace: str
    dns_domain: str
    interception: Interception = Interception.REDIRECT
    labels: Labels = NO_LABELS
    attached: AttachedKeys = FrozenMap()
    own_target_ports: FrozenMap[int, int] = FrozenMap()
    ipv6: bool = False
    dual_stack: bool = False
    http_proxy: bool = False
    """Whether there is an HTTP forward-proxy listener, which needs a route configuration of all ports."""
    certificates: Certificates = Certificates.CONTROL_PLANE
    auto_addresses: bool = False
    """Whether services without address have automatic ones, because the application's names come from here."""
    locality: Locality = NOWHERE
    network: str = ""
    priority_labels: Labels = NO_LABELS
    """Where the workload is, and what of its labels gives endpoints priorities: only where some rule asks for that."""

    @property
    def families(self) -> AddressFamilies:
        """The families of the proxy's addresses."""
        return AddressFamilies(ipv4=not self.ipv6, ipv6=self.ipv6 or self.dual_stack)


@frozen
class ListenerScope:
    """What outbound listeners depend on besides: where they bind in interception mode NONE, and what they report."""

    outbound: OutboundScope
    bind_address: str = ""
    http_proxy_port: int = 0
    accept_http_10: bool = False
    dns_capture: bool = False
    """Whether the application's DNS queries are led to the proxy."""
    inbound_ports: tuple[tuple[str, int], ...] = ()
    """Addresses and ports that inbound listeners of mode NONE hold already; inbound wins."""
    telemetry: TelemetryPlan = NO_TELEMETRY


@frozen
class InboundPort:
    """One port on which a workload serves: a service's protocol and names, and where the application listens.

    ``listen_address``/``listen_port`` are what the listener captures (REDIRECT) or binds (NONE); ``app_address`` and
    ``app_port`` are 0/"" when traffic goes to its original destination. ``app_address`` may be ``unix://…``.
    """

    protocol: str
    service_host: str
    service_port: int
    listen_port: int
    listen_address: str = ""
    app_address: str = ""
    app_port: int = 0
    bound: bool = False
    origins: tuple[ResourceKey, ...] = ()


@frozen
class InboundScope:
    """What inbound listeners and clusters depend on: the workload's ports, not its name.

    A workload without certificate takes plain text where its policy admits that, and nothing where it does not.
    """

    namespace: str
    interception: Interception
    ports: tuple[InboundPort, ...] = ()
    attached: AttachedKeys = FrozenMap()
    servers: AccessServers = NO_SERVERS
    telemetry: TelemetryPlan = NO_TELEMETRY
    accept_http_10: bool = False
    ipv6: bool = False
    dual_stack: bool = False
    certificates: Certificates = Certificates.CONTROL_PLANE


PatchesInForce = tuple[tuple[ResourceKey, tuple[int, ...]], ...]
"""EnvoyFilters in the order in which they count, each with the positions of its patches that are for a proxy."""


@frozen
class ProxyScope:
    """Everything that decides what one proxy receives; proxies of an equal scope share one snapshot.

    ``inbound`` is None for gateways, whose listeners are all outbound.
    """

    listeners: ListenerScope
    inbound: InboundScope | None = None
    patches: PatchesInForce = ()
    withheld: WithheldPatches = frozenset()

    @property
    def outbound(self) -> OutboundScope:
        """What clusters, endpoints and routes depend on."""
        return self.listeners.outbound

    @property
    def kind(self) -> ProxyKind:
        """What kind of proxy it is for."""
        return self.outbound.kind
