"""Rules of RequestAuthentication, as Istio's validation has them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from galley.kinds.checks.attachment import check_attachment
from galley.kinds.checks.scalars import check_duration, check_header_name
from galley.kinds.security.jwks import parse_key_set
from galley.kinds.security.request_authentication import JwtRule, RequestAuthentication
from galley.meta import Resource
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_CLAIM_HEADER = re.compile(r"[-_A-Za-z0-9]+")


def check_request_authentication(recorder: Recorder, resource: Resource[RequestAuthentication]) -> None:
    """All that is wrong with one RequestAuthentication."""
    spec = resource.spec
    check_attachment(recorder, "spec", spec)
    for index, rule in enumerate(spec.jwt_rules):
        _check_rule(recorder, f"spec.jwtRules[{index}]", rule)


def _check_rule(recorder: Recorder, path: str, rule: JwtRule) -> None:
    _check_issuer(recorder, path, rule)
    lists = {"audiences": rule.audiences, "fromParams": rule.from_params, "fromCookies": rule.from_cookies}
    for name, values in lists.items():
        for index, value in enumerate(values):
            if not value:
                recorder.error(f"{path}.{name}[{index}]", "missing-value", "must not be empty")
    for index, header in enumerate(rule.from_headers):
        if not header.name:
            recorder.error(f"{path}.fromHeaders[{index}].name", "missing-field", "is required")
        else:
            check_header_name(recorder, f"{path}.fromHeaders[{index}].name", header.name)
    if rule.output_payload_to_header:
        check_header_name(recorder, f"{path}.outputPayloadToHeader", rule.output_payload_to_header)
    for index, entry in enumerate(rule.output_claim_to_headers):
        field = f"{path}.outputClaimToHeaders[{index}]"
        if not entry.claim:
            recorder.error(f"{field}.claim", "missing-field", "is required")
        if not _CLAIM_HEADER.fullmatch(entry.header):
            recorder.error(f"{field}.header", "invalid-header", f"{quoted(entry.header)} is not a header name")
    check_duration(recorder, f"{path}.timeout", rule.timeout)


def _check_issuer(recorder: Recorder, path: str, rule: JwtRule) -> None:
    """Whose tokens they are, and where the keys come from."""
    if not rule.issuer and not rule.jwks_uri:
        recorder.error(f"{path}.issuer", "missing-field", "is required, or else jwksUri")
    if rule.jwks_uri:
        _check_uri(recorder, f"{path}.jwksUri", rule.jwks_uri)
    elif not rule.jwks and rule.issuer and not rule.issuer.startswith(("https://", "http://")):
        what = "is no URL, so its keys cannot be found"
        recorder.warn(f"{path}.issuer", "no-keys", what, "give jwks or jwksUri")
    if rule.jwks:
        _check_keys(recorder, f"{path}.jwks", rule.jwks)


def _check_uri(recorder: Recorder, field: str, uri: str) -> None:
    try:
        parts = urlsplit(uri)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not uri.isprintable() or " " in uri:
        recorder.error(field, "invalid-url", f"must be an http or https URL, not {quoted(uri)}")


def _check_keys(recorder: Recorder, field: str, text: str) -> None:
    try:
        found = parse_key_set(text)
    except ValueError as error:
        recorder.error(field, "invalid-jwks", str(error))
        return
    if not found.usable:
        what = f"has {found.keys or 'no'} keys, and none that can be used: every token of the issuer is refused"
        recorder.warn(field, "no-keys", what)
    if found.has_private:
        what = "holds a private key, which every proxy would be given"
        recorder.warn(field, "private-key", what, "write the public part only")
