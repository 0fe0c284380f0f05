"""Which TCP ports a service of a compose file serves inside its network namespace."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from galley.frozen import FrozenMap
from pilot.registry.container_labels import name_ports

_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*:?-([^}]*)\}")
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_LARGEST_RANGE = 50
"""A range of more ports is for media streams, say, and makes no Service."""

_IMAGES = {
    "adminer": 8080,
    "caddy": 80,
    "consul": 8500,
    "elasticsearch": 9200,
    "ghost": 2368,
    "grafana": 3000,
    "haproxy": 80,
    "httpd": 80,
    "influxdb": 8086,
    "keycloak": 8080,
    "mariadb": 3306,
    "memcached": 11211,
    "minio": 9000,
    "mongo": 27017,
    "mongo-express": 8081,
    "mysql": 3306,
    "nats": 4222,
    "nginx": 80,
    "opensearch": 9200,
    "pgadmin4": 80,
    "postgis": 5432,
    "postgres": 5432,
    "prometheus": 9090,
    "rabbitmq": 5672,
    "redis": 6379,
    "traefik": 80,
    "valkey": 6379,
    "wordpress": 80,
}
"""The port of widely used images, which compose files often leave unsaid because Docker needs no word of it."""


def declared_ports(service: Mapping[str, Any]) -> FrozenMap[str, int]:
    """Port numbers by Kubernetes port name: those of ``expose``, else the container's side of ``ports``, else what is
    known of the image. Empty when nothing says it. UDP ports are left out, for no proxy carries them."""
    exposed = list(_exposed(_as_list(service.get("expose"))))
    numbers = exposed or list(_published(_as_list(service.get("ports"))))
    return name_ports(dict.fromkeys(numbers or _image_ports(service)))


def has_host_port(entry: Any) -> bool:
    """Whether an entry of ``ports`` claims a port of the host, so that only one container can have it."""
    if isinstance(entry, Mapping):
        return entry.get("published") is not None
    return ":" in substitute_defaults(str(entry))


def substitute_defaults(text: str) -> str:
    """``${NAME:-default}`` replaced by its default; other variables stay."""
    return _VARIABLE.sub(r"\1", text)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _exposed(entries: Iterable[Any]) -> Iterator[int]:
    for entry in entries:
        yield from _numbers(substitute_defaults(str(entry)))


def _published(entries: Iterable[Any]) -> Iterator[int]:
    for entry in entries:
        if isinstance(entry, Mapping):
            if str(entry.get("protocol", "tcp")).lower() == "tcp":
                yield from _numbers(str(entry.get("target", "")))
        else:
            yield from _numbers(substitute_defaults(str(entry)).rpartition(":")[2])


def _numbers(text: str) -> Iterator[int]:
    """Ports of ``80``, ``80/tcp`` or ``3000-3005``; none of what is no port, such as a variable without default."""
    span, _, protocol = text.strip().partition("/")
    match = _RANGE.fullmatch(span)
    if match is None or protocol.lower() not in ("", "tcp"):
        return
    first = int(match[1])
    last = int(match[2] or first)
    if 0 < first <= last < 65536 and last - first < _LARGEST_RANGE:
        yield from range(first, last + 1)


def _image_ports(service: Mapping[str, Any]) -> list[int]:
    image = substitute_defaults(str(service.get("image") or ""))
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return [_IMAGES[name]] if name in _IMAGES else []
