"""As much of HTTP/2 and gRPC as a bidirectional stream needs, so that a simulated client costs next to nothing.

A client on grpc.aio costs as much as the server that is measured. This one frames by hand (RFC 9113): one stream on
one connection, request headers written without compression, response headers skipped over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 1
END_HEADERS, PADDED = 4, 8
DEFAULT_WINDOW, FULL_WINDOW = (1 << 16) - 1, (1 << 31) - 1
MAX_FRAME = 1 << 14
_STREAM = 1
_INITIAL_WINDOW_SIZE = 4
_WORD, _SETTING, _GRPC_PREFIX, _HEAD = Struct(">I"), Struct(">HI"), Struct(">BI"), Struct(">BBI")


def frame(kind: int, payload: bytes, *, flags: int = 0, stream: int = 0) -> bytes:
    """One frame; ``payload`` is at most MAX_FRAME bytes."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + _WORD.pack(stream) + payload


def request_headers(path: str, authority: str) -> bytes:
    """The header block of a gRPC call: literal fields without indexing and without Huffman coding (RFC 7541)."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": authority,
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(b"\0" + _short(key) + _short(value) for key, value in fields.items())


def _short(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > 126:
        raise ValueError(f"{text!r} is too long for a header here")
    return bytes((len(encoded),)) + encoded


class StreamConnection(asyncio.Protocol):
    """One connection with one call on it. ``on_message`` gets whole messages; ``on_end`` is called once, at the end."""

    def __init__(
        self, path: str, authority: str, on_message: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        self._headers = request_headers(path, authority)
        self._on_message, self._on_end = on_message, on_end
        self._transport: asyncio.Transport | None = None
        self._received, self._messages, self._unsent = bytearray(), bytearray(), bytearray()
        self._connection_window = self._stream_window = DEFAULT_WINDOW
        self._initial_window = DEFAULT_WINDOW

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(
            PREFACE
            + frame(SETTINGS, _SETTING.pack(_INITIAL_WINDOW_SIZE, FULL_WINDOW))
            + frame(WINDOW_UPDATE, _WORD.pack(FULL_WINDOW - DEFAULT_WINDOW))
            + frame(HEADERS, self._headers, flags=END_HEADERS, stream=_STREAM)
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_end()

    def close(self) -> None:
        """Drop the connection as a dying Envoy does."""
        if self._transport is not None:
            self._transport.abort()

    def send(self, *messages: bytes) -> None:
        """Send messages as far as the server's windows allow; the rest follows."""
        for message in messages:
            self._unsent += _GRPC_PREFIX.pack(0, len(message))
            self._unsent += message
        self._flush()

    def data_received(self, data: bytes) -> None:
        buffer = self._received
        buffer += data
        position, size = 0, len(buffer)
        while size - position >= 9:
            length = int.from_bytes(buffer[position : position + 3], "big")
            end = position + 9 + length
            if end > size:
                break
            kind, flags, stream = _HEAD.unpack_from(buffer, position + 3)
            self._take(kind, flags, stream, buffer[position + 9 : end])
            position = end
        del buffer[:position]
        self._deliver()

    def _take(self, kind: int, flags: int, stream: int, payload: bytearray) -> None:
        if kind == DATA:
            self._messages += payload[1 : len(payload) - payload[0]] if flags & PADDED else payload
        elif kind == PING and not flags & ACK:
            self._write(frame(PING, bytes(payload), flags=ACK))
        elif kind == SETTINGS and not flags & ACK:
            self._adopt(payload)
        elif kind == WINDOW_UPDATE:
            self._widen(stream, _WORD.unpack(payload)[0])
        if kind in (RST_STREAM, GOAWAY) or (kind in (DATA, HEADERS) and flags & END_STREAM):
            self.close()

    def _adopt(self, payload: bytearray) -> None:
        for key, value in _SETTING.iter_unpack(payload):
            if key == _INITIAL_WINDOW_SIZE:
                self._stream_window += value - self._initial_window
                self._initial_window = value
        self._write(frame(SETTINGS, b"", flags=ACK))
        self._flush()

    def _widen(self, stream: int, increment: int) -> None:
        if stream:
            self._stream_window += increment
        else:
            self._connection_window += increment
        self._flush()

    def _flush(self) -> None:
        unsent, position = self._unsent, 0
        allowed = min(len(unsent), self._connection_window, self._stream_window)
        parts = []
        while position < allowed:
            end = min(position + MAX_FRAME, allowed)
            parts.append(frame(DATA, bytes(unsent[position:end]), stream=_STREAM))
            position = end
        del unsent[:position]
        self._connection_window -= position
        self._stream_window -= position
        self._write(b"".join(parts))

    def _deliver(self) -> None:
        messages, position = self._messages, 0
        while len(messages) - position >= 5:
            _, length = _GRPC_PREFIX.unpack_from(messages, position)
            end = position + 5 + length
            if end > len(messages):
                break
            self._on_message(bytes(messages[position + 5 : end]))
            position = end
        del messages[:position]

    def _write(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)
