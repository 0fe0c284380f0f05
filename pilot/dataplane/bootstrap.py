"""The static part of one Envoy's configuration: who it is, where its control plane is, and its own listeners.

Everything is a function of `BootstrapOptions`; the result is plain JSON that stock Envoy 1.36 and later accepts.
"""

from __future__ import annotations

from dataclasses import field
from ipaddress import ip_address
from typing import Any

from galley.frozen import FrozenMap, frozen
from galley.hosts.names import DEFAULT_DOMAIN, is_ip
from galley.meta import NO_LABELS, Labels
from pilot.dataplane.xds_tls import SDS_CLUSTER, agent_tls_socket, file_tls_socket, static_tls_socket
from pilot.node.locality import NOWHERE, Locality, write_locality
from pilot.node.metadata import Interception, NodeMetadata, write_metadata
from pilot.node.node_id import NodeId, ProxyKind
from pilot.node.ports import ENVOY_ADMIN_PORT, READINESS_PATH, STATISTICS_PATH, XDS_CLUSTER, XDS_PORT

Json = dict[str, Any]

ADMIN_CLUSTER = "envoy-admin"
_PIPE_PREFIX = "unix:"
_TYPE_PREFIX = "type.googleapis.com/envoy.extensions."
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@frozen
class SocketAddress:
    """An IP address or DNS name with a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@frozen
class PipeAddress:
    """A Unix domain socket."""

    path: str

    def __str__(self) -> str:
        return f"{_PIPE_PREFIX}{self.path}"

    @staticmethod
    def parse(text: str) -> PipeAddress | None:
        """The socket that ``unix:PATH`` names, as flags have it; None for any other text."""
        path = text.removeprefix(_PIPE_PREFIX)
        return PipeAddress(path) if path and path != text else None


Address = SocketAddress | PipeAddress


@frozen
class XdsTls:
    """How an Envoy knows its control plane, and proves who it is itself.

    ``roots`` (PEM) verify the server's certificate, which must carry one of ``names`` (DNS names or IP addresses).
    ``token`` goes with every stream as a bearer token; "" sends none. ``secrets`` is the socket of an agent on this
    host, from which Envoy takes its certificate and the roots, then and whenever they change; ``roots_file`` is a path,
    as Envoy sees it, of the roots as SDS (`file_tls_socket`). ``roots`` is "" with either of them.
    """

    roots: str
    names: tuple[str, ...]
    token: str = field(default="", repr=False)
    secrets: PipeAddress | None = None
    roots_file: str = ""


@frozen
class BootstrapOptions:
    """The settings of one Envoy that its bootstrap is made of.

    ``ports`` maps a port name to the port where other workloads reach this one (WorkloadEntry's ``ports``);
    ``app_ports`` maps it to the port where the application itself listens, for mode NONE, in which the sidecar
    holds the former and forwards to the latter. ``self_register`` makes this Envoy's workload an endpoint of the
    services that select it for as long as it is connected. ``other_ips`` are its further addresses, of the other family
    say; the first is how others reach it. With ``dns_capture`` it answers its application's DNS queries.
    ``agent_id`` names the agent that runs it, for where its address does not.
    ``status_port`` and ``stats_port`` open the readiness and Prometheus listeners on all addresses; None leaves them
    out.
    """

    kind: ProxyKind
    name: str
    ip: str
    other_ips: tuple[str, ...] = ()
    namespace: str = "default"
    service_account: str = "default"
    workload_name: str = ""
    labels: Labels = NO_LABELS
    ports: FrozenMap[str, int] = FrozenMap()
    app_ports: FrozenMap[str, int] = FrozenMap()
    interception: Interception = Interception.REDIRECT
    http_proxy_port: int | None = None
    dns_capture: bool = False
    workload_group: str = ""
    self_register: bool = False
    cluster_id: str = ""
    network: str = ""
    mesh_id: str = ""
    agent_id: str = ""
    locality: Locality = NOWHERE
    domain_suffix: str = DEFAULT_DOMAIN
    xds: Address = SocketAddress("127.0.0.1", XDS_PORT)
    xds_tls: XdsTls | None = None
    delta: bool = True
    admin: Address = SocketAddress("127.0.0.1", ENVOY_ADMIN_PORT)
    status_port: int | None = None
    stats_port: int | None = None


def build_bootstrap(options: BootstrapOptions) -> Json:
    """The bootstrap of one Envoy, as JSON."""
    bootstrap: Json = {
        "node": build_node(options),
        "admin": {"address": _address(options.admin), "ignore_global_conn_limit": True},
        "dynamic_resources": _dynamic_resources(options),
        "static_resources": {
            "clusters": _clusters(options),
        },
        # Long regular expressions in VirtualServices exceed Envoy's default limit of 100 instructions.
        "layered_runtime": {
            "layers": [
                {"name": "bootstrap", "static_layer": {"re2.max_program_size.error_level": 32768}},
                {"name": "admin", "admin_layer": {}},
            ]
        },
    }
    listeners = _own_listeners(options)
    if listeners:
        bootstrap["static_resources"]["listeners"] = listeners
    return bootstrap


def build_node(options: BootstrapOptions) -> Json:
    """The xDS node as JSON: id, cluster, metadata, and the locality where it is known."""
    node: Json = {
        "id": str(node_id_of(options)),
        "cluster": node_cluster_of(options),
        "metadata": write_metadata(node_metadata_of(options)),
    }
    if locality := write_locality(options.locality):
        node["locality"] = locality
    return node


def node_id_of(options: BootstrapOptions) -> NodeId:
    """The id of the Envoy, in the DNS domain ``NAMESPACE.svc.SUFFIX``."""
    domain = f"{options.namespace}.svc.{options.domain_suffix}"
    return NodeId(options.kind, options.ip, options.name, options.namespace, domain)


def node_cluster_of(options: BootstrapOptions) -> str:
    """The cluster that the Envoy names itself part of: its workload and namespace, for people and statistics."""
    return f"{options.labels.get('app', options.workload_name or options.name)}.{options.namespace}"


def node_metadata_of(options: BootstrapOptions) -> NodeMetadata:
    """The node's metadata: the Envoy and its workload."""
    return NodeMetadata(
        name=options.name,
        namespace=options.namespace,
        service_account=options.service_account,
        workload_name=options.workload_name or options.name,
        addresses=(options.ip, *options.other_ips),
        labels=options.labels,
        interception=options.interception if options.kind is ProxyKind.SIDECAR else None,
        http_proxy_port=options.http_proxy_port or 0,
        dns_capture=options.dns_capture,
        self_register=options.self_register,
        has_agent=options.xds_tls is not None and options.xds_tls.secrets is not None,
        agent_id=options.agent_id,
        workload_group=options.workload_group,
        cluster_id=options.cluster_id,
        network=options.network,
        mesh_id=options.mesh_id,
        ports=options.ports,
        app_ports=options.app_ports,
    )


def _dynamic_resources(options: BootstrapOptions) -> Json:
    service: Json = {
        "envoy_grpc": {
            "cluster_name": XDS_CLUSTER,
            # Envoy's default goes up to 30 s; a control plane that restarts should be met sooner.
            "retry_policy": {"retry_back_off": {"base_interval": "0.2s", "max_interval": "5s"}},
        }
    }
    if options.xds_tls is not None and options.xds_tls.token:
        service["initial_metadata"] = [{"key": "authorization", "value": f"Bearer {options.xds_tls.token}"}]
    return {
        "lds_config": _from_ads(),
        "cds_config": _from_ads(),
        "ads_config": {
            "api_type": "DELTA_GRPC" if options.delta else "GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [service],
        },
    }


def _from_ads() -> Json:
    # Without a fetch timeout Envoy stays unready until the control plane has answered, instead of opening with
    # half of a configuration.
    return {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}


def _clusters(options: BootstrapOptions) -> list[Json]:
    clusters = [_xds_cluster(options), _admin_cluster(options.admin)]
    if options.xds_tls is not None and options.xds_tls.secrets is not None:
        clusters.append(_grpc_cluster(SDS_CLUSTER, options.xds_tls.secrets))
    return clusters


def _xds_cluster(options: BootstrapOptions) -> Json:
    keepalive = {"tcp_keepalive": {"keepalive_time": 300}}
    cluster = _grpc_cluster(XDS_CLUSTER, options.xds, upstream_connection_options=keepalive)
    if options.xds_tls is not None:
        cluster["transport_socket"] = _tls_socket(options.xds_tls)
        if options.xds_tls.secrets is not None:
            # A stream ends with the certificate that its connection was made with, and Envoy would open the next one
            # on the same connection, by the same certificate, for ever. So each stream gets a connection of its own.
            protocol = cluster["typed_extension_protocol_options"][_HTTP_OPTIONS]
            protocol["common_http_protocol_options"] = {"max_requests_per_connection": 1}
    return cluster


def _grpc_cluster(name: str, address: Address, **more: Json) -> Json:
    return {
        "name": name,
        **_discovery(address),
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": _TYPE_PREFIX + "upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {
                    "http2_protocol_options": {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
                },
            }
        },
        **more,
        "load_assignment": _load_assignment(name, address),
    }


def _tls_socket(tls: XdsTls) -> Json:
    if tls.secrets is not None:
        return agent_tls_socket(tls.names)
    return file_tls_socket(tls.names, tls.roots_file) if tls.roots_file else static_tls_socket(tls.names, tls.roots)


def _admin_cluster(address: Address) -> Json:
    return {
        "name": ADMIN_CLUSTER,
        **_discovery(address),
        "connect_timeout": "1s",
        "load_assignment": _load_assignment(ADMIN_CLUSTER, address),
    }


def _load_assignment(name: str, address: Address) -> Json:
    return {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(address)}}]}],
    }


def _discovery(address: Address) -> Json:
    if isinstance(address, PipeAddress) or is_ip(address.host):
        return {"type": "STATIC"}
    # A name may have addresses of both families of which only one answers ("localhost" has): try them all.
    return {"type": "LOGICAL_DNS", "dns_lookup_family": "ALL"}


def _address(address: Address) -> Json:
    if isinstance(address, PipeAddress):
        return {"pipe": {"path": address.path}}
    return {"socket_address": {"address": address.host, "port_value": address.port}}


def _own_listeners(options: BootstrapOptions) -> list[Json]:
    """The listeners that stay when the control plane is away: readiness, and statistics for Prometheus."""
    listeners = []
    if options.status_port is not None:
        listeners.append(
            _admin_listener(
                name="status",
                address=_anywhere(options, options.status_port),
                path=READINESS_PATH,
                admin_path="/ready",
            )
        )
    if options.stats_port is not None:
        listeners.append(
            _admin_listener(
                name="stats",
                address=_anywhere(options, options.stats_port),
                path=STATISTICS_PATH,
                admin_path=STATISTICS_PATH,
            )
        )
    return listeners


def _anywhere(options: BootstrapOptions, port: int) -> Json:
    """All addresses of the families in which the proxy has some."""
    families = {ip_address(address).version for address in (options.ip, *options.other_ips)}
    if families == {4}:
        return _address(SocketAddress("0.0.0.0", port))
    both = {"ipv4_compat": True} if len(families) == 2 else {}
    return {"socket_address": {"address": "::", "port_value": port, **both}}


def _admin_listener(*, name: str, address: Json, path: str, admin_path: str) -> Json:
    """A listener through which exactly one path of the admin interface can be read."""
    route: Json = {
        "match": {"path": path, "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]},
        "route": {"cluster": ADMIN_CLUSTER, "prefix_rewrite": admin_path},
    }
    manager = {
        "@type": _TYPE_PREFIX + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {
            "name": name,
            "virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}],
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": _TYPE_PREFIX + "filters.http.router.v3.Router"},
            }
        ],
    }
    return {
        "name": name,
        "address": address,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
