"""Decisions about tokens of requests (JWT): which issuers count, where their keys and the tokens are."""

from __future__ import annotations

from datetime import timedelta

from galley.frozen import frozen
from galley.meta import ResourceKey


@frozen
class InlineKeys:
    """A JSON Web Key Set, as text."""

    jwks: str


@frozen
class RemoteKeys:
    """Keys that the proxy fetches itself, through ``cluster``."""

    uri: str
    cluster: str
    timeout: timedelta


@frozen
class TokenHeader:
    """A header that may hold a token, after ``prefix``."""

    name: str
    prefix: str = ""


@frozen
class JwtProviderPlan:
    """The tokens of one issuer ("": of any). Without places to look for them Envoy's count: the ``Authorization``
    header, then the query parameter ``access_token``.

    ``forward`` leaves the token in the request. Claims in ``space_delimited_claims`` are lists written as one text.
    """

    issuer: str
    keys: InlineKeys | RemoteKeys
    audiences: tuple[str, ...] = ()
    from_headers: tuple[TokenHeader, ...] = ()
    from_params: tuple[str, ...] = ()
    from_cookies: tuple[str, ...] = ()
    forward: bool = False
    payload_header: str = ""
    claim_headers: tuple[tuple[str, str], ...] = ()
    """Pairs of header and claim."""
    space_delimited_claims: tuple[str, ...] = ()
    clear_route_cache: bool = False


@frozen
class JwtPlan:
    """A filter that verifies tokens: a request with a token of one of ``providers``, or without any, passes."""

    providers: tuple[JwtProviderPlan, ...]
    origins: tuple[ResourceKey, ...] = ()
