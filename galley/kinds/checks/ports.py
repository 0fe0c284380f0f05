"""Protocols of ports, as Gateway, ServiceEntry and Sidecar declare them."""

from __future__ import annotations

from galley.text.recorder import Recorder
from galley.text.wording import quoted

HTTP_PROTOCOLS = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"})
TLS_PROTOCOLS = frozenset({"HTTPS", "TLS"})
PROTOCOLS = HTTP_PROTOCOLS | TLS_PROTOCOLS | {"TCP", "UDP", "MONGO", "REDIS", "MYSQL", "HBONE"}


def check_protocol(recorder: Recorder, field: str, protocol: str, *, required: bool = False) -> None:
    """A protocol by its name, in either case; where it is not required, none means that Envoy finds out."""
    if not protocol:
        if required:
            recorder.error(field, "missing-field", "is required", "such as HTTP, HTTPS, GRPC, HTTP2, TCP or TLS")
    elif protocol.upper() not in PROTOCOLS:
        known = "HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, REDIS, MYSQL, TCP, TLS"
        recorder.error(field, "unknown-protocol", f"{quoted(protocol)} is not a protocol", f"write one of {known}")
