"""Rules of a VirtualService: its hosts and gateways, and its TLS and TCP routes."""

from __future__ import annotations

from galley.hosts.names import MESH_GATEWAY, is_ip
from galley.hosts.wildcards import HostIndex, first_overlaps, index_hosts
from galley.kinds.checks.networking.http_route import check_http_route
from galley.kinds.checks.networking.reachability import check_reachability
from galley.kinds.checks.networking.route_parts import check_destination
from galley.kinds.checks.scalars import (
    check_export_to,
    check_labels,
    check_port,
    check_subnets,
    check_weights,
    is_dns_label,
    wrong_with_host,
)
from galley.kinds.networking.virtual_service import (
    L4MatchAttributes,
    RouteDestination,
    TlsMatchAttributes,
    VirtualService,
)
from galley.meta import Resource
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def check_virtual_service(recorder: Recorder, resource: Resource[VirtualService]) -> None:
    """All that is wrong with one VirtualService."""
    spec = resource.spec
    check_export_to(recorder, "spec.exportTo", spec.export_to, resource.namespace)
    if not (spec.http or spec.tls or spec.tcp):
        recorder.error("spec", "missing-field", "needs at least one route in http, tls or tcp")
    if spec.hosts:
        _check_hosts(recorder, spec)
    else:
        _check_delegate(recorder, spec)
    for index, gateway in enumerate(spec.gateways):
        _check_gateway_name(recorder, f"spec.gateways[{index}]", gateway)
    is_gateway_bound = any(gateway != MESH_GATEWAY for gateway in spec.gateways)
    for index, route in enumerate(spec.http):
        is_root = bool(spec.hosts)
        check_http_route(recorder, f"spec.http[{index}]", route, is_root=is_root, is_gateway_bound=is_gateway_bound)
    check_reachability(recorder, spec.http)
    _check_tls_routes(recorder, spec)
    _check_tcp_routes(recorder, spec)


def _check_hosts(recorder: Recorder, spec: VirtualService) -> None:
    is_for_mesh = not spec.gateways or MESH_GATEWAY in spec.gateways
    valid: dict[int, str] = {}
    for index, host in enumerate(spec.hosts):
        path = f"spec.hosts[{index}]"
        if wrong := "" if is_ip(host) else wrong_with_host(host):
            recorder.error(path, "invalid-host", wrong)
            continue
        if host == "*" and is_for_mesh:
            hint = "name the hosts, or bind the rule to gateways only"
            recorder.error(path, "invalid-host", "`*` is possible for gateways only, not for the mesh", hint)
        valid[index] = host
    hosts = list(valid.values())
    for index, first in zip(valid, first_overlaps([host.lower() for host in hosts]), strict=True):
        if first is not None:
            host, earlier = spec.hosts[index], hosts[first]
            what = f"{quoted(host)} is named already" if host == earlier else f"overlaps with {quoted(earlier)}"
            recorder.error(f"spec.hosts[{index}]", "duplicate-host", what, "keep one of them")


def _check_delegate(recorder: Recorder, spec: VirtualService) -> None:
    """Without hosts it can only be the target of another rule's ``delegate``."""
    if spec.http and not (spec.gateways or spec.tls or spec.tcp):
        return
    recorder.error(
        "spec.hosts", "missing-field", "needs at least one host", "only a delegate has none: http and no more"
    )


def _check_gateway_name(recorder: Recorder, field: str, gateway: str) -> None:
    namespace, slash, name = gateway.rpartition("/")
    if not slash and "." in name:
        parts = name.split(".")
        hint = f"write {parts[1]}/{parts[0]}" if len(parts) > 1 else ""
        recorder.warn(field, "deprecated-gateway-name", f"{quoted(gateway)} is the old form of a gateway's name", hint)
        return
    is_namespace = namespace == "." or is_dns_label(namespace)
    if not is_dns_label(name) or (slash and not is_namespace):
        hint = "write name, namespace/name, or mesh"
        recorder.error(field, "invalid-gateway-name", f"{quoted(gateway)} is not the name of a gateway", hint)


def _check_tls_routes(recorder: Recorder, spec: VirtualService) -> None:
    hosts = index_hosts(host.lower() for host in spec.hosts)
    for index, route in enumerate(spec.tls):
        path = f"spec.tls[{index}]"
        if not route.match:
            recorder.error(f"{path}.match", "missing-field", "needs at least one match with sniHosts")
        for number, match in enumerate(route.match):
            _check_tls_match(recorder, f"{path}.match[{number}]", match, hosts)
        _check_route(recorder, path, route.route)


def _check_tls_match(recorder: Recorder, path: str, match: TlsMatchAttributes, hosts: HostIndex[None]) -> None:
    if not match.sni_hosts:
        recorder.error(f"{path}.sniHosts", "missing-field", "needs at least one host")
    for index, sni in enumerate(match.sni_hosts):
        inner = f"{path}.sniHosts[{index}]"
        if is_ip(sni):
            recorder.warn(inner, "invalid-host", f"{quoted(sni)} is an address; clients send no SNI for addresses")
        elif wrong := wrong_with_host(sni):
            recorder.error(inner, "invalid-host", wrong)
        elif hosts.closest(sni.lower()) is None:
            what = f"{quoted(sni)} is not among the hosts of the rule"
            recorder.error(inner, "invalid-host", what, "add it to spec.hosts")
    _check_l4_match(recorder, path, match)


def _check_l4_match(recorder: Recorder, path: str, match: TlsMatchAttributes | L4MatchAttributes) -> None:
    check_subnets(recorder, f"{path}.destinationSubnets", match.destination_subnets)
    if match.port:
        check_port(recorder, f"{path}.port", match.port)
    check_labels(recorder, f"{path}.sourceLabels", match.source_labels)
    for index, gateway in enumerate(match.gateways):
        _check_gateway_name(recorder, f"{path}.gateways[{index}]", gateway)


def _check_tcp_routes(recorder: Recorder, spec: VirtualService) -> None:
    for index, route in enumerate(spec.tcp):
        path = f"spec.tcp[{index}]"
        for number, match in enumerate(route.match):
            _check_l4_match(recorder, f"{path}.match[{number}]", match)
        _check_route(recorder, path, route.route)


def _check_route(recorder: Recorder, path: str, route: tuple[RouteDestination, ...]) -> None:
    if not route:
        recorder.error(f"{path}.route", "missing-field", "needs at least one destination")
    for index, entry in enumerate(route):
        check_destination(recorder, f"{path}.route[{index}].destination", entry.destination)
    check_weights(recorder, f"{path}.route", (entry.weight for entry in route))
