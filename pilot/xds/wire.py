"""A response assembled from bytes already encoded: DiscoveryResponse and DeltaDiscoveryResponse (discovery.proto)."""

from __future__ import annotations

from pilot.xds.events import Respond
from pilot.xds.resources import EncodedResource, ResourceSet

# Tags of length-delimited fields: field number << 3 | 2.
_F1, _F2, _F3, _F4, _F5, _F6 = (bytes([number << 3 | 2]) for number in range(1, 7))


class ResponseEncoder:
    """Writes responses. ``joins`` counts how often resources were joined; equal sets share one join."""

    def __init__(self) -> None:
        self.joins = 0

    def encode_sotw(self, response: Respond) -> bytes:
        """A DiscoveryResponse: version_info 1, resources 2, type_url 4, nonce 5."""
        body = response.resources.derive("sotw body", lambda: self._join_sotw(response.resources))
        return b"".join((_text(_F1, response.version), body, *_addressed(response)))

    def encode_delta(self, response: Respond) -> bytes:
        """A DeltaDiscoveryResponse: system_version_info 1, resources 2, type_url 4, nonce 5, removed_resources 6."""
        body = response.resources.derive("delta body", lambda: self._join_delta(response.resources))
        removed = [_text(_F6, name) for name in response.removed]
        return b"".join((_text(_F1, response.version), body, *_addressed(response), *removed))

    def _join_sotw(self, resources: ResourceSet) -> bytes:
        self.joins += 1
        return b"".join([part for r in resources for part in (_F2, _varint(len(r.any)), r.any)])

    def _join_delta(self, resources: ResourceSet) -> bytes:
        self.joins += 1
        return b"".join([_delta_resource(r) for r in resources])


def _delta_resource(resource: EncodedResource) -> bytes:
    """A Resource: version 1, resource 2, name 3."""
    before = b"".join((_text(_F1, resource.version), _F2, _varint(len(resource.any))))
    after = _text(_F3, resource.name)
    size = len(before) + len(resource.any) + len(after)
    return b"".join((_F2, _varint(size), before, resource.any, after))


def _addressed(response: Respond) -> tuple[bytes, bytes]:
    return _text(_F4, response.type_url), _text(_F5, response.nonce)


def _text(tag: bytes, text: str) -> bytes:
    # Names come from a client's request: one that is no valid Unicode must not end the stream.
    content = text.encode("utf-8", "replace")
    return b"".join((tag, _varint(len(content)), content))


def _varint(value: int) -> bytes:
    return _SHORT[value] if value < len(_SHORT) else _encode_varint(value)


def _encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SHORT = tuple(map(_encode_varint, range(2048)))
"""The lengths of nearly all names and resources."""
