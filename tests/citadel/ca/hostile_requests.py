"""Signing requests that nobody honest sends, by name."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tests.citadel.pki import CA_USAGE, PEM, RATINGS, REVIEWS, key_usage, make_request, rsa_key


@cache
def hostile_requests() -> dict[str, bytes]:
    """About forty, each with one thing wrong."""
    return dict([*_names(), *_extensions(), *_keys(), *_forms(), *_signatures()])


def _names() -> Iterator[tuple[str, bytes]]:
    own = str(REVIEWS)
    yield "foreign SPIFFE id", make_request(names=(str(RATINGS),))
    yield "own and foreign SPIFFE id", make_request(names=(own, str(RATINGS)))
    yield "other trust domain", make_request(names=(own.replace("cluster.local", "evil.example"),))
    yield "DNS name", make_request(names=(own, "DNS:istiod.istio-system.svc"))
    yield "DNS name alone", make_request(names=("DNS:localhost",))
    yield "IP address", make_request(names=(own, "IP:127.0.0.1"))
    yield "email address", make_request(names=(own, "email:root@cluster.local"))
    yield "upper-case scheme", make_request(names=(own.replace("spiffe", "SPIFFE"),))
    yield "path traversal", make_request(names=(f"{own}/../ratings",))
    yield "trailing slash", make_request(names=(own + "/",))
    yield "percent encoding", make_request(names=(own.replace("reviews", "%72eviews"),))
    yield "NUL in the name", make_request(names=(own + "\0.evil",))
    yield "200 names", make_request(names=tuple(f"spiffe://cluster.local/ns/default/sa/s{n}" for n in range(200)))
    directory = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")]))
    other = x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x05admin")
    for label, name in (("directory name", directory), ("other name", other)):
        yield label, make_request(names=(), extensions=(x509.SubjectAlternativeName([name]),))


def _extensions() -> Iterator[tuple[str, bytes]]:
    yield "CA:TRUE", make_request(extensions=(x509.BasicConstraints(ca=True, path_length=None),))
    yield "CA:TRUE with path length", make_request(extensions=(x509.BasicConstraints(ca=True, path_length=0),))
    yield "keyCertSign", make_request(extensions=(CA_USAGE,))
    yield "cRLSign", make_request(extensions=(key_usage("digital_signature", "crl_sign"),))


def _keys() -> Iterator[tuple[str, bytes]]:
    yield "RSA 1024", make_request(key=rsa_key(1024))
    yield "RSA exponent 3", make_request(key=rsa_key(2048, 3))
    yield "EC P-192", make_request(key=ec.generate_private_key(ec.SECP192R1()))
    yield "EC P-224", make_request(key=ec.generate_private_key(ec.SECP224R1()))
    yield "EC secp256k1", make_request(key=ec.generate_private_key(ec.SECP256K1()))
    yield "Ed25519", _sign_plain(ed25519.Ed25519PrivateKey.generate())
    yield "Ed448", _sign_plain(ed448.Ed448PrivateKey.generate())
    yield "DSA", make_request(key=dsa.generate_private_key(1024))


def _sign_plain(key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) -> bytes:
    return x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, None).public_bytes(PEM)


def _forms() -> Iterator[tuple[str, bytes]]:
    good = make_request()
    lines = good.splitlines(keepends=True)
    der = base64.b64decode(b"".join(lines[1:-1]))
    yield "nothing", b""
    yield "white space", b" \n" * 100
    yield "16 kB of white space after the label", b"-----BEGIN CERTIFICATE REQUEST-----" + b" \n" * 8_000
    yield "16 kB of white space before the end", good[:60] + b" \n" * 7_500 + b"x"
    yield "text", b"please"
    yield "not UTF-8", b"\xff\xfe" * 50
    yield "1 MB of A", b"A" * (1 << 20)
    yield "1 MB of base64", _frame(b"\x30" * 750_000)
    yield "16 kB of random DER", _frame(os.urandom(11_000))
    yield "DER without PEM", der
    yield "no end line", b"".join(lines[:-1])
    yield "cut in the middle", _frame(der[: len(der) // 2])
    yield "last byte missing", _frame(der[:-1])
    yield "trailing bytes", _frame(der + b"\0")
    yield "two requests", good + make_request()
    yield "text behind", good + b"-----BEGIN CERTIFICATE-----"
    yield "a certificate's label", good.replace(b"CERTIFICATE REQUEST", b"CERTIFICATE")
    yield "PEM headers", good.replace(b"-----\n", b"-----\nProc-Type: 4,ENCRYPTED\n\n", 1)
    yield "endless length", _frame(b"\x30\x84\xff\xff\xff\xff" + der[4:])
    yield "deep nesting", _frame(b"\x30\x80" * 5_000)
    yield "version 2", _frame(der.replace(b"\x02\x01\x00", b"\x02\x01\x01", 1))


def _signatures() -> Iterator[tuple[str, bytes]]:
    der = base64.b64decode(b"".join(make_request().splitlines()[1:-1]))
    yield "broken signature", _frame(der[:-1] + bytes([der[-1] ^ 1]))
    at = der.index(b"reviews")
    yield "changed after signing", _frame(der[:at] + b"ratings" + der[at + 7 :])
    weak = make_request(key=rsa_key(), names=(str(REVIEWS),))
    sha256, sha1 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"
    yield "SHA-1", _frame(base64.b64decode(b"".join(weak.splitlines()[1:-1])).replace(sha256, sha1))
    yield "SHA-224", make_request(hash=hashes.SHA224())


def _frame(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + body + b"-----END CERTIFICATE REQUEST-----\n"
