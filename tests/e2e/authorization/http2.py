"""A client that sends HTTP/2 as it is told, correct or not."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import h2.config
import h2.connection
import h2.events
import h2.exceptions

_END = (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)


def send_http2(connection: socket.socket, headers: Sequence[tuple[str, str]]) -> int:
    """Send one request without body on a new ``connection``; the status of its answer, 0 where there is none."""
    config = h2.config.H2Configuration(
        client_side=True, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
    )
    client = h2.connection.H2Connection(config)
    client.initiate_connection()
    client.send_headers(1, headers, end_stream=True)
    connection.sendall(client.data_to_send())
    status = 0
    try:
        while received := connection.recv(65536):
            events = client.receive_data(received)
            for event in events:
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
            if any(isinstance(event, _END) for event in events):
                break
            connection.sendall(client.data_to_send())
    except (OSError, h2.exceptions.ProtocolError):
        return status
    return status
