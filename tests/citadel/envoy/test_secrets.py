"""Secrets as Envoy reads them."""

from __future__ import annotations

from datetime import UTC, datetime

from citadel.ca.issuance import Profile, issue_svid
from citadel.envoy.secrets import render_roots_secret, render_workload_secret
from citadel.identity import SpiffeId, Svid
from envoycodec.encode import encode_any
from envoycodec.upb import to_json_dict
from tests.citadel.pki import issuer


def test_a_workload_gets_its_chain_and_key_inline() -> None:
    domain = issuer().bundle.trust_domain
    svid = issue_svid(issuer(), Profile(domain), SpiffeId(domain, "default", "a"), datetime.now(UTC))
    assert isinstance(svid, Svid)
    assert to_json_dict("google.protobuf.Any", encode_any(render_workload_secret(svid))) == {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "default",
        "tlsCertificate": {
            "certificateChain": {"inlineString": svid.chain_pem.decode()},
            "privateKey": {"inlineString": svid.private_key.reveal().decode()},
        },
    }


def test_roots_are_all_in_one_secret() -> None:
    bundle = issuer().bundle
    assert to_json_dict("google.protobuf.Any", encode_any(render_roots_secret(bundle))) == {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "ROOTCA",
        "validationContext": {"trustedCa": {"inlineString": bundle.pem.decode()}},
    }
