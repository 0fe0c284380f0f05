"""Names of trust domains: one rule for what MeshConfig may say and for what identities are made of."""

from __future__ import annotations

import re

from galley.text.wording import quoted

_LONGEST = 255
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def wrong_with_trust_domain(text: str) -> str:
    """What keeps ``text`` from being the name of a trust domain; "" when nothing does.

    Stricter than SPIFFE-ID, section 2.1, and the same as Istio's ``ValidateTrustDomain``: a DNS name in lower case.
    """
    for label in text.split("."):
        if not _LABEL.fullmatch(label):
            return f"must be a DNS name in lower case; {quoted(label)} in {quoted(text)} is no DNS label of one"
    return f"must not be longer than {_LONGEST} characters" if len(text) > _LONGEST else ""
