"""Rules of a VirtualService: its hosts and gateways, and its TLS and TCP routes."""

from __future__ import annotations

from collections.abc import Iterable

from galley.hosts.names import MESH_GATEWAY, is_ip
from galley.hosts.wildcards import hosts_match, is_subset
from galley.kinds.checks.findings import Findings, shown
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
from galley.text.diagnostics import Diagnostic


def check_virtual_service(resource: Resource[VirtualService]) -> Iterable[Diagnostic]:
    """All that is wrong with one VirtualService."""
    findings, spec = Findings(resource), resource.spec
    check_export_to(findings, "spec.exportTo", spec.export_to)
    if not (spec.http or spec.tls or spec.tcp):
        findings.error("spec", "missing-field", "needs at least one route in http, tls or tcp")
    if spec.hosts:
        _check_hosts(findings, spec)
    else:
        _check_delegate(findings, spec)
    for index, gateway in enumerate(spec.gateways):
        _check_gateway_name(findings, f"spec.gateways[{index}]", gateway)
    is_gateway_bound = any(gateway != MESH_GATEWAY for gateway in spec.gateways)
    for index, route in enumerate(spec.http):
        is_root = bool(spec.hosts)
        check_http_route(findings, f"spec.http[{index}]", route, is_root=is_root, is_gateway_bound=is_gateway_bound)
    check_reachability(findings, spec.http)
    _check_tls_routes(findings, spec)
    _check_tcp_routes(findings, spec)
    return findings.diagnostics


def _check_hosts(findings: Findings, spec: VirtualService) -> None:
    is_for_mesh = not spec.gateways or MESH_GATEWAY in spec.gateways
    for index, host in enumerate(spec.hosts):
        path = f"spec.hosts[{index}]"
        if wrong := "" if is_ip(host) else wrong_with_host(host):
            findings.error(path, "invalid-host", wrong)
            continue
        if host == "*" and is_for_mesh:
            hint = "name the hosts, or bind the rule to gateways only"
            findings.error(path, "invalid-host", "`*` is possible for gateways only, not for the mesh", hint)
        for earlier in spec.hosts[:index]:
            if hosts_match(earlier.lower(), host.lower()):
                what = f"{shown(host)} is named already" if host == earlier else f"overlaps with {shown(earlier)}"
                findings.error(path, "duplicate-host", what, "keep one of them")
                break


def _check_delegate(findings: Findings, spec: VirtualService) -> None:
    """Without hosts it can only be the target of another rule's ``delegate``."""
    if spec.http and not (spec.gateways or spec.tls or spec.tcp):
        what = "is missing, so the rule could only be a delegate, and delegation is not supported yet"
        findings.warn("spec.hosts", "not-supported-yet", what)
        return
    findings.error(
        "spec.hosts", "missing-field", "needs at least one host", "only a delegate has none: http and no more"
    )


def _check_gateway_name(findings: Findings, field: str, gateway: str) -> None:
    namespace, slash, name = gateway.rpartition("/")
    if not slash and "." in name:
        parts = name.split(".")
        hint = f"write {parts[1]}/{parts[0]}" if len(parts) > 1 else ""
        findings.warn(field, "deprecated-gateway-name", f"{shown(gateway)} is the old form of a gateway's name", hint)
        return
    is_namespace = namespace == "." or is_dns_label(namespace)
    if not is_dns_label(name) or (slash and not is_namespace):
        hint = "write name, namespace/name, or mesh"
        findings.error(field, "invalid-gateway-name", f"{shown(gateway)} is not the name of a gateway", hint)


def _check_tls_routes(findings: Findings, spec: VirtualService) -> None:
    for index, route in enumerate(spec.tls):
        path = f"spec.tls[{index}]"
        if not route.match:
            findings.error(f"{path}.match", "missing-field", "needs at least one match with sniHosts")
        for number, match in enumerate(route.match):
            _check_tls_match(findings, f"{path}.match[{number}]", match, spec.hosts)
        _check_route(findings, path, route.route)


def _check_tls_match(findings: Findings, path: str, match: TlsMatchAttributes, hosts: tuple[str, ...]) -> None:
    if not match.sni_hosts:
        findings.error(f"{path}.sniHosts", "missing-field", "needs at least one host")
    for index, sni in enumerate(match.sni_hosts):
        place = f"{path}.sniHosts[{index}]"
        if is_ip(sni):
            findings.warn(place, "invalid-host", f"{shown(sni)} is an address; clients send no SNI for addresses")
        elif wrong := wrong_with_host(sni):
            findings.error(place, "invalid-host", wrong)
        elif not any(is_subset(sni.lower(), of=host.lower()) for host in hosts):
            what = f"{shown(sni)} is not among the hosts of the rule"
            findings.error(place, "invalid-host", what, "add it to spec.hosts")
    _check_l4_match(findings, path, match)


def _check_l4_match(findings: Findings, path: str, match: TlsMatchAttributes | L4MatchAttributes) -> None:
    check_subnets(findings, f"{path}.destinationSubnets", match.destination_subnets)
    if match.port:
        check_port(findings, f"{path}.port", match.port)
    check_labels(findings, f"{path}.sourceLabels", match.source_labels)
    for index, gateway in enumerate(match.gateways):
        _check_gateway_name(findings, f"{path}.gateways[{index}]", gateway)


def _check_tcp_routes(findings: Findings, spec: VirtualService) -> None:
    for index, route in enumerate(spec.tcp):
        path = f"spec.tcp[{index}]"
        for number, match in enumerate(route.match):
            _check_l4_match(findings, f"{path}.match[{number}]", match)
        _check_route(findings, path, route.route)


def _check_route(findings: Findings, path: str, route: tuple[RouteDestination, ...]) -> None:
    if not route:
        findings.error(f"{path}.route", "missing-field", "needs at least one destination")
    for index, entry in enumerate(route):
        check_destination(findings, f"{path}.route[{index}].destination", entry.destination)
    check_weights(findings, f"{path}.route", (entry.weight for entry in route))
