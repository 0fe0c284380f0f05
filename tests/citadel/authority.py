"""A certificate authority for tests, made afresh, and what it issues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class CertificateFiles:
    """A certificate and its key, as files."""

    certificate: Path
    private_key: Path


@dataclass(frozen=True)
class Authority:
    """A self-signed certificate and its key."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey

    def write(self, directory: Path, name: str = "ca") -> Path:
        """The certificate as ``NAME.pem``."""
        file = directory / f"{name}.pem"
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def issue(
        self, directory: Path, name: str, *, subject_alt_names: tuple[str, ...] = (), expires: timedelta = timedelta(1)
    ) -> CertificateFiles:
        """A certificate for ``name`` and its key, as ``NAME.pem`` and ``NAME-key.pem``; ``expires`` counts from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_general_name(text) for text in subject_alt_names])
        builder = _builder(name, key, issuer=self.certificate.subject, expires=expires)
        if subject_alt_names:
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self.private_key, hashes.SHA256())
        files = CertificateFiles(directory / f"{name}.pem", directory / f"{name}-key.pem")
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.private_key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files


def make_authority(name: str = "test authority") -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(name, key, issuer=subject, expires=timedelta(1))
    certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    return Authority(certificate, key)


def _builder(
    name: str, key: ec.EllipticCurvePrivateKey, *, issuer: x509.Name, expires: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + expires)
    )


def _general_name(text: str) -> x509.GeneralName:
    if "://" in text:
        return x509.UniformResourceIdentifier(text)
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
