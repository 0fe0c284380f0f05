"""What is done with HTTP requests on their way, as APIs say that route them: values without any reference."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from galley.frozen import frozen
from galley.kinds.values import Percent, StringMatch, unsupported
from galley.meta import NO_LABELS, Labels


@frozen
class HeaderOperations:
    """Header changes: ``set`` overwrites, ``add`` appends, ``remove`` deletes."""

    set: Labels = NO_LABELS
    add: Labels = NO_LABELS
    remove: tuple[str, ...] = ()


@frozen
class Headers:
    """Header changes on the request and on the response."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class RedirectPortSelection(StrEnum):
    """Where the port of a redirect comes from."""

    FROM_PROTOCOL_DEFAULT = "FROM_PROTOCOL_DEFAULT"
    FROM_REQUEST_PORT = "FROM_REQUEST_PORT"


@frozen
class HttpRedirect:
    """Answer with a redirect. ``redirect_code`` 0 means 301."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("port", "derive_port"),)
    uri: str | None = None
    authority: str = ""
    port: int | None = None
    derive_port: RedirectPortSelection | None = None
    scheme: str = ""
    redirect_code: int = 0
    prefix_rewrite: str | None = None


@frozen
class HttpBody:
    """The body of a direct response: text, or base64 of bytes."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("string", "bytes"),)
    string: str | None = None
    bytes: str | None = None


@frozen
class HttpDirectResponse:
    """Answer with this status and body, without asking any upstream."""

    status: int = 0
    body: HttpBody | None = None


@frozen
class RegexRewrite:
    """RE2 pattern and substitution (captures as ``\\1``) for the path."""

    match: str = ""
    rewrite: str = ""


@frozen
class HttpRewrite:
    """Rewrite the matched part of the path, or the authority, before forwarding."""

    uri: str = ""
    authority: str = ""
    uri_regex_rewrite: RegexRewrite | None = None


@frozen
class HttpRetry:
    """Retry policy; ``attempts`` counts retries, not tries, and 0 switches retries off."""

    attempts: int = 0
    per_try_timeout: timedelta | None = None
    retry_on: str = ""
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None
    backoff: timedelta | None = None


@frozen
class Delay:
    """Hold a share of the requests for a fixed time. ``percent`` is the deprecated integer form."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("fixed_delay", "exponential_delay"),)
    percent: int = 0
    fixed_delay: timedelta | None = None
    exponential_delay: timedelta | None = unsupported(None, "Envoy has no exponential delay; use fixedDelay")
    percentage: Percent | None = None


@frozen
class Abort:
    """Answer a share of the requests with an error. Without ``percentage`` nothing is aborted (Istio's rule)."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("http_status", "grpc_status", "http2_error"),)
    http_status: int | None = None
    grpc_status: str | None = None
    http2_error: str | None = unsupported(None, "Istio does not implement it either; use httpStatus or grpcStatus")
    percentage: Percent | None = None


@frozen
class HttpFaultInjection:
    """Faults that the client's proxy injects before it routes."""

    delay: Delay | None = None
    abort: Abort | None = None


class UnmatchedPreflights(StrEnum):
    """What happens to a CORS preflight whose origin does not match."""

    UNSPECIFIED = "UNSPECIFIED"
    FORWARD = "FORWARD"
    IGNORE = "IGNORE"


@frozen
class CorsPolicy:
    """Cross-origin resource sharing. ``allow_origin`` is the deprecated list of exact origins."""

    allow_origin: tuple[str, ...] = ()
    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: timedelta | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: UnmatchedPreflights = UnmatchedPreflights.UNSPECIFIED
