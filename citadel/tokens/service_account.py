"""The subject of a token, in the form that Kubernetes gives it: ``system:serviceaccount:NAMESPACE:ACCOUNT``."""

from __future__ import annotations

from citadel.identity import SpiffeId, TrustDomain

_PREFIX = ("system", "serviceaccount")


def render_subject(identity: SpiffeId) -> str:
    """The subject of a token for ``identity``."""
    return ":".join((*_PREFIX, identity.namespace, identity.service_account))


def parse_subject(subject: object, trust_domain: TrustDomain) -> SpiffeId:
    """The identity in ``trust_domain`` that ``subject`` names. ValueError unless it has this very form."""
    match subject.split(":") if isinstance(subject, str) else ():
        case ["system", "serviceaccount", namespace, account]:
            return SpiffeId(trust_domain, namespace, account)
    raise ValueError("its subject is no service account")
