"""Certificates and signing requests for tests, good ones by default and as bad as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from citadel.ca.issuance import Issuer, Profile
from citadel.ca.roots import AuthorityState, build_issuer, create_authority
from citadel.identity import SpiffeId, TrustBundle, TrustDomain

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DOMAIN = TrustDomain("cluster.local")
REVIEWS = SpiffeId(DOMAIN, "default", "reviews")
RATINGS = SpiffeId(DOMAIN, "default", "ratings")
PROFILE = Profile(DOMAIN)
PEM = serialization.Encoding.PEM

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@cache
def authority_state() -> AuthorityState:
    """One authority for all tests that change nothing of it."""
    return create_authority(DOMAIN, NOW)


@cache
def issuer() -> Issuer:
    return build_issuer(authority_state())


def bundle() -> TrustBundle:
    return issuer().bundle


@cache
def rsa_key(bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """Made once: RSA keys take long."""
    return rsa.generate_private_key(public_exponent=exponent, key_size=bits)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def key_usage(*names: str) -> x509.KeyUsage:
    fields = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in names for name in fields})


def general_name(text: str) -> x509.GeneralName:
    """``DNS:…``, ``IP:…``, ``email:…``, else a URI."""
    match text.partition(":"):
        case "DNS", _, name:
            return x509.DNSName(name)
        case "IP", _, name:
            return x509.IPAddress(ip_address(name))
        case "email", _, name:
            return x509.RFC822Name(name)
    return x509.UniformResourceIdentifier(text)


@dataclass
class Party:
    """A certificate, its key, and who stands above it (nearest first, without root)."""

    certificate: x509.Certificate
    key: Any
    above: tuple[Party, ...] = ()

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)

    @property
    def chain(self) -> bytes:
        return self.pem + b"".join(party.pem for party in self.above)

    @property
    def key_pem(self) -> bytes:
        encryption = serialization.NoEncryption()
        return self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption)  # type: ignore[no-any-return]


LEAF_USAGE = key_usage("digital_signature", "key_encipherment")
CA_USAGE = key_usage("key_cert_sign")


@dataclass
class Draft:
    """What a certificate is to say; the defaults are those of a good workload certificate."""

    names: Sequence[str] = (str(REVIEWS),)
    common_name: str = ""
    authority: bool | None = False
    path_length: int | None = None
    usage: x509.KeyUsage | None = LEAF_USAGE
    extended: Sequence[x509.ObjectIdentifier] | None = (SERVER, CLIENT)
    not_before: datetime = NOW - timedelta(minutes=2)
    not_after: datetime = NOW + timedelta(hours=24)
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = ()
    hash: Any = field(default_factory=hashes.SHA256)

    def sign(self, *, by: Party | None, key: Any = None, above: tuple[Party, ...] | None = None) -> Party:
        """Signed by ``by``, or by itself. ``above`` is by default ``by`` and what stands above it."""
        key = key or ec_key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.common_name)] if self.common_name else [])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(by.certificate.subject if by else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
        )
        for extension, critical in self._extensions():
            builder = builder.add_extension(extension, critical=critical)
        certificate = builder.sign(by.key if by else key, self.hash)
        if above is None:
            above = (by, *by.above) if by and by.certificate.issuer != by.certificate.subject else ()
        return Party(certificate, key, above)

    def _extensions(self) -> list[tuple[x509.ExtensionType, bool]]:
        found: list[tuple[x509.ExtensionType, bool]] = []
        if self.authority is not None:
            found.append((x509.BasicConstraints(ca=self.authority, path_length=self.path_length), True))
        if self.usage is not None:
            found.append((self.usage, True))
        if self.extended is not None:
            found.append((x509.ExtendedKeyUsage(list(self.extended)), False))
        if self.names:
            found.append((x509.SubjectAlternativeName([general_name(name) for name in self.names]), True))
        return [*found, *self.extensions]


def authority_draft(name: str, **changes: Any) -> Draft:
    """The draft of a good authority."""
    defaults: dict[str, Any] = {
        "names": (),
        "common_name": name,
        "authority": True,
        "usage": CA_USAGE,
        "extended": None,
        "not_before": NOW - timedelta(days=1),
        "not_after": NOW + timedelta(days=365),
    }
    return Draft(**{**defaults, **changes})


def make_request(
    *,
    key: Any = None,
    common_name: str = "",
    names: Sequence[str] = (str(REVIEWS),),
    extensions: Sequence[x509.ExtensionType] = (),
    algorithm: Any = None,
    hash: Any = None,
) -> bytes:
    """A signing request as PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([general_name(n) for n in names]), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key or ec_key(), algorithm or hash or hashes.SHA256()).public_bytes(PEM)
