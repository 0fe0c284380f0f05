"""What pods really send one another: TCP payloads read off the wire, without help of the programs that send them."""

from __future__ import annotations

import socket
import struct
import threading
from collections import defaultdict
from dataclasses import dataclass
from ipaddress import ip_address

from tests.e2e.namespaces.network import Pod

_ALL_PROTOCOLS = 0x0003  # ETH_P_ALL
_IPV4, _IPV6, _TCP = 0x0800, 0x86DD, 6
_SYN = 0x02
_SO_RCVBUFFORCE = 33  # as linux/socket.h has it; Python knows no name for it
_BUFFER = 1 << 24

TLS_RECORDS = range(20, 24)  # change_cipher_spec, alert, handshake, application_data
_MAX_RECORD = (1 << 14) + 2048


@dataclass(frozen=True)
class Direction:
    """One direction of a TCP connection."""

    source: str
    source_port: int
    target: str
    target_port: int


@dataclass(frozen=True)
class Segment:
    """The payload of one TCP packet, and where in its direction it belongs."""

    direction: Direction
    sequence: int
    payload: bytes
    begins: bool


class Sniffer:
    """Reads every packet that enters or leaves ``pod`` by eth0 from its creation until `streams` is called."""

    def __init__(self, pod: Pod) -> None:
        with pod.namespace.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
            self._socket.bind(("eth0", 0))
        self._socket.settimeout(0.1)
        self._segments: list[Segment] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                packet = self._socket.recv(1 << 17)
            except TimeoutError:
                if self._ending.is_set():
                    return
                continue
            segment = parse_segment(packet)
            if segment is not None:
                self._segments.append(segment)

    def streams(self) -> dict[Direction, bytes]:
        """The bytes of each direction that said anything; no more is read from now on."""
        self._ending.set()
        self._thread.join()
        self._socket.close()
        return join_segments(self._segments)


def parse_segment(packet: bytes) -> Segment | None:
    """The TCP segment in an Ethernet frame; None for anything else."""
    (kind,) = struct.unpack_from("!H", packet, 12)
    ip = packet[14:]
    if kind == _IPV4 and ip[9] == _TCP:
        header, length = (ip[0] & 15) * 4, struct.unpack_from("!H", ip, 2)[0]
        source, target = ip[12:16], ip[16:20]
        tcp = ip[header : length or len(ip)]
    elif kind == _IPV6 and ip[6] == _TCP:
        length = struct.unpack_from("!H", ip, 4)[0]
        source, target = ip[8:24], ip[24:40]
        tcp = ip[40 : 40 + length if length else len(ip)]
    else:
        return None
    source_port, target_port, sequence = struct.unpack_from("!HHI", tcp)
    return Segment(
        direction=Direction(str(ip_address(source)), source_port, str(ip_address(target)), target_port),
        sequence=sequence,
        payload=tcp[(tcp[12] >> 4) * 4 :],
        begins=bool(tcp[13] & _SYN),
    )


def join_segments(segments: list[Segment]) -> dict[Direction, bytes]:
    """The bytes of each direction, in order, each once; a direction ends where a segment was missed.

    One that is older than the listening begins with the first that was heard of it.
    """
    starts: dict[Direction, int] = {}
    pieces: dict[Direction, dict[int, bytes]] = defaultdict(dict)
    for segment in segments:
        if segment.payload or segment.begins:
            starts.setdefault(segment.direction, segment.sequence + segment.begins)
        if segment.payload:
            place = (segment.sequence - starts[segment.direction]) % (1 << 32)
            known = pieces[segment.direction].get(place, b"")
            pieces[segment.direction][place] = max(known, segment.payload, key=len)
    return {direction: _in_order(found) for direction, found in pieces.items()}


def _in_order(pieces: dict[int, bytes]) -> bytes:
    stream = b""
    for place in sorted(pieces):
        if place > len(stream):
            break
        stream += pieces[place][len(stream) - place :]
    return stream


def is_tls(stream: bytes) -> bool:
    """Whether the bytes are TLS records from the first to the last, which may be cut off."""
    place = 0
    while place < len(stream):
        head = stream[place : place + 5]
        if head[0] not in TLS_RECORDS or head[1:2] not in (b"", b"\x03"):
            return False
        if len(head) < 5:
            return True
        length = int.from_bytes(head[3:5], "big")
        if length > _MAX_RECORD:
            return False
        place += 5 + length
    return bool(stream)
