"""Rules of a Kubernetes Service."""

from __future__ import annotations

from galley.hosts.names import is_ip
from galley.kinds.checks.scalars import check_labels, check_port, is_dns_label, wrong_with_name
from galley.kinds.kubernetes.service import KubernetesService, ServiceType
from galley.meta import Resource
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_TRANSPORTS = ("TCP", "UDP", "SCTP")


def check_service(recorder: Recorder, resource: Resource[KubernetesService]) -> None:
    """All that is wrong with one Service, as the Kubernetes API would say."""
    spec = resource.spec
    if not is_dns_label(resource.name):
        recorder.error("metadata.name", "invalid-name", f"{quoted(resource.name)} must be one DNS label")
    check_labels(recorder, "spec.selector", spec.selector)
    if spec.type is ServiceType.EXTERNAL_NAME:
        if not spec.external_name:
            recorder.error("spec.externalName", "missing-field", "is required for type ExternalName")
        elif wrong := wrong_with_name(spec.external_name):
            recorder.error("spec.externalName", "invalid-host", wrong)
    elif not spec.ports and spec.cluster_ip != "None":
        recorder.error("spec.ports", "missing-field", "needs at least one port")
    if spec.cluster_ip not in ("", "None") and not is_ip(spec.cluster_ip):
        what = f"must be an IP address or None, not {quoted(spec.cluster_ip)}"
        recorder.error("spec.clusterIP", "invalid-address", what)
    _check_ports(recorder, spec)


def _check_ports(recorder: Recorder, spec: KubernetesService) -> None:
    names: dict[str, int] = {}
    numbers: dict[tuple[int, str], int] = {}
    for index, port in enumerate(spec.ports):
        path = f"spec.ports[{index}]"
        check_port(recorder, f"{path}.port", port.port)
        if port.protocol not in _TRANSPORTS:
            what = f"must be TCP, UDP or SCTP, not {quoted(port.protocol)}"
            hint = "the application protocol goes into the name or into appProtocol"
            recorder.error(f"{path}.protocol", "unknown-protocol", what, hint)
        if isinstance(port.target_port, int):
            check_port(recorder, f"{path}.targetPort", port.target_port)
        if len(spec.ports) > 1 and not port.name:
            recorder.error(f"{path}.name", "missing-field", "is required where there are several ports")
        elif port.name and names.setdefault(port.name, index) != index:
            what = f"{quoted(port.name)} is the name of ports[{names[port.name]}] already"
            recorder.error(f"{path}.name", "duplicate-port", what)
        served = (port.port, port.protocol)
        if numbers.setdefault(served, index) != index:
            what = f"{port.port} is the number of ports[{numbers[served]}] already"
            recorder.error(f"{path}.port", "duplicate-port", what)
