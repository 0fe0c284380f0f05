"""EnvoyFilter: changes to what Envoys are sent, in Envoy's own words (networking.istio.io)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from galley.frozen import FrozenMap, frozen
from galley.kinds.attachment import Attachment, Precedence, RootSelector
from galley.kinds.values import NetworkingWorkloadSelector, PolicyTargetReference, unsupported


class ApplyTo(StrEnum):
    """What a patch changes."""

    INVALID = "INVALID"
    LISTENER = "LISTENER"
    LISTENER_FILTER = "LISTENER_FILTER"
    FILTER_CHAIN = "FILTER_CHAIN"
    NETWORK_FILTER = "NETWORK_FILTER"
    HTTP_FILTER = "HTTP_FILTER"
    ROUTE_CONFIGURATION = "ROUTE_CONFIGURATION"
    VIRTUAL_HOST = "VIRTUAL_HOST"
    HTTP_ROUTE = "HTTP_ROUTE"
    CLUSTER = "CLUSTER"
    EXTENSION_CONFIG = "EXTENSION_CONFIG"
    BOOTSTRAP = "BOOTSTRAP"


LISTENER_PARTS = frozenset(
    {ApplyTo.LISTENER, ApplyTo.LISTENER_FILTER, ApplyTo.FILTER_CHAIN, ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER}
)
"""What is matched by ``match.listener``."""

ROUTE_PARTS = frozenset({ApplyTo.ROUTE_CONFIGURATION, ApplyTo.VIRTUAL_HOST, ApplyTo.HTTP_ROUTE})
"""What is matched by ``match.routeConfiguration``."""


PATCHED_MESSAGES = {
    ApplyTo.LISTENER: "envoy.config.listener.v3.Listener",
    ApplyTo.LISTENER_FILTER: "envoy.config.listener.v3.ListenerFilter",
    ApplyTo.FILTER_CHAIN: "envoy.config.listener.v3.FilterChain",
    ApplyTo.NETWORK_FILTER: "envoy.config.listener.v3.Filter",
    ApplyTo.HTTP_FILTER: "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
    ApplyTo.ROUTE_CONFIGURATION: "envoy.config.route.v3.RouteConfiguration",
    ApplyTo.VIRTUAL_HOST: "envoy.config.route.v3.VirtualHost",
    ApplyTo.HTTP_ROUTE: "envoy.config.route.v3.Route",
    ApplyTo.CLUSTER: "envoy.config.cluster.v3.Cluster",
}
"""The full name of the message that is patched, by what a patch changes."""


class PatchContext(StrEnum):
    """The proxies, and the side of them, that a patch is for."""

    ANY = "ANY"
    SIDECAR_INBOUND = "SIDECAR_INBOUND"
    SIDECAR_OUTBOUND = "SIDECAR_OUTBOUND"
    GATEWAY = "GATEWAY"


class PatchOperation(StrEnum):
    """How what is matched is changed."""

    INVALID = "INVALID"
    MERGE = "MERGE"
    MERGE_AND_REPLACE_LIST = "MERGE_AND_REPLACE_LIST"
    ADD = "ADD"
    REMOVE = "REMOVE"
    INSERT_BEFORE = "INSERT_BEFORE"
    INSERT_AFTER = "INSERT_AFTER"
    INSERT_FIRST = "INSERT_FIRST"
    REPLACE = "REPLACE"

    @property
    def merges(self) -> bool:
        """Whether the value is merged into what is there."""
        return self in (PatchOperation.MERGE, PatchOperation.MERGE_AND_REPLACE_LIST)


class RouteAction(StrEnum):
    """What a route does with a request."""

    ANY = "ANY"
    ROUTE = "ROUTE"
    REDIRECT = "REDIRECT"
    DIRECT_RESPONSE = "DIRECT_RESPONSE"


class FilterClass(StrEnum):
    """Where in Istio's own order a filter belongs."""

    UNSPECIFIED = "UNSPECIFIED"
    AUTHN = "AUTHN"
    AUTHZ = "AUTHZ"
    STATS = "STATS"


@frozen
class ProxyMatch:
    """Proxies by Istio's version (a regular expression, found anywhere) and by texts of their node's metadata."""

    proxy_version: str = ""
    metadata: FrozenMap[str, str] = FrozenMap()


@frozen
class ClusterMatch:
    """Clusters: by ``name`` alone, or by what its parts say."""

    port_number: int = 0
    service: str = ""
    subset: str = ""
    name: str = ""


@frozen
class SubFilterMatch:
    """A filter inside of a network filter."""

    name: str = ""


@frozen
class FilterMatch:
    """A network filter, and an HTTP filter in it."""

    name: str = ""
    sub_filter: SubFilterMatch | None = None


@frozen
class FilterChainMatch:
    """Filter chains; ``application_protocols`` is a list with commas, all of which the chain must have."""

    name: str = ""
    sni: str = ""
    transport_protocol: str = ""
    application_protocols: str = ""
    filter: FilterMatch | None = None
    destination_port: int = 0


@frozen
class ListenerMatch:
    """Listeners and what is in them."""

    port_number: int = 0
    port_name: str = unsupported("", "it matches whatever it says, as in Istio; write portNumber")
    filter_chain: FilterChainMatch | None = None
    listener_filter: str = ""
    name: str = ""


@frozen
class RouteMatch:
    """Routes of a virtual host."""

    name: str = ""
    action: RouteAction = RouteAction.ANY


@frozen
class VirtualHostMatch:
    """Virtual hosts, and routes in them."""

    name: str = ""
    route: RouteMatch | None = None
    domain_name: str = ""


@frozen
class RouteConfigurationMatch:
    """Route configurations; ``gateway`` (``namespace/name``) and ``port_name`` are known of HTTPS servers only."""

    port_number: int = 0
    port_name: str = ""
    gateway: str = ""
    vhost: VirtualHostMatch | None = None
    name: str = ""


@frozen
class EnvoyConfigObjectMatch:
    """What a patch is for; without any of the last three, all of its kind."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("listener", "route_configuration", "cluster"),)
    context: PatchContext = PatchContext.ANY
    proxy: ProxyMatch | None = None
    listener: ListenerMatch | None = None
    route_configuration: RouteConfigurationMatch | None = None
    cluster: ClusterMatch | None = None


@frozen
class PatchSpec:
    """The change. ``value`` is the JSON form of the message that ``applyTo`` names."""

    operation: PatchOperation = PatchOperation.INVALID
    value: FrozenMap[str, Any] | None = None
    filter_class: FilterClass = unsupported(FilterClass.UNSPECIFIED, "the filter stands where the operation puts it")


@frozen
class EnvoyConfigObjectPatch:
    """One patch."""

    apply_to: ApplyTo = ApplyTo.INVALID
    match: EnvoyConfigObjectMatch = EnvoyConfigObjectMatch()
    patch: PatchSpec | None = None


@frozen
class EnvoyFilter:
    """Patches for the proxies that ``workload_selector`` selects; smaller numbers of ``priority`` come first."""

    attachment: ClassVar[Attachment[EnvoyFilter]] = Attachment(
        Precedence.PRIORITY,
        selector=lambda spec: spec.workload_selector,
        targets=lambda spec: spec.target_refs,
        root_selector=RootSelector.WHOLE_MESH,
        priority=lambda spec: spec.priority,
    )
    workload_selector: NetworkingWorkloadSelector | None = None
    target_refs: tuple[PolicyTargetReference, ...] = unsupported((), "no proxy stands for a target yet")
    config_patches: tuple[EnvoyConfigObjectPatch, ...] = ()
    priority: int = 0
