"""Where dumps come from: a file, an Envoy's admin interface, or what a control plane knows of one of its proxies."""

from __future__ import annotations

import http.client
import json
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pilot.config_dump.secrets import SECRETS_DUMP
from pilot.node.ports import ENVOY_ADMIN_PORT

_TIMEOUT = 10.0
_MAX_BYTES = 256 * 1024 * 1024


class DumpError(Exception):
    """There is no dump to be had; the text says why and what to do."""


def read_dump_file(path: str) -> dict[str, Any]:
    """A saved answer of ``/config_dump``; ``-`` is standard input. Raises DumpError."""
    try:
        return _decode(sys.stdin.read() if path == "-" else Path(path).read_text(), path)
    except (OSError, UnicodeDecodeError) as error:
        raise DumpError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def fetch_envoy_dump(admin: str) -> dict[str, Any]:
    """From the admin interface at ``admin``: ``http://HOST:PORT``, ``HOST:PORT`` or ``unix:PATH``. Raises DumpError."""
    try:
        return _decode(_get(admin, "/config_dump?include_eds"), admin)
    except (OSError, http.client.HTTPException) as error:
        raise DumpError(
            f"no answer from {admin}: {error or type(error).__name__}; is that the admin interface of an Envoy? "
            f"`pilot bootstrap` puts it on 127.0.0.1:{ENVOY_ADMIN_PORT} of the proxy's own host or network namespace"
        ) from error


def fetch_known_dump(control_plane: str, proxy: str) -> dict[str, Any]:
    """What the control plane whose admin port is at ``control_plane`` has sent to ``proxy`` (``NAME[.NAMESPACE]``).

    In the form of an Envoy's own dump. Raises DumpError.
    """
    try:
        found = find_proxy(json.loads(_get(control_plane, "/debug/syncz")), proxy)
        sent = json.loads(_get(control_plane, f"/debug/config_dump?proxyID={quote(found['id'])}"))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DumpError(
            f"no answer from http://{control_plane}: {error}; is pilot serve running there (--admin-address)? "
            "An Envoy itself is asked with --admin"
        ) from error
    return as_envoy_dump(found, sent)


def find_proxy(proxies: Sequence[Mapping[str, Any]], wanted: str) -> Mapping[str, Any]:
    """The one connected proxy of that name, of several streams of one node the newest. Raises DumpError."""
    found = {one["id"]: one for one in proxies if wanted in (one["name"], f"{one['name']}.{one['namespace']}")}
    if len(found) == 1:
        return next(iter(found.values()))
    known = ", ".join(sorted({f"{one['name']}.{one['namespace']}" for one in proxies})) or "nobody"
    what = "several proxies are" if found else "no proxy is"
    raise DumpError(f"{what} called {wanted}; connected: {known}")


def as_envoy_dump(proxy: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent to a proxy as the dump of an Envoy that has it. Raises DumpError when no secrets are sent to it."""
    secrets = sent.get("secrets") or []
    if not secrets:
        raise DumpError(f"{proxy['name']}.{proxy['namespace']} {_why_without_secrets(proxy)}")
    is_settled = proxy["types"].get("SDS", {}).get("status") == "SYNCED"
    field = "dynamic_active_secrets" if is_settled else "dynamic_warming_secrets"
    entries = [{"name": secret.get("name", ""), "secret": _snake_case(secret)} for secret in secrets]
    return {"configs": [{"@type": SECRETS_DUMP, field: entries}]}


def _why_without_secrets(proxy: Mapping[str, Any]) -> str:
    match proxy.get("identity"):
        case None:
            return "gets no certificate: this control plane issues none (pilot serve --citadel)"
        case "":
            return "has no identity: it came over the plaintext port, and gets no certificate"
    return "has its certificate from the agent beside it; ask its Envoy with --admin HOST:PORT"


def _get(address: str, target: str) -> str:
    connection = _connect(address)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        body = answer.read(_MAX_BYTES)
        if answer.status != http.client.OK:
            raise http.client.HTTPException(f"status {answer.status} for {target}")
        return body.decode(errors="replace")
    finally:
        connection.close()


def _connect(address: str) -> http.client.HTTPConnection:
    if address.startswith("unix:"):
        connection = http.client.HTTPConnection("localhost", timeout=_TIMEOUT)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(_TIMEOUT)
        connection.sock.connect(address.removeprefix("unix:").removeprefix("//"))
        return connection
    url = urlsplit(address if "://" in address else f"http://{address}")
    try:
        port = url.port
    except ValueError as error:
        raise DumpError(f"{address!r} is not HOST:PORT, http://HOST:PORT or unix:PATH") from error
    if url.scheme != "http" or not url.hostname:
        raise DumpError(f"{address!r} is not HOST:PORT, http://HOST:PORT or unix:PATH")
    return http.client.HTTPConnection(url.hostname, port or 80, timeout=_TIMEOUT)


def _decode(text: str, origin: str) -> dict[str, Any]:
    try:
        dump = json.loads(text)
    except ValueError as error:
        raise DumpError(f"{origin} is not JSON: {error}") from error
    if not isinstance(dump, dict):
        raise DumpError(f"{origin} is not a dump: it is no JSON object")
    return dump


def _snake_case(value: Any) -> Any:
    """Envoy's dumps have the names of the protocol buffers, ours those of their JSON."""
    if isinstance(value, dict):
        return {re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower() if key[:1] != "@" else key: _snake_case(inner)
                for key, inner in value.items()}  # fmt: skip
    return [_snake_case(item) for item in value] if isinstance(value, list) else value
