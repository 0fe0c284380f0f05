from __future__ import annotations

from typing import Any

import pytest

from pilot.envoy.filters.access_log import render_access_logs
from pilot.ir.network_filters import AccessLogPlan
from tests.rendered import as_json

ISTIO_TEXT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)


def rendered(plan: AccessLogPlan) -> dict[str, Any]:
    (log,) = render_access_logs(plan)
    return as_json(log)


def log_format(text: str, *, json: bool = False) -> dict[str, Any]:
    config = rendered(AccessLogPlan("/var/log/access", text, json=json))["typedConfig"]
    return config["logFormat"]  # type: ignore[no-any-return]


def test_no_log() -> None:
    assert render_access_logs(None) == []


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/dev/stdout", "stdout", "stream.v3.StdoutAccessLog"),
        ("/dev/stderr", "stderr", "stream.v3.StderrAccessLog"),
        ("/var/log/access", "file", "file.v3.FileAccessLog"),
    ],
)
def test_standard_streams_are_no_files(path: str, kind: str, message: str) -> None:
    log = rendered(AccessLogPlan(path))
    assert log["name"] == f"envoy.access_loggers.{kind}"
    assert log["typedConfig"]["@type"].endswith(message)
    assert log["typedConfig"].get("path", path) == path


def test_istios_text_is_the_default() -> None:
    assert log_format("") == {"textFormatSource": {"inlineString": ISTIO_TEXT}}


def test_a_format_of_the_user_ends_its_line() -> None:
    assert (
        log_format("%PROTOCOL%") == log_format("%PROTOCOL%\n") == {"textFormatSource": {"inlineString": "%PROTOCOL%\n"}}
    )


def test_json() -> None:
    layout = '{"code": "%RESPONSE_CODE%", "fixed": [1, true, null], "nested": {"a": "b"}}'
    assert log_format(layout, json=True) == {
        "jsonFormat": {"code": "%RESPONSE_CODE%", "fixed": [1.0, True, None], "nested": {"a": "b"}}
    }


@pytest.mark.parametrize("text", ["", "%PROTOCOL%", "[]", "{}"])
def test_istios_json_is_the_default(text: str) -> None:
    layout = log_format(text, json=True)["jsonFormat"]
    assert len(layout) == 24
    assert layout["upstream_cluster"] == "%UPSTREAM_CLUSTER_RAW%"
    assert all(operator in ISTIO_TEXT for operator in layout.values())
