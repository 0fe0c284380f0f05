"""What the listeners of a proxy have in common, whatever their direction: from MeshConfig and the proxy itself."""

from __future__ import annotations

from datetime import timedelta

from galley.frozen import frozen
from galley.kinds.mesh_config import AccessLogEncoding, MeshConfig
from galley.meta import ResourceKey
from pilot.ir.attached_filters import NO_ATTACHED_FILTERS, AttachedFilters
from pilot.ir.network_filters import AccessLogPlan, HttpConnectionSettings
from pilot.ir.telemetry import NO_TELEMETRY, TelemetryPlan

NO_TIME = timedelta(0)


@frozen
class ListenerSettings:
    """What all listeners of a proxy share. ``detection_timeout`` bounds the wait of inspectors; 0 is no bound.
    ``attached`` are the filters of the policies that are for the proxy's workload."""

    http: HttpConnectionSettings = HttpConnectionSettings()
    detection_timeout: timedelta = NO_TIME
    attached: AttachedFilters = NO_ATTACHED_FILTERS
    origins: tuple[ResourceKey, ...] = ()
    """The resources by which the listeners report."""

    @property
    def access_log(self) -> AccessLogPlan | None:
        """Where connections are logged too, of which nobody reads HTTP."""
        return self.http.access_log

    @property
    def plain_http(self) -> tuple[str, ...]:
        """The names by which the HTTP inspector calls the versions of HTTP in plain text that are served."""
        return ("http/1.0", "http/1.1", "h2c") if self.http.accept_http_10 else ("http/1.1", "h2c")


def listener_settings(
    mesh: MeshConfig,
    *,
    accept_http_10: bool,
    attached: AttachedFilters = NO_ATTACHED_FILTERS,
    telemetry: TelemetryPlan = NO_TELEMETRY,
) -> ListenerSettings:
    """What ``mesh`` says for all listeners of a proxy; ``accept_http_10`` is for the proxy to say (``HTTP10``)."""
    return ListenerSettings(
        http=HttpConnectionSettings(
            accept_http_10=accept_http_10,
            normalization=mesh.path_normalization.normalization,
            access_log=plan_access_log(mesh),
            tracing=telemetry.tracing,
        ),
        detection_timeout=mesh.protocol_detection_timeout,
        attached=attached,
        origins=telemetry.origins,
    )


def plan_access_log(mesh: MeshConfig) -> AccessLogPlan | None:
    """A file log in MeshConfig's format; None while ``accessLogFile`` is empty, Istio's default."""
    if not mesh.access_log_file:
        return None
    return AccessLogPlan(
        path=mesh.access_log_file,
        format=mesh.access_log_format,
        json=mesh.access_log_encoding is AccessLogEncoding.JSON,
    )
