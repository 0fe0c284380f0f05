"""The secrets of a dump, as rows: what they are, whether Envoy uses them, and what their certificates say."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from citadel.x509 import Certificate, decode_certificates
from galley.frozen import frozen
from pilot.config_dump.redaction import redacted

SECRETS_DUMP = "type.googleapis.com/envoy.admin.v3.SecretsConfigDump"
HEADER = (
    "RESOURCE NAME",
    "TYPE",
    "STATUS",
    "VALID CERT",
    "SERIAL NUMBER",
    "NOT AFTER",
    "NOT BEFORE",
    "TRUST DOMAIN",
)

_SECTIONS = (
    ("static_secrets", "STATIC"),
    ("dynamic_active_secrets", "ACTIVE"),
    ("dynamic_warming_secrets", "WARMING"),
)


@frozen
class SecretRow:
    """One certificate of a secret, or a secret without any that can be seen (``certificate`` is None).

    ``status`` is ACTIVE, WARMING (asked for, not there yet) or STATIC.
    """

    name: str
    kind: str
    status: str
    certificate: Certificate | None = None

    def is_good_at(self, moment: datetime) -> bool:
        """Whether Envoy has it and it may be used at ``moment``."""
        is_valid = self.certificate is None or self.certificate.is_valid_at(moment)
        return self.status != "WARMING" and is_valid

    def cells(self, now: datetime) -> tuple[str, ...]:
        """As the columns of ``HEADER``."""
        shown = self.certificate
        if shown is None:
            return (self.name, self.kind, self.status, *["-"] * 5)
        return (
            self.name,
            self.kind,
            self.status,
            str(shown.is_valid_at(now)).lower(),
            shown.serial_number,
            _rfc3339(shown.not_after),
            _rfc3339(shown.not_before),
            _trust_domain(shown),
        )


def secrets_section(dump: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a dump that is about secrets, without keys; only ``@type`` when there is none.

    ValueError when it is not a dump of Envoy's.
    """
    if not isinstance(dump.get("configs"), list):
        raise ValueError("it is not what Envoy answers at /config_dump: it has no list of configs")  # noqa: TRY004
    found: dict[str, Any] = {"@type": SECRETS_DUMP}
    for config in _objects(dump["configs"]):
        if config.get("@type") == SECRETS_DUMP:
            found.update(redacted(config))
    return found


def secret_rows(section: Mapping[str, Any]) -> tuple[SecretRow, ...]:
    """The rows of ``secrets_section``: of a chain the leaf, of trusted roots each."""
    return tuple(
        row
        for field, status in _SECTIONS
        for entry in _objects(section.get(field))
        for row in _rows(str(entry.get("name", "")), status, entry.get("secret"))
    )


def _rows(name: str, status: str, secret: Any) -> Iterator[SecretRow]:
    if not isinstance(secret, dict):
        secret = {}
    if "tls_certificate" in secret:
        chain = _certificates(secret["tls_certificate"], "certificate_chain")
        yield SecretRow(name, "Cert Chain", status, chain[0] if chain else None)
    elif "validation_context" in secret:
        roots = _certificates(secret["validation_context"], "trusted_ca")
        yield from (SecretRow(name, "CA", status, root) for root in roots or (None,))
    else:
        other = next((field for field in secret if field not in ("@type", "name")), "")
        yield SecretRow(name, other.replace("_", " ").title() or "-", status)


def _certificates(message: Any, field: str) -> tuple[Certificate, ...]:
    """Those in a data source; nothing for a file of the Envoy's host, and for what cannot be read."""
    source = message.get(field) if isinstance(message, dict) else None
    if not isinstance(source, dict):
        return ()
    try:
        pem = str(source.get("inline_string", "")).encode() or base64.b64decode(str(source.get("inline_bytes", "")))
        return decode_certificates(pem)
    except (ValueError, binascii.Error):
        return ()


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _trust_domain(certificate: Certificate) -> str:
    domains = (one.removeprefix("spiffe://").partition("/")[0] for one in certificate.spiffe_ids)
    return ", ".join(dict.fromkeys(domains)) or "-"


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
