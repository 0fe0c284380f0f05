"""What is said of an Engine that cannot be reached."""

from __future__ import annotations

import pytest
import requests
from docker.errors import APIError, DockerException

from pilot.registry.docker.connection_problems import explain

URL = "unix:///var/run/docker.sock"


def wrapped(cause: BaseException) -> DockerException:
    """As the client library gives it: the cause is an argument of an argument."""
    error = DockerException(f"Error while fetching server API version: {cause}")
    error.__cause__ = requests.ConnectionError(Exception("Connection aborted.", cause))
    return error


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        (PermissionError(13, "Permission denied"), "run pilot with the socket's group"),
        (FileNotFoundError(2, "No such file"), "does not exist: is Docker running"),
        (ConnectionRefusedError(111, "refused"), "nobody listens at unix:///var/run/docker.sock"),
        (OSError(5, "Input/output error"), "no connection to unix:///var/run/docker.sock: Error while"),
    ],
)
def test_each_cause_has_its_advice(cause: BaseException, advice: str) -> None:
    assert advice in explain(wrapped(cause), URL)


def test_a_socket_proxy_that_refuses_is_told_what_to_allow() -> None:
    response = requests.Response()
    response.status_code = 403
    response.request = requests.Request("GET", "http://proxy:2375/v1.41/events").prepare()
    text = explain(APIError("Forbidden", response=response), "tcp://proxy:2375")
    assert "refuses GET /v1.41/events" in text
    assert "must allow GET on /version, /events" in text
