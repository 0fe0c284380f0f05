"""Answers of a control plane, made by the authority of the tests."""

from __future__ import annotations

from datetime import timedelta

from citadel.ca.issuance import IssuanceRequest, IssuedCertificate, issue
from citadel.identity import PrivateKey, SpiffeId
from citadel.x509 import build_signing_request, generate_private_key
from pilot.agent.credentials import Credentials, ServiceAccount, accept_response
from tests.citadel.pki import NOW, PROFILE, REVIEWS, bundle, issuer

WORKLOAD = ServiceAccount("default", "reviews")
HOUR = timedelta(hours=1)


def answer(csr: bytes, identity: SpiffeId = REVIEWS, *, ttl: timedelta = HOUR) -> tuple[str, ...]:
    """The elements of a response to ``csr``."""
    issued = issue(issuer(), PROFILE, IssuanceRequest(identity, csr, ttl), NOW)
    assert isinstance(issued, IssuedCertificate)
    return tuple(pem.decode() for pem in (*issued.chain, bundle().pem))


def key_and_answer(identity: SpiffeId = REVIEWS, *, ttl: timedelta = HOUR) -> tuple[PrivateKey, tuple[str, ...]]:
    key = generate_private_key()
    return key, answer(build_signing_request(key), identity, ttl=ttl)


def credentials(*, ttl: timedelta = HOUR) -> Credentials:
    key, elements = key_and_answer(ttl=ttl)
    return accept_response(elements, key, WORKLOAD, NOW)
