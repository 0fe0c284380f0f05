"""The two variants of xDS, and what differs between them outside the state machines."""

from __future__ import annotations

from enum import StrEnum

from pilot.xds.delta import DeltaStream
from pilot.xds.events import Respond
from pilot.xds.sotw import SotwStream
from pilot.xds.stream import Fallback, Stream, no_fallback
from pilot.xds.wire import ResponseEncoder


class XdsVariant(StrEnum):
    """State of the world, where a response says all that there is, or incremental (delta): its value is its name in
    logs and in ``pilot proxy-status``."""

    SOTW = "SotW"
    DELTA = "delta"

    def new_stream(self, fallback: Fallback = no_fallback) -> Stream:
        """The state machine of a stream that begins; ``fallback`` stands in for what does not exist."""
        return SotwStream(fallback) if self is XdsVariant.SOTW else DeltaStream(fallback)

    def encode_response(self, response: Respond, encoder: ResponseEncoder) -> bytes:
        """``response`` as the message of this variant."""
        return encoder.encode_sotw(response) if self is XdsVariant.SOTW else encoder.encode_delta(response)
