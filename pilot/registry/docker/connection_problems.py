"""Why the Docker Engine cannot be reached, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator

from docker.errors import APIError


def explain(error: BaseException, url: str) -> str:
    """One line about ``error`` of the client library for the Engine at ``url``."""
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, PermissionError):
            return (
                f"permission denied on {url}: run pilot with the socket's group (docker run --group-add "
                '"$(stat -c %g /var/run/docker.sock)", group_add in Compose, usermod -aG docker), or put a socket '
                "proxy before it that allows GET on events, containers and version"
            )
        if isinstance(cause, FileNotFoundError):
            return f"{url} does not exist: is Docker running, and, in a container, is its socket mounted there?"
        if isinstance(cause, ConnectionRefusedError):
            return f"nobody listens at {url}: is Docker running?"
        if isinstance(cause, APIError) and cause.status_code in (401, 403):
            return (
                f"{url} refuses {_request_of(cause)}: a socket proxy must allow GET on /version, /events, "
                "/containers/json and /containers/{id}/json, and for health checks of the connection /_ping"
            )
    return f"no connection to {url}: {error}"


def _request_of(error: APIError) -> str:
    response = error.response
    request = getattr(response, "request", None)
    return f"{request.method} {request.path_url}" if request is not None else "a request"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it wraps: as cause, as context, or among its arguments, as requests does."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        wrapped = (one.__cause__, one.__context__, *one.args)
        waiting.extend(found for found in wrapped if isinstance(found, BaseException))
