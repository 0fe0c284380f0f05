"""The access log that MeshConfig asks for."""

from __future__ import annotations

from galley.kinds.mesh_config import AccessLogEncoding, MeshConfig
from pilot.ir.listener import AccessLogPlan


def plan_access_log(mesh: MeshConfig) -> AccessLogPlan | None:
    """A file log in MeshConfig's format; None while ``accessLogFile`` is empty, Istio's default."""
    if not mesh.access_log_file:
        return None
    return AccessLogPlan(
        path=mesh.access_log_file,
        format=mesh.access_log_format,
        json=mesh.access_log_encoding is AccessLogEncoding.JSON,
    )
