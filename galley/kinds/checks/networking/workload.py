"""Rules of WorkloadEntry and WorkloadGroup, and of the endpoints of a ServiceEntry."""

from __future__ import annotations

from galley.hosts.names import is_ip
from galley.kinds.checks.scalars import (
    check_header_name,
    check_labels,
    check_not_negative,
    check_port,
    check_unix_path,
    wrong_with_name,
)
from galley.kinds.networking.service_entry import ReadinessProbe, WorkloadEntry, WorkloadGroup
from galley.kinds.values import UNIX_SCHEME
from galley.meta import Resource
from galley.text.nodes import at_key
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def check_workload_entry(recorder: Recorder, resource: Resource[WorkloadEntry]) -> None:
    """All that is wrong with one WorkloadEntry."""
    check_workload(recorder, "spec", resource.spec)


def check_workload_group(recorder: Recorder, resource: Resource[WorkloadGroup]) -> None:
    """All that is wrong with one WorkloadGroup."""
    spec = resource.spec
    if spec.metadata is not None:
        check_labels(recorder, "spec.metadata.labels", spec.metadata.labels)
    if spec.template is None:
        recorder.error("spec.template", "missing-field", "is required")
    else:
        check_workload(recorder, "spec.template", spec.template, needs_address=False)
    if spec.probe is not None:
        _check_probe(recorder, "spec.probe", spec.probe)


def check_workload(recorder: Recorder, path: str, workload: WorkloadEntry, *, needs_address: bool = True) -> None:
    """An address (an IP, a name, a unix socket without ports), ports by name, labels."""
    address = workload.address
    if not address:
        if needs_address and workload.network:
            what = "is missing; the workload is reachable through a gateway of its network only"
            recorder.warn(f"{path}.address", "missing-field", what)
        elif needs_address:
            recorder.error(f"{path}.address", "missing-field", "is required", "an IP address or a DNS name")
    elif address.startswith(UNIX_SCHEME):
        if workload.ports:
            recorder.error(f"{path}.ports", "exclusive-fields", "is not possible with a unix socket")
        check_unix_path(recorder, f"{path}.address", address)
    elif not is_ip(address) and (wrong := wrong_with_name(address)):
        recorder.error(f"{path}.address", "invalid-address", f"must be an IP address or a DNS name: it {wrong}")
    for name, number in workload.ports.items():
        check_port(recorder, at_key(f"{path}.ports", name), number)
    check_labels(recorder, f"{path}.labels", workload.labels)
    check_not_negative(recorder, f"{path}.weight", workload.weight)
    if workload.locality.count("/") > 2:
        what = f"{quoted(workload.locality)} has more than three parts"
        recorder.error(f"{path}.locality", "invalid-locality", what, "write region/zone/subzone")


def _check_probe(recorder: Recorder, path: str, probe: ReadinessProbe) -> None:
    timings = {
        "initialDelaySeconds": probe.initial_delay_seconds,
        "timeoutSeconds": probe.timeout_seconds,
        "periodSeconds": probe.period_seconds,
        "successThreshold": probe.success_threshold,
        "failureThreshold": probe.failure_threshold,
    }
    for name, value in timings.items():
        check_not_negative(recorder, f"{path}.{name}", value)
    if all(way is None for way in (probe.http_get, probe.tcp_socket, probe.exec, probe.grpc)):
        recorder.error(path, "missing-field", "needs one of httpGet, tcpSocket, exec and grpc")
    if probe.http_get is not None:
        check_port(recorder, f"{path}.httpGet.port", probe.http_get.port)
        if probe.http_get.scheme not in ("", "HTTP", "HTTPS"):
            what = f"must be HTTP or HTTPS, not {quoted(probe.http_get.scheme)}"
            recorder.error(f"{path}.httpGet.scheme", "invalid-scheme", what)
        for index, header in enumerate(probe.http_get.http_headers):
            check_header_name(recorder, f"{path}.httpGet.httpHeaders[{index}].name", header.name)
    if probe.tcp_socket is not None:
        check_port(recorder, f"{path}.tcpSocket.port", probe.tcp_socket.port)
    if probe.grpc is not None:
        check_port(recorder, f"{path}.grpc.port", probe.grpc.port)
    if probe.exec is not None and not probe.exec.command:
        recorder.error(f"{path}.exec.command", "missing-field", "is required")
