"""The xDS messages that a simulated client writes and reads, by hand: it must cost next to nothing.

Both variants offer the same functions, so a client knows of one dialogue only. Field numbers are those of
envoy/service/discovery/v3/discovery.proto.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bench.configuration import Workload
from envoycodec.wire import length_delimited
from pilot.xds.resources import TypeUrl

_SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
_TYPE_PREFIX = b"type.googleapis.com/"
_TYPE_URL, _NONCE, _REMOVED = 4, 5, 6
EXTENSIONS = 500
"""As many extension names as make a first request of the size of an Envoy's, some 60 KB."""


@dataclass(frozen=True)
class Response:
    """A response as far as every client reads it; ``resources`` is the part that is read once for all of them."""

    type_url: TypeUrl
    version: str
    nonce: str
    resources: bytes
    removed: tuple[str, ...]


class Variant(ABC):
    """State-of-the-world or delta."""

    method: str
    node_field: int

    def signed(self, request: bytes, node: bytes) -> bytes:
        """``request`` with the node, as the first one of a stream."""
        return length_delimited(self.node_field, node) + request

    @abstractmethod
    def first(self, type_url: TypeUrl, names: Collection[str], version: str, held: Mapping[str, str]) -> bytes:
        """The first request for a type. ``version`` and ``held`` are what was kept from an earlier stream."""

    @abstractmethod
    def ack(self, response: Response, names: Collection[str]) -> bytes:
        """The answer to ``response``, of a client that goes on asking for ``names``."""

    @abstractmethod
    def read_resources(self, response: Response) -> dict[str, str]:
        """Versions by name; "" where the variant has no versions."""


class Delta(Variant):
    method = _SERVICE + "DeltaAggregatedResources"
    node_field = 1

    def first(self, type_url: TypeUrl, names: Collection[str], version: str, held: Mapping[str, str]) -> bytes:
        return b"".join(
            [
                length_delimited(2, type_url.encode()),
                *[length_delimited(3, name.encode()) for name in names],
                *[length_delimited(5, _entry(name, version.encode())) for name, version in held.items()],
            ]
        )

    def ack(self, response: Response, names: Collection[str]) -> bytes:
        return length_delimited(2, response.type_url.encode()) + length_delimited(6, response.nonce.encode())

    def read_resources(self, response: Response) -> dict[str, str]:
        versions = {}
        for field, resource in fields(response.resources):
            if field == 2:
                texts = {inner: text for inner, text in fields(resource) if inner in (1, 3)}
                versions[texts[3].decode()] = texts.get(1, b"").decode()
        return versions


class Sotw(Variant):
    method = _SERVICE + "StreamAggregatedResources"
    node_field = 2

    def first(self, type_url: TypeUrl, names: Collection[str], version: str, held: Mapping[str, str]) -> bytes:
        return self._request(type_url, names, version, "")

    def ack(self, response: Response, names: Collection[str]) -> bytes:
        return self._request(response.type_url, names, response.version, response.nonce)

    def _request(self, type_url: str, names: Collection[str], version: str, nonce: str) -> bytes:
        return b"".join(
            [
                length_delimited(1, version.encode()) if version else b"",
                *[length_delimited(3, name.encode()) for name in names],
                length_delimited(4, type_url.encode()),
                length_delimited(5, nonce.encode()) if nonce else b"",
            ]
        )

    def read_resources(self, response: Response) -> dict[str, str]:
        """A resource's name is its own first field, in all four types."""
        contents = [next(v for f, v in fields(packed) if f == 2) for f, packed in fields(response.resources) if f == 2]
        return {next(v for f, v in fields(content) if f == 1).decode(): "" for content in contents}


def read_response(data: bytes) -> Response:
    """Read head and tail; the resources between them are left alone. The type URL is the last one in the data."""
    version = next((value.decode() for field, value in fields(data) if field == 1), "")
    tail = data.rindex(_TYPE_PREFIX) - 2
    rest = list(fields(data[tail:]))
    texts = {field: value.decode() for field, value in rest if field in (_TYPE_URL, _NONCE)}
    removed = tuple(value.decode() for field, value in rest if field == _REMOVED)
    return Response(TypeUrl(texts[_TYPE_URL]), version, texts.get(_NONCE, ""), data[:tail], removed)


def request_type(data: bytes) -> TypeUrl:
    """The type URL of a request: its first one."""
    start = data.index(_TYPE_PREFIX)
    return TypeUrl(data[start : start + data[start - 1]].decode())


def node_id_of(workload: Workload) -> str:
    """The id that `pilot bootstrap` gives a sidecar in front of ``workload``."""
    return "~".join(
        (
            "sidecar",
            workload.address,
            f"{workload.name}.{workload.namespace}",
            f"{workload.namespace}.svc.cluster.local",
        )
    )


def metadata_of(workload: Workload) -> dict[str, object]:
    """The node metadata of such a sidecar."""
    return {"NAMESPACE": workload.namespace, "LABELS": {"app": workload.app, "version": workload.version}}


def node_of(workload: Workload, *, registering: bool = False) -> bytes:
    """A Node like that of a sidecar in front of ``workload``: id, cluster, metadata, and what Envoy adds itself."""
    metadata = metadata_of(workload)
    if registering:
        metadata |= {"SELF_REGISTER": "true", "WORKLOAD_NAME": workload.name}
    parts = [
        length_delimited(1, node_id_of(workload).encode()),
        length_delimited(2, f"{workload.app}.{workload.namespace}".encode()),
        length_delimited(3, _struct(metadata)),
        length_delimited(6, b"envoy"),
    ]
    parts += [length_delimited(9, length_delimited(1, b"%0100d" % number)) for number in range(EXTENSIONS)]
    return b"".join(parts)


def _struct(values: Mapping[str, object]) -> bytes:
    """google.protobuf.Struct of texts and further structs."""
    return b"".join(length_delimited(1, _entry(key, _value(value))) for key, value in values.items())


def _value(value: object) -> bytes:
    if isinstance(value, Mapping):
        return length_delimited(5, _struct(value))
    return length_delimited(3, str(value).encode())


def _entry(key: str, value: bytes) -> bytes:
    """An entry of a map whose values are texts or messages."""
    return length_delimited(1, key.encode()) + length_delimited(2, value)


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message with length-delimited content; numbers between them are passed over."""
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint(data, position)
        if tag & 7 == 0:
            _, position = _varint(data, position)
            continue
        if tag & 7 != 2:
            raise ValueError(f"unexpected wire type {tag & 7}")
        length, position = _varint(data, position)
        yield tag >> 3, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
