"""What an xDS server reads: discovery requests in both variants, as small values of our own; and what a small
client of one, an agent say, writes and reads.

The node that Envoy puts in its first request lists every extension it was built with, some 60 KB; it is turned into
a value only when asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from envoy_data_plane.envoy.config.core.v3 import Locality
from envoy_data_plane.envoy.config.core.v3 import Node as NodeMessage
from envoy_data_plane.envoy.service.discovery.v3 import (
    DeltaDiscoveryRequest as DeltaDiscoveryRequestMessage,
)
from envoy_data_plane.envoy.service.discovery.v3 import (
    DiscoveryRequest as DiscoveryRequestMessage,
)
from envoy_data_plane.envoy.service.discovery.v3 import (
    DiscoveryResponse as DiscoveryResponseMessage,
)
from envoy_data_plane.google.rpc import Status

from envoycodec.construct import maker
from envoycodec.encode import encode
from envoycodec.upb import decode_upb
from envoycodec.wellknown import struct, struct_to_dict

_new_request = maker(DiscoveryRequestMessage)
_new_node = maker(NodeMessage)
_new_locality = maker(Locality)
_new_status = maker(Status)


@dataclass(frozen=True, slots=True)
class Node:
    """Who asks: the identity that a proxy's bootstrap gives it, and the Envoy version it was built from."""

    id: str = ""
    cluster: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    region: str = ""
    zone: str = ""
    sub_zone: str = ""
    user_agent_name: str = ""
    user_agent_version: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    """A state-of-the-world request.  ``error_code`` is None unless it rejects a response (a NACK)."""

    type_url: str
    version_info: str = ""
    response_nonce: str = ""
    resource_names: tuple[str, ...] = ()
    error_code: int | None = None
    error_message: str | None = None
    node: Node | None = None

    @property
    def is_nack(self) -> bool:
        """Whether the client rejected the response; error_detail says so by being present, whatever its code."""
        return self.error_code is not None


@dataclass(frozen=True, slots=True)
class DeltaDiscoveryRequest:
    """An incremental request.  ``error_code`` is None unless it rejects a response (a NACK)."""

    type_url: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial_versions: Mapping[str, str] = field(default_factory=dict)
    nonce: str = ""
    error_code: int | None = None
    error_message: str | None = None
    node: Node | None = None

    @property
    def is_nack(self) -> bool:
        """Whether the client rejected the response; error_detail says so by being present, whatever its code."""
        return self.error_code is not None


@dataclass(frozen=True, slots=True)
class DiscoveryResponse:
    """A state-of-the-world response; ``resources`` are the encoded messages of its type."""

    type_url: str
    version_info: str
    nonce: str
    resources: tuple[bytes, ...]


def decode_discovery_request(data: bytes, with_node: bool) -> DiscoveryRequest:
    """A state-of-the-world request; ``node`` is None unless it is there and asked for.  ValueError if malformed."""
    message = decode_upb(DiscoveryRequestMessage, data)
    code, text = _error(message)
    return DiscoveryRequest(
        type_url=message.type_url,
        version_info=message.version_info,
        response_nonce=message.response_nonce,
        resource_names=tuple(message.resource_names),
        error_code=code,
        error_message=text,
        node=node_of(message) if with_node else None,
    )


def decode_delta_discovery_request(data: bytes, with_node: bool) -> DeltaDiscoveryRequest:
    """An incremental request; ``node`` is None unless it is there and asked for.  ValueError if malformed."""
    message = decode_upb(DeltaDiscoveryRequestMessage, data)
    code, text = _error(message)
    return DeltaDiscoveryRequest(
        type_url=message.type_url,
        subscribe=tuple(message.resource_names_subscribe),
        unsubscribe=tuple(message.resource_names_unsubscribe),
        initial_versions=dict(message.initial_resource_versions),
        nonce=message.response_nonce,
        error_code=code,
        error_message=text,
        node=node_of(message) if with_node else None,
    )


def encode_discovery_request(request: DiscoveryRequest) -> bytes:
    """A state-of-the-world request as a client sends it; of the node everything but the user agent."""
    error = None
    if request.error_code is not None:
        error = _new_status(code=request.error_code, message=request.error_message or "")
    return encode(
        _new_request(
            version_info=request.version_info,
            node=None if request.node is None else _encodable_node(request.node),
            resource_names=list(request.resource_names),
            type_url=request.type_url,
            response_nonce=request.response_nonce,
            error_detail=error,
        )
    )


def decode_discovery_response(data: bytes) -> DiscoveryResponse:
    """A state-of-the-world response.  ValueError if malformed."""
    message = decode_upb(DiscoveryResponseMessage, data)
    resources = tuple(bytes(resource.value) for resource in message.resources)
    return DiscoveryResponse(message.type_url, message.version_info, message.nonce, resources)


def warm_up() -> None:
    """Derive the decoders now, so that the first request does not wait for it."""
    decode_discovery_request(b"", with_node=False)
    decode_delta_discovery_request(b"", with_node=False)


def _encodable_node(node: Node) -> NodeMessage:
    locality = _new_locality(region=node.region, zone=node.zone, sub_zone=node.sub_zone)
    return _new_node(id=node.id, cluster=node.cluster, metadata=struct(node.metadata), locality=locality)


def _error(message: Any) -> tuple[int, str] | tuple[None, None]:
    if not message.HasField("error_detail"):
        return None, None
    return message.error_detail.code, message.error_detail.message


MAX_NODE_BYTES = 256 << 10
"""Bytes of a node: an Envoy's is about 60,000, most of it the list of its extensions."""


def node_of(message: Any) -> Node | None:
    """The node in a decoded message; None when it has none. ValueError when it is larger than any Envoy's."""
    if not message.HasField("node"):
        return None
    node = message.node
    if (size := node.ByteSize()) > MAX_NODE_BYTES:
        raise ValueError(f"the node has {size:,} bytes, and {MAX_NODE_BYTES:,} are the most")
    version = None
    if node.HasField("user_agent_build_version"):
        number = node.user_agent_build_version.version
        version = (number.major_number, number.minor_number, number.patch)
    return Node(
        id=node.id,
        cluster=node.cluster,
        metadata=struct_to_dict(node.metadata),
        region=node.locality.region,
        zone=node.locality.zone,
        sub_zone=node.locality.sub_zone,
        user_agent_name=node.user_agent_name,
        user_agent_version=version,
    )
