"""Rules of WorkloadEntry and WorkloadGroup, and of the endpoints of a ServiceEntry."""

from __future__ import annotations

from collections.abc import Iterable

from galley.hosts.names import is_ip
from galley.kinds.checks.findings import Findings, at_key, shown
from galley.kinds.checks.scalars import (
    check_header_name,
    check_labels,
    check_not_negative,
    check_port,
    wrong_with_name,
)
from galley.kinds.networking.service_entry import ReadinessProbe, WorkloadEntry, WorkloadGroup
from galley.kinds.values import UNIX_SCHEME
from galley.meta import Resource
from galley.text.diagnostics import Diagnostic


def check_workload_entry(resource: Resource[WorkloadEntry]) -> Iterable[Diagnostic]:
    """All that is wrong with one WorkloadEntry."""
    findings = Findings(resource)
    check_workload(findings, "spec", resource.spec)
    return findings.diagnostics


def check_workload_group(resource: Resource[WorkloadGroup]) -> Iterable[Diagnostic]:
    """All that is wrong with one WorkloadGroup."""
    findings, spec = Findings(resource), resource.spec
    if spec.metadata is not None:
        check_labels(findings, "spec.metadata.labels", spec.metadata.labels)
    if spec.template is None:
        findings.error("spec.template", "missing-field", "is required")
    else:
        check_workload(findings, "spec.template", spec.template, needs_address=False)
    if spec.probe is not None:
        _check_probe(findings, "spec.probe", spec.probe)
    return findings.diagnostics


def check_workload(findings: Findings, path: str, workload: WorkloadEntry, *, needs_address: bool = True) -> None:
    """An address (an IP, a name, a unix socket without ports), ports by name, labels."""
    address = workload.address
    if not address:
        if needs_address and workload.network:
            what = "is missing; the workload is reachable through a gateway of its network only"
            findings.warn(f"{path}.address", "missing-field", what)
        elif needs_address:
            findings.error(f"{path}.address", "missing-field", "is required", "an IP address or a DNS name")
    elif address.startswith(UNIX_SCHEME):
        if workload.ports:
            findings.error(f"{path}.ports", "exclusive-fields", "is not possible with a unix socket")
        if not address.removeprefix(UNIX_SCHEME).startswith(("/", "@")):
            what = f"{shown(address)} must be an absolute path"
            findings.error(f"{path}.address", "invalid-address", what, "such as unix:///var/run/app.sock")
    elif not is_ip(address) and (wrong := wrong_with_name(address)):
        findings.error(f"{path}.address", "invalid-address", f"must be an IP address or a DNS name: it {wrong}")
    for name, number in workload.ports.items():
        check_port(findings, at_key(f"{path}.ports", name), number)
    check_labels(findings, f"{path}.labels", workload.labels)
    check_not_negative(findings, f"{path}.weight", workload.weight)
    if workload.locality.count("/") > 2:
        what = f"{shown(workload.locality)} has more than three parts"
        findings.error(f"{path}.locality", "invalid-locality", what, "write region/zone/subzone")


def _check_probe(findings: Findings, path: str, probe: ReadinessProbe) -> None:
    timings = {
        "initialDelaySeconds": probe.initial_delay_seconds,
        "timeoutSeconds": probe.timeout_seconds,
        "periodSeconds": probe.period_seconds,
        "successThreshold": probe.success_threshold,
        "failureThreshold": probe.failure_threshold,
    }
    for name, value in timings.items():
        check_not_negative(findings, f"{path}.{name}", value)
    if all(way is None for way in (probe.http_get, probe.tcp_socket, probe.exec, probe.grpc)):
        findings.error(path, "missing-field", "needs one of httpGet, tcpSocket, exec and grpc")
    if probe.http_get is not None:
        check_port(findings, f"{path}.httpGet.port", probe.http_get.port)
        if probe.http_get.scheme not in ("", "HTTP", "HTTPS"):
            what = f"must be HTTP or HTTPS, not {shown(probe.http_get.scheme)}"
            findings.error(f"{path}.httpGet.scheme", "invalid-scheme", what)
        for index, header in enumerate(probe.http_get.http_headers):
            check_header_name(findings, f"{path}.httpGet.httpHeaders[{index}].name", header.name)
    if probe.tcp_socket is not None:
        check_port(findings, f"{path}.tcpSocket.port", probe.tcp_socket.port)
    if probe.grpc is not None:
        check_port(findings, f"{path}.grpc.port", probe.grpc.port)
    if probe.exec is not None and not probe.exec.command:
        findings.error(f"{path}.exec.command", "missing-field", "is required")
