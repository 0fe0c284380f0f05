"""What the certificates of a file say, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from citadel.x509 import Certificate, decode_certificates
from galley.frozen import frozen
from galley.text.wording import printable


@frozen
class Inspection:
    """One file: its certificates, or why there are none (``error``)."""

    file: str
    certificates: tuple[Certificate, ...] = ()
    error: str = ""

    def is_good_at(self, moment: datetime) -> bool:
        """Whether the file could be read and every certificate in it is valid at ``moment``."""
        return not self.error and all(certificate.is_valid_at(moment) for certificate in self.certificates)


def inspect_pem(file: str, pem: bytes) -> Inspection:
    """The certificates in the content of a PEM file."""
    try:
        return Inspection(file, decode_certificates(pem))
    except ValueError as malformed:
        if b"-----BEGIN CERTIFICATE-----" not in pem:
            return Inspection(file, error="no PEM certificate in it")
        return Inspection(file, error=f"malformed certificate: {str(malformed).splitlines()[0]}")


def render_text(inspections: Iterable[Inspection], *, now: datetime) -> str:
    """A paragraph for each certificate."""
    return "".join(f"{line}\n" for inspection in inspections for line in _paragraphs(inspection, now))


def render_json(inspections: Iterable[Inspection], *, now: datetime) -> list[dict[str, Any]]:
    """One object for each file; times are RFC 3339, durations seconds."""
    return [
        {"file": inspection.file, "error": inspection.error}
        if inspection.error
        else {
            "file": inspection.file,
            "certificates": [_certificate_json(certificate, now) for certificate in inspection.certificates],
        }
        for inspection in inspections
    ]


def _certificate_json(certificate: Certificate, now: datetime) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serialNumber": certificate.serial_number,
        "spiffeIds": list(certificate.spiffe_ids),
        "alternativeNames": list(certificate.alternative_names),
        "notBefore": _rfc3339(certificate.not_before),
        "notAfter": _rfc3339(certificate.not_after),
        "valid": certificate.is_valid_at(now),
        "secondsLeft": max(0, int((certificate.not_after - now).total_seconds())),
        "isAuthority": certificate.is_authority,
        "key": certificate.key,
        "sha256": certificate.fingerprint,
    }


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _paragraphs(inspection: Inspection, now: datetime) -> Iterator[str]:
    if inspection.error:
        yield f"{inspection.file}: {inspection.error}"
        return
    total = len(inspection.certificates)
    for index, certificate in enumerate(inspection.certificates, start=1):
        yield f"{inspection.file}: certificate {index} of {total}"
        for label, value in _lines(certificate, now):
            yield f"  {label:<11}{printable(value)}"


def _lines(certificate: Certificate, now: datetime) -> Iterator[tuple[str, str]]:
    yield "subject", certificate.subject or "(empty)"
    yield "issuer", f"{certificate.issuer} (itself)" if certificate.is_self_issued else certificate.issuer
    for spiffe_id in certificate.spiffe_ids:
        yield "SPIFFE id", spiffe_id
    if certificate.alternative_names:
        yield "names", ", ".join(certificate.alternative_names)
    period = f"{certificate.not_before:%Y-%m-%d %H:%M} to {certificate.not_after:%Y-%m-%d %H:%M} UTC"
    yield "valid", f"{period} ({_validity(certificate, now)})"
    yield "authority", "yes" if certificate.is_authority else "no"
    yield "key", certificate.key
    yield "SHA-256", certificate.fingerprint


def _validity(certificate: Certificate, now: datetime) -> str:
    if now < certificate.not_before:
        return "NOT YET VALID"
    if now > certificate.not_after:
        return f"EXPIRED {_roughly(now - certificate.not_after)} ago"
    return f"{_roughly(certificate.not_after - now)} left"


def _roughly(duration: timedelta) -> str:
    for unit, length in (("days", timedelta(days=1)), ("hours", timedelta(hours=1)), ("minutes", timedelta(minutes=1))):
        if duration >= 2 * length:
            return f"{duration // length} {unit}"
    return f"{int(duration.total_seconds())} seconds"
