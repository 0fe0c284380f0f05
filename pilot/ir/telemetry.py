"""Plans of what listeners report about their traffic: spans, and where they go."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from galley.frozen import frozen
from galley.meta import ResourceKey

Headers = tuple[tuple[str, str], ...]
"""Names and values of headers, in their order."""


class TagSource(StrEnum):
    """Where the value of a tag comes from; ``RBAC_METADATA`` is what policies that are tried out say of a request."""

    LITERAL = "literal"
    ENVIRONMENT = "environment"
    HEADER = "header"
    RBAC_METADATA = "rbac metadata"


@frozen
class TagPlan:
    """A tag of spans. ``text`` is its value, or by the source the name of a variable, a header or a key; where it has
    no value the tag has ``default``, or is left out. ValueError without name or text, which Envoy refuses."""

    name: str
    source: TagSource
    text: str
    default: str = ""

    def __post_init__(self) -> None:
        if not self.name or not self.text:
            raise ValueError("a tag has a name and says where its value comes from")


@frozen
class ZipkinPlan:
    """Spans go to a Zipkin as JSON, by POST to ``uri`` through ``cluster``; a span's service is the node's cluster.

    With ``w3c`` traces are passed on in ``traceparent`` too, and taken from there.
    """

    cluster: str
    uri: str
    timeout: timedelta
    headers: Headers = ()
    trace_id_128bit: bool = True
    w3c: bool = False


TracerPlan = ZipkinPlan


@frozen
class TracingPlan:
    """Spans of the requests of a connection manager; ``sampling`` per cent of those that begin a trace are reported.

    ``max_path_length`` None leaves the length of paths to Envoy. With ``upstream_spans`` what is asked of the next
    proxy is a span of its own. ``by_request_id``: what is decided about sampling is written into the request's id.
    """

    tracer: TracerPlan
    sampling: float
    tags: tuple[TagPlan, ...] = ()
    max_path_length: int | None = None
    upstream_spans: bool = False
    by_request_id: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.sampling <= 100:
            raise ValueError(f"{self.sampling} is not from 0 to 100")


@frozen
class TelemetryPlan:
    """All that the listeners of one side of a proxy report; ``origins`` are the resources that say so."""

    tracing: TracingPlan | None = None
    origins: tuple[ResourceKey, ...] = ()


NO_TELEMETRY = TelemetryPlan()
