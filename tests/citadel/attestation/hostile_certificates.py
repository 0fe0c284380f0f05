"""Client certificates that must prove nothing, by name."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from citadel.ca.issuance import ServerCertificate, issue_server_certificate
from citadel.identity import PrivateKey
from tests.citadel.pki import (
    CA_USAGE,
    CLIENT,
    NOW,
    PROFILE,
    REVIEWS,
    SERVER,
    Draft,
    Party,
    authority_draft,
    authority_state,
    ec_key,
    issuer,
    key_usage,
    rsa_key,
)

OWN = str(REVIEWS)


def load_key(key: PrivateKey) -> Any:
    return serialization.load_pem_private_key(key.reveal(), None)


@cache
def root() -> Party:
    """The root of the authority that all tests share."""
    active = authority_state().active
    return Party(x509.load_pem_x509_certificate(active.root), load_key(active.root_key))


@cache
def intermediate() -> Party:
    active = authority_state().active
    return Party(x509.load_pem_x509_certificate(active.intermediate), load_key(active.intermediate_key))


def good(**changes: Any) -> Party:
    """What our own authority would sign if it could be talked into anything."""
    return replace(Draft(), **changes).sign(by=intermediate(), above=(intermediate(),))


@cache
def hostile_certificates() -> dict[str, bytes]:
    """More than sixty, each with one thing wrong."""
    return dict([*_names(), *_times(), *_roles(), *_foreign(), *_paths(), *_keys(), *_tampered(), *_forms()])


def _names() -> Iterator[tuple[str, bytes]]:
    for label, names in {
        "no name": (),
        "DNS only": ("DNS:reviews.default.svc",),
        "DNS that looks like an id": ("DNS:spiffe.cluster.local",),
        "two ids": (OWN, "spiffe://cluster.local/ns/default/sa/ratings"),
        "one id twice": (OWN, OWN),
        "id and other URI": (OWN, "https://example.com/"),
        "other URI": ("https://cluster.local/ns/default/sa/reviews",),
        "other trust domain": ("spiffe://evil.example/ns/default/sa/reviews",),
        "trust domain as prefix": ("spiffe://cluster.local.evil.example/ns/default/sa/reviews",),
        "trust domain as suffix": ("spiffe://evil.cluster.local/ns/default/sa/reviews",),
        "no trust domain": ("spiffe:///ns/default/sa/reviews",),
        "user in trust domain": ("spiffe://cluster.local@evil.example/ns/default/sa/reviews",),
        "port": ("spiffe://cluster.local:443/ns/default/sa/reviews",),
        "upper-case domain": ("spiffe://CLUSTER.LOCAL/ns/default/sa/reviews",),
        "upper-case scheme": ("SPIFFE://cluster.local/ns/default/sa/reviews",),
        "query": (OWN + "?a=b",),
        "fragment": (OWN + "#a",),
        "trailing slash": (OWN + "/",),
        "more path": (OWN + "/more",),
        "less path": ("spiffe://cluster.local/ns/default",),
        "trust domain alone": ("spiffe://cluster.local",),
        "empty namespace": ("spiffe://cluster.local/ns//sa/reviews",),
        "empty account": ("spiffe://cluster.local/ns/default/sa/",),
        "dots as account": ("spiffe://cluster.local/ns/default/sa/..",),
        "dots as namespace": ("spiffe://cluster.local/ns/./sa/reviews",),
        "percent encoding": ("spiffe://cluster.local/ns/default/sa/%72eviews",),
        "NUL": (OWN + "\0.evil",),
        "line end": (OWN + "\nadmin",),
        "space": (OWN + " ",),
        "swapped path": ("spiffe://cluster.local/sa/reviews/ns/default",),
        "kubernetes form": ("system:serviceaccount:default:reviews",),
        "very long": ("spiffe://cluster.local/ns/default/sa/" + "a" * 4000,),
    }.items():
        yield label, good(names=names).chain
    yield "id in the common name", good(names=(), common_name=OWN).chain


def _times() -> Iterator[tuple[str, bytes]]:
    yield "expired", good(not_after=NOW - timedelta(seconds=1)).chain
    yield "expired long ago", good(not_before=NOW - timedelta(days=99), not_after=NOW - timedelta(days=9)).chain
    yield "not valid yet", good(not_before=NOW + timedelta(seconds=1)).chain
    old = authority_draft("old", not_after=NOW - timedelta(seconds=1), path_length=0).sign(by=root())
    yield "expired issuer", Draft().sign(by=old, above=(old,)).chain


def _roles() -> Iterator[tuple[str, bytes]]:
    yield "CA:TRUE", good(authority=True).chain
    yield "keyCertSign", good(usage=key_usage("digital_signature", "key_cert_sign")).chain
    yield "cRLSign", good(usage=key_usage("digital_signature", "crl_sign")).chain
    yield "key encipherment only", good(usage=key_usage("key_encipherment")).chain
    yield "server only", good(extended=(SERVER,)).chain
    yield "code signing", good(extended=(ExtendedKeyUsageOID.CODE_SIGNING,)).chain
    yield "any usage", good(extended=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)).chain
    yield "no usage", good(extended=None).chain
    yield "the root itself", root().pem
    yield "the intermediate itself", intermediate().pem
    port = issue_server_certificate(issuer(), PROFILE, ("localhost",), NOW)
    assert isinstance(port, ServerCertificate)
    yield "the control plane's own", port.chain_pem
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    yield "unknown critical extension", good(extensions=((unknown, True),)).chain


def _foreign() -> Iterator[tuple[str, bytes]]:
    yield "self-signed", Draft(common_name="reviews").sign(by=None).pem
    yield "self-signed without subject", Draft().sign(by=None).pem
    yield "self-signed with our issuer's name", Draft(common_name="Citadel root").sign(by=None).pem
    other = authority_draft("other").sign(by=None)
    yield "other authority", Draft().sign(by=other).chain
    yield "other authority, root sent along", Draft().sign(by=other, above=(other,)).chain
    namesake = Party(intermediate().certificate, ec_key())
    yield "our issuer's name, another key", Draft().sign(by=namesake, above=(intermediate(),)).chain
    yield "other chain, ours appended", Draft().sign(by=other, above=(other, intermediate(), root())).chain
    twin = replace(authority_draft(""), not_after=NOW + timedelta(9)).sign(by=None)
    forged = Party(twin.certificate, twin.key)
    yield "issuer without name", Draft().sign(by=forged, above=(forged,)).chain


def _paths() -> Iterator[tuple[str, bytes]]:
    leaf = good(common_name="leaf")
    yield "signed by a leaf", Draft().sign(by=leaf, above=(leaf, intermediate())).chain
    below = authority_draft("below").sign(by=intermediate(), above=(intermediate(),))
    yield "path longer than allowed", Draft().sign(by=below, above=(below, intermediate())).chain
    no_ca = authority_draft("no ca", authority=False).sign(by=root())
    yield "issuer is no authority", Draft().sign(by=no_ca, above=(no_ca,)).chain
    bare = authority_draft("bare", authority=None).sign(by=root())
    yield "issuer without basic constraints", Draft().sign(by=bare, above=(bare,)).chain
    mute = authority_draft("mute", usage=key_usage("digital_signature")).sign(by=root())
    yield "issuer may not sign", Draft().sign(by=mute, above=(mute,)).chain
    yield "intermediate missing", leaf.pem
    yield "chain upside down", intermediate().pem + leaf.pem
    tall = root()
    above: tuple[Party, ...] = ()
    for floor in range(7):
        tall = authority_draft(f"floor {floor}").sign(by=tall)
        above = (tall, *above)
    yield "seven intermediates", Draft().sign(by=tall, above=above).chain


def _keys() -> Iterator[tuple[str, bytes]]:
    for label, key in {
        "RSA 1024": rsa_key(1024),
        "RSA exponent 3": rsa_key(2048, 3),
        "EC P-224": ec_key(ec.SECP224R1()),
        "EC secp256k1": ec_key(ec.SECP256K1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    }.items():
        yield label, Draft().sign(by=intermediate(), key=key, above=(intermediate(),)).chain
    yield "SHA-224", good(hash=hashes.SHA224()).chain


def _tampered() -> Iterator[tuple[str, bytes]]:
    der = good().certificate.public_bytes(serialization.Encoding.DER)
    above = intermediate().pem
    yield "broken signature", _frame(der[:-1] + bytes([der[-1] ^ 1])) + above
    yield "changed name", _frame(der.replace(b"reviews", b"ratings")) + above
    yield "changed usage", _frame(good(extended=(SERVER,)).certificate.public_bytes(serialization.Encoding.DER)
        .replace(bytes.fromhex("2b06010505070301"), bytes.fromhex("2b06010505070302"))) + above  # fmt: skip
    yield "version 1", _frame(der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x00", 1)) + above
    yield "cut off", _frame(der[:-20]) + above


def _forms() -> Iterator[tuple[str, bytes]]:
    chain = good().chain
    yield "nothing", b""
    yield "text", b"please"
    yield "DER", base64.b64decode(b"".join(good().pem.splitlines()[1:-1]))
    yield "a key", good().key_pem
    yield "random bytes", _frame(os.urandom(600))
    yield "1 MB", chain + b"A" * (1 << 20)
    yield "500 certificates", chain + intermediate().pem * 500
    yield "twenty certificates", chain + intermediate().pem * 20
    yield "rubbish above", chain + _frame(b"\x30\x03\x02\x01\x00")
    yield (
        "an authority with a leaf's use",
        authority_draft("", names=(OWN,), usage=CA_USAGE, extended=(CLIENT,)).sign(by=root()).pem,
    )


def _frame(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
