"""Every rule that a certificate of the mesh must satisfy: profile, prepare, check, sign."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address

from citadel.identity import PrivateKey, SpiffeId, Svid, TrustBundle, TrustDomain
from citadel.refusal import Refusal, RefusalCode
from citadel.x509 import (
    CertificateTemplate,
    ExtendedUsage,
    KeyUsage,
    Signer,
    SigningRequest,
    decode_signing_request,
    generate_private_key,
    public_key_of,
)
from galley.frozen import frozen

_LONGEST_COMMON_NAME = 64
"""RFC 5280, appendix A: ub-common-name."""


@frozen
class Profile:
    """What certificates of a trust domain are like; the defaults are Istio's.

    A request without lifetime gets ``default_ttl``, one above ``max_ttl`` is refused. Certificates are dated back by
    ``backdate`` for workloads whose clocks run behind.
    """

    trust_domain: TrustDomain
    default_ttl: timedelta = timedelta(hours=24)
    max_ttl: timedelta = timedelta(days=90)
    backdate: timedelta = timedelta(minutes=2)


@frozen
class Issuer:
    """Who signs: ``chain`` is PEM from the signing certificate upwards, without root; ``bundle`` verifies it."""

    signer: Signer
    chain: tuple[bytes, ...]
    bundle: TrustBundle


@frozen
class IssuanceRequest:
    """A certificate asked for. ``identity`` is what the caller has proven to be, ``csr`` PEM that nobody believes.

    ``ttl`` of zero or less means the profile's default.
    """

    identity: SpiffeId
    csr: bytes
    ttl: timedelta = timedelta(0)


@frozen
class IssuedCertificate:
    """``chain`` is PEM, one certificate each: the leaf, then what leads to a root, without the root. Times are UTC."""

    identity: SpiffeId
    chain: tuple[bytes, ...]
    not_before: datetime
    not_after: datetime


@frozen
class ServerCertificate:
    """A certificate of the control plane's own, for TLS servers only: it names hosts and no workload."""

    names: tuple[str, ...]
    chain: tuple[bytes, ...]
    private_key: PrivateKey
    not_before: datetime
    not_after: datetime

    @property
    def chain_pem(self) -> bytes:
        """The certificates of the chain as one PEM file, the leaf first."""
        return b"".join(self.chain)


@frozen
class _Period:
    not_before: datetime
    not_after: datetime


def issue(issuer: Issuer, profile: Profile, request: IssuanceRequest, now: datetime) -> IssuedCertificate | Refusal:
    """Sign the key of a signing request for the identity that its sender has proven."""
    period = _prepare_period(issuer, profile, request.ttl, now)
    if isinstance(period, Refusal):
        return period
    try:
        asked = decode_signing_request(request.csr)
        _check(asked, profile, request.identity)
    except ValueError as objection:
        return Refusal(RefusalCode.INVALID_ARGUMENT, str(objection))
    leaf = issuer.signer.sign(_workload_template(asked, request.identity, period))
    return IssuedCertificate(request.identity, (leaf, *issuer.chain), period.not_before, period.not_after)


def issue_svid(
    issuer: Issuer, profile: Profile, identity: SpiffeId, now: datetime, *, ttl: timedelta = timedelta(0)
) -> Svid | Refusal:
    """Make a key and sign it, for a workload that has no agent to make its own."""
    period = _prepare_period(issuer, profile, ttl, now)
    if isinstance(period, Refusal):
        return period
    key = generate_private_key()
    asked = SigningRequest(public_key_of(key))
    try:
        _check(asked, profile, identity)
    except ValueError as objection:
        return Refusal(RefusalCode.PERMISSION_DENIED, str(objection))
    leaf = issuer.signer.sign(_workload_template(asked, identity, period))
    return Svid(identity, (leaf, *issuer.chain), key, period.not_before, period.not_after)


def issue_server_certificate(
    issuer: Issuer, profile: Profile, names: tuple[str, ...], now: datetime, *, ttl: timedelta = timedelta(0)
) -> ServerCertificate | Refusal:
    """A certificate for the control plane's own port. ``names`` are DNS names and IP addresses, at least one."""
    if not names:
        raise ValueError("a server certificate needs a name")
    period = _prepare_period(issuer, profile, ttl, now)
    if isinstance(period, Refusal):
        return period
    key = generate_private_key()
    addresses = tuple(name for name in names if _is_address(name))
    template = CertificateTemplate(
        public_key=public_key_of(key),
        not_before=period.not_before,
        not_after=period.not_after,
        usage=KeyUsage.LEAF,
        extended_usages=(ExtendedUsage.SERVER,),
        dns_names=tuple(name for name in names if name not in addresses),
        ip_addresses=addresses,
    )
    chain = (issuer.signer.sign(template), *issuer.chain)
    return ServerCertificate(names, chain, key, period.not_before, period.not_after)


def _prepare_period(issuer: Issuer, profile: Profile, ttl: timedelta, now: datetime) -> _Period | Refusal:
    if ttl <= timedelta(0):
        ttl = profile.default_ttl
    elif ttl > profile.max_ttl:
        return Refusal(RefusalCode.INVALID_ARGUMENT, f"a lifetime of {ttl}, above {profile.max_ttl}")
    if now >= issuer.signer.not_after:
        return Refusal(RefusalCode.UNAVAILABLE, f"the signing certificate expired at {issuer.signer.not_after}")
    not_after = min((now + ttl).replace(microsecond=0), issuer.signer.not_after)
    return _Period((now - profile.backdate).replace(microsecond=0), not_after)


def _check(asked: SigningRequest, profile: Profile, identity: SpiffeId) -> None:
    """A request may leave its names out or repeat the sender's own; whoever asks for more is up to something."""
    if identity.trust_domain != profile.trust_domain:
        raise ValueError(f"an identity of {identity.trust_domain}, which is not ours")
    if asked.wants_authority:
        raise ValueError("it asks to be an authority")
    if any(name != f"URI:{identity}" for name in asked.alternative_names):
        raise ValueError("it asks for a name that is not its sender's")


def _workload_template(asked: SigningRequest, identity: SpiffeId, period: _Period) -> CertificateTemplate:
    name = str(identity)
    # A common name is Istio's "dual use" form, for peers that look at the subject.
    common_name = name if asked.common_name and len(name) <= _LONGEST_COMMON_NAME else ""
    return CertificateTemplate(
        public_key=asked.public_key,
        not_before=period.not_before,
        not_after=period.not_after,
        usage=KeyUsage.LEAF,
        extended_usages=(ExtendedUsage.SERVER, ExtendedUsage.CLIENT),
        common_name=common_name,
        uris=(name,),
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
