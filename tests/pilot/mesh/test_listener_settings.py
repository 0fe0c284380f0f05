from galley.kinds.mesh_config import AccessLogEncoding, MeshConfig
from pilot.ir.network_filters import AccessLogPlan
from pilot.mesh.listener_settings import listener_settings, plan_access_log


def test_no_file_means_no_log() -> None:
    assert plan_access_log(MeshConfig()) is None


def test_file_format_and_encoding() -> None:
    mesh = MeshConfig(access_log_file="/dev/stdout", access_log_format="%METHOD%\n")
    assert plan_access_log(mesh) == AccessLogPlan(path="/dev/stdout", format="%METHOD%\n")
    json = MeshConfig(access_log_file="/log", access_log_encoding=AccessLogEncoding.JSON)
    assert plan_access_log(json) == AccessLogPlan(path="/log", json=True)


def test_http_1_0_is_for_the_proxy_to_say() -> None:
    assert listener_settings(MeshConfig(), accept_http_10=False).plain_http == ("http/1.1", "h2c")
    assert listener_settings(MeshConfig(), accept_http_10=True).plain_http == ("http/1.0", "http/1.1", "h2c")
