from galley.kinds.mesh_config import AccessLogEncoding, MeshConfig
from pilot.ir.listener import AccessLogPlan
from pilot.mesh.access_log import plan_access_log


def test_no_file_means_no_log():
    assert plan_access_log(MeshConfig()) is None


def test_file_format_and_encoding():
    mesh = MeshConfig(access_log_file="/dev/stdout", access_log_format="%METHOD%\n")
    assert plan_access_log(mesh) == AccessLogPlan(path="/dev/stdout", format="%METHOD%\n")
    json = MeshConfig(access_log_file="/log", access_log_encoding=AccessLogEncoding.JSON)
    assert plan_access_log(json) == AccessLogPlan(path="/log", json=True)
