import base64
from collections.abc import Callable

import pytest

from pilot.config_dump.redaction import REDACTED, redacted

KEY = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "secret",
    [
        {"tls_certificate": {"private_key": {"inline_string": KEY}}},
        {"tlsCertificate": {"privateKey": {"inlineBytes": "W3g="}}},
        {"tls_certificate": {"private_key_provider": {"typed_config": {"value": "x"}}}},
        {"tls_certificate": {"password": {"inline_string": "x"}, "pkcs12": {"inline_bytes": "x"}}},
        {"session_ticket_keys": {"keys": [{"inline_string": "x"}]}},
        {"generic_secret": {"secret": {"inline_string": "x"}}},
    ],
)
def test_what_a_field_calls_private_is_not_shown(secret: dict[str, object]) -> None:
    shown = redacted(secret)
    assert REDACTED["inline_string"] in str(shown)
    assert all(text not in str(shown) for text in ("MIGH", "W3g=", "'x'"))


@pytest.mark.parametrize("encode", [str, lambda key: base64.b64encode(key.encode()).decode()])
def test_a_key_in_another_place_is_not_shown_either(encode: Callable[[str], str]) -> None:
    shown = redacted({"certificate_chain": {"inline_bytes": encode("-----BEGIN CERTIFICATE-----\n" + KEY)}})
    assert shown == {"certificate_chain": {"inline_bytes": "[redacted]"}}


def test_all_else_stays() -> None:
    plain = {
        "name": "default",
        "versions": [1, True, None],
        "private_key": {"filename": "/etc/key.pem"},
        "certificate_chain": {"inline_bytes": base64.b64encode(b"-----BEGIN CERTIFICATE-----\n" * 9).decode()},
        "odd": "A" * 65,
    }
    assert redacted(plain) == plain
