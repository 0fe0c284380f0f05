"""Rules of a ServiceEntry."""

from __future__ import annotations

from galley.hosts.names import is_ip
from galley.kinds.checks.networking.workload import check_workload
from galley.kinds.checks.scalars import (
    HTTP_PROTOCOLS,
    TLS_PROTOCOLS,
    check_export_to,
    check_port,
    check_protocol,
    check_selector,
    is_cidr,
    is_dns_label,
    wrong_with_name,
)
from galley.kinds.networking.service_entry import Resolution, ServiceEntry, WorkloadEntry
from galley.kinds.values import UNIX_SCHEME
from galley.meta import Resource
from galley.text.nodes import at_key
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_BY_NAME = (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)
_DYNAMIC_PROTOCOLS = frozenset({"HTTP", "HTTP2", "GRPC", "TLS"})


def check_service_entry(recorder: Recorder, resource: Resource[ServiceEntry]) -> None:
    """All that is wrong with one ServiceEntry."""
    spec = resource.spec
    _check_hosts(recorder, spec)
    _check_addresses(recorder, spec)
    _check_ports(recorder, spec)
    check_export_to(recorder, "spec.exportTo", spec.export_to, resource.namespace, may_hide=True)
    if spec.workload_selector is not None:
        check_selector(recorder, "spec.workloadSelector.labels", spec.workload_selector.match_labels)
        if spec.endpoints:
            what = "is not possible together with workloadSelector"
            recorder.error("spec.endpoints", "exclusive-fields", what, "keep one of the two")
        elif spec.resolution is Resolution.NONE:
            what = "has no effect with resolution NONE, which sends traffic to its original destination"
            recorder.warn("spec.workloadSelector", "ineffective-setting", what, "write resolution: STATIC")
    _check_endpoints(recorder, spec)


def _check_hosts(recorder: Recorder, spec: ServiceEntry) -> None:
    if not spec.hosts:
        recorder.error("spec.hosts", "missing-field", "needs at least one host")
    for index, host in enumerate(spec.hosts):
        path = f"spec.hosts[{index}]"
        if host == "*":
            recorder.error(path, "invalid-host", "must not be `*`", "name a domain: *.example.com")
            continue
        is_partial = host.startswith("*") and not host.startswith("*.")
        name = host.lstrip("*").removeprefix(".").lstrip("-") if host.startswith("*") else host
        if wrong := wrong_with_name(name):
            recorder.error(path, "invalid-host", wrong)
        elif is_partial and any(port.protocol.upper() in TLS_PROTOCOLS for port in spec.ports):
            what = f"{quoted(host)} has a wildcard within a part of the name, which no server name of TLS can have"
            recorder.error(path, "partial-wildcard", what, "write *.example.com")
        elif is_partial:
            what = f"{quoted(host)} has a wildcard within a part of the name; it does not match as TLS hosts do"
            recorder.warn(path, "partial-wildcard", what, "write *.example.com")
        elif host.startswith("*") and spec.resolution in _BY_NAME and not spec.endpoints:
            what = f"{quoted(host)} cannot be resolved by DNS"
            recorder.error(path, "invalid-host", what, "name endpoints, or write resolution: NONE or DYNAMIC_DNS")
        elif not host.startswith("*") and spec.resolution is Resolution.DYNAMIC_DNS:
            what = f"must have a wildcard with resolution DYNAMIC_DNS; {quoted(host)} has none"
            recorder.error(path, "invalid-host", what, "write resolution: DNS")


def _check_addresses(recorder: Recorder, spec: ServiceEntry) -> None:
    for index, address in enumerate(spec.addresses):
        path = f"spec.addresses[{index}]"
        if not is_cidr(address):
            recorder.error(path, "invalid-address", f"must be an IP address or range, not {quoted(address)}")
        elif not is_ip(address) and spec.resolution not in (Resolution.NONE, Resolution.STATIC):
            what = f"{quoted(address)} is a range, which is possible with resolution NONE and STATIC only"
            recorder.error(path, "invalid-address", what)
    if spec.addresses and spec.resolution is Resolution.DYNAMIC_DNS:
        recorder.error("spec.addresses", "exclusive-fields", "is not possible with resolution DYNAMIC_DNS")


def _check_ports(recorder: Recorder, spec: ServiceEntry) -> None:
    numbers: dict[int, int] = {}
    names: dict[str, int] = {}
    for index, port in enumerate(spec.ports):
        path = f"spec.ports[{index}]"
        check_port(recorder, f"{path}.number", port.number)
        if numbers.setdefault(port.number, index) != index:
            what = f"{port.number} is the number of ports[{numbers[port.number]}] already"
            recorder.error(f"{path}.number", "duplicate-port", what)
        if not port.name:
            recorder.error(f"{path}.name", "missing-field", "is required", "such as http or tcp-db")
        elif not is_dns_label(port.name):
            recorder.error(f"{path}.name", "invalid-name", f"{quoted(port.name)} must be one DNS label")
        elif names.setdefault(port.name, index) != index:
            what = f"{quoted(port.name)} is the name of ports[{names[port.name]}] already"
            recorder.error(f"{path}.name", "duplicate-port", what)
        check_protocol(recorder, f"{path}.protocol", port.protocol)
        if port.target_port:
            check_port(recorder, f"{path}.targetPort", port.target_port)
        _check_protocol_of_service(recorder, f"{path}.protocol", port.protocol.upper(), spec)


def _check_protocol_of_service(recorder: Recorder, field: str, protocol: str, spec: ServiceEntry) -> None:
    if spec.resolution is Resolution.DYNAMIC_DNS:
        if protocol not in _DYNAMIC_PROTOCOLS:
            recorder.error(field, "unknown-protocol", "must be HTTP, HTTP2, GRPC or TLS with resolution DYNAMIC_DNS")
        return
    if not protocol or protocol in HTTP_PROTOCOLS or protocol in TLS_PROTOCOLS:
        return
    if len(spec.hosts) > 1 and spec.resolution is not Resolution.NONE:
        what = f"{protocol} tells hosts apart by address only, and the entry has {len(spec.hosts)} hosts"
        recorder.error(field, "ambiguous-hosts", what, "write one ServiceEntry for each host")
    elif not spec.addresses and protocol == "TCP":
        what = "TCP without addresses takes all connections to this port, whatever their destination (IST0134)"
        recorder.warn(
            field,
            "missing-address",
            what,
            "give spec.addresses, or protocol TLS, or let sidecars answer DNS (--dns-capture)",
        )


def _check_endpoints(recorder: Recorder, spec: ServiceEntry) -> None:
    if spec.endpoints and spec.resolution in (Resolution.NONE, Resolution.DYNAMIC_DNS):
        what = f"is not possible with resolution {spec.resolution}"
        hint = "write resolution: STATIC for addresses, DNS for names"
        recorder.error("spec.endpoints", "exclusive-fields", what, hint)
    if len(spec.endpoints) > 1 and spec.resolution is Resolution.DNS_ROUND_ROBIN:
        recorder.error("spec.endpoints", "too-many-endpoints", "may be one at most with resolution DNS_ROUND_ROBIN")
    names = {port.name for port in spec.ports}
    for index, endpoint in enumerate(spec.endpoints):
        path = f"spec.endpoints[{index}]"
        check_workload(recorder, path, endpoint)
        _check_endpoint_address(recorder, path, endpoint, spec)
        for name in endpoint.ports:
            if name not in names:
                what = f"{quoted(name)} is not the name of a port of the service"
                hint = f"its ports are {', '.join(sorted(names))}" if names else "give spec.ports"
                recorder.error(at_key(f"{path}.ports", name), "unknown-port", what, hint)


def _check_endpoint_address(recorder: Recorder, path: str, endpoint: WorkloadEntry, spec: ServiceEntry) -> None:
    address = endpoint.address
    is_socket = address.startswith(UNIX_SCHEME)
    if is_socket and (len(spec.ports) != 1 or spec.resolution is not Resolution.STATIC):
        what = "may be a unix socket only with resolution STATIC and exactly one port"
        recorder.error(f"{path}.address", "invalid-address", what)
    elif spec.resolution is Resolution.STATIC and address and not is_socket and not is_ip(address):
        what = f"must be an IP address with resolution STATIC, not {quoted(address)}"
        recorder.error(f"{path}.address", "invalid-address", what, "write resolution: DNS for names")
