"""RequestAuthentication: which tokens (JWT) of requests are accepted, and where they are (security.istio.io)."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from galley.frozen import frozen
from galley.kinds.attachment import Attachment, Precedence, RootSelector
from galley.kinds.values import AttachedPolicy


@frozen
class JwtHeader:
    """A request header that may hold a token, after ``prefix``."""

    name: str = ""
    prefix: str = ""


@frozen
class ClaimToHeader:
    """The request header that gets the value of ``claim`` (nested ones by dots)."""

    header: str = ""
    claim: str = ""


@frozen
class JwtRule:
    """How the tokens of one issuer are verified, where they are looked for, and what of them goes on.

    ``jwks`` are its keys themselves, ``jwks_uri`` where they are fetched; with neither, the issuer's OpenID
    configuration names that place. An empty ``issuer`` stands for any.
    """

    issuer: str = ""
    audiences: tuple[str, ...] = ()
    jwks_uri: str = ""
    jwks: str = ""
    from_headers: tuple[JwtHeader, ...] = ()
    from_params: tuple[str, ...] = ()
    from_cookies: tuple[str, ...] = ()
    output_payload_to_header: str = ""
    forward_original_token: bool = False
    output_claim_to_headers: tuple[ClaimToHeader, ...] = ()
    timeout: timedelta | None = None
    space_delimited_claims: tuple[str, ...] = ()


@frozen
class RequestAuthentication(AttachedPolicy):
    """The tokens that the selected workloads accept. A request without a token passes; one with a bad one does not."""

    attachment: ClassVar[Attachment[RequestAuthentication]] = Attachment(
        precedence=Precedence.TOGETHER,
        selector=lambda spec: spec.selector,
        targets=lambda spec: spec.targets,
        root_selector=RootSelector.WHOLE_MESH,
    )

    jwt_rules: tuple[JwtRule, ...] = ()
