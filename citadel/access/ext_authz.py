"""Decisions about external authorization: which server is asked, with what, and what of its answer counts."""

from __future__ import annotations

from datetime import timedelta

from citadel.access.rbac import FilterMetadata, TextMatch
from galley.frozen import FrozenMap, frozen


@frozen
class HttpAuthorizationService:
    """A server that is asked by an HTTP request with the method and headers of the original one.

    ``request_headers`` go along besides those that always do; ``added_headers`` are sent by every proxy. Of the
    answer, ``upstream_headers`` reach the application when it says yes and ``allowed_response_headers`` the client;
    ``denied_response_headers`` reach the client when it says no.
    """

    uri: str
    cluster: str
    path_prefix: str = ""
    request_headers: tuple[TextMatch, ...] = ()
    added_headers: FrozenMap[str, str] = FrozenMap()
    upstream_headers: tuple[TextMatch, ...] = ()
    allowed_response_headers: tuple[TextMatch, ...] = ()
    denied_response_headers: tuple[TextMatch, ...] = ()


@frozen
class GrpcAuthorizationService:
    """A server of Envoy's gRPC authorization API, called as ``authority``."""

    cluster: str
    authority: str


@frozen
class RequestBody:
    """How much of the request's body goes along: at most ``max_bytes``; larger bodies are refused (413) unless a part
    of them will do (``allow_partial``)."""

    max_bytes: int
    allow_partial: bool = False
    as_bytes: bool = False


@frozen
class ExtAuthzPlan:
    """An external authorization filter. It asks only about what ``enabled_by`` says, which the RBAC filter before it
    has noted. ``status_on_error`` 0 is Envoy's own (403)."""

    service: HttpAuthorizationService | GrpcAuthorizationService
    timeout: timedelta
    enabled_by: FilterMetadata
    fail_open: bool = False
    status_on_error: int = 0
    clear_route_cache: bool = False
    body: RequestBody | None = None
