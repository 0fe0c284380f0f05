"""Rules of a Kubernetes Service."""

from __future__ import annotations

from collections.abc import Iterable

from galley.hosts.names import is_ip
from galley.kinds.checks.findings import Findings, shown
from galley.kinds.checks.scalars import check_labels, check_port, is_dns_label, wrong_with_name
from galley.kinds.kubernetes.service import KubernetesService, ServiceType
from galley.meta import Resource
from galley.text.diagnostics import Diagnostic

_TRANSPORTS = ("TCP", "UDP", "SCTP")


def check_service(resource: Resource[KubernetesService]) -> Iterable[Diagnostic]:
    """All that is wrong with one Service, as the Kubernetes API would say."""
    findings, spec = Findings(resource), resource.spec
    if not is_dns_label(resource.name):
        findings.error("metadata.name", "invalid-name", f"{shown(resource.name)} must be one DNS label")
    check_labels(findings, "spec.selector", spec.selector)
    if spec.type is ServiceType.EXTERNAL_NAME:
        if not spec.external_name:
            findings.error("spec.externalName", "missing-field", "is required for type ExternalName")
        elif wrong := wrong_with_name(spec.external_name):
            findings.error("spec.externalName", "invalid-host", wrong)
    elif not spec.ports and spec.cluster_ip != "None":
        findings.error("spec.ports", "missing-field", "needs at least one port")
    if spec.cluster_ip not in ("", "None") and not is_ip(spec.cluster_ip):
        what = f"must be an IP address or None, not {shown(spec.cluster_ip)}"
        findings.error("spec.clusterIP", "invalid-address", what)
    _check_ports(findings, spec)
    return findings.diagnostics


def _check_ports(findings: Findings, spec: KubernetesService) -> None:
    names: dict[str, int] = {}
    numbers: dict[tuple[int, str], int] = {}
    for index, port in enumerate(spec.ports):
        path = f"spec.ports[{index}]"
        check_port(findings, f"{path}.port", port.port)
        if port.protocol not in _TRANSPORTS:
            what = f"must be TCP, UDP or SCTP, not {shown(port.protocol)}"
            hint = "the application protocol goes into the name or into appProtocol"
            findings.error(f"{path}.protocol", "unknown-protocol", what, hint)
        if isinstance(port.target_port, int):
            check_port(findings, f"{path}.targetPort", port.target_port)
        if len(spec.ports) > 1 and not port.name:
            findings.error(f"{path}.name", "missing-field", "is required where there are several ports")
        elif port.name and names.setdefault(port.name, index) != index:
            what = f"{shown(port.name)} is the name of ports[{names[port.name]}] already"
            findings.error(f"{path}.name", "duplicate-port", what)
        place = (port.port, port.protocol)
        if numbers.setdefault(place, index) != index:
            what = f"{port.port} is the number of ports[{numbers[place]}] already"
            findings.error(f"{path}.port", "duplicate-port", what)
