"""Secrets as resources that are served, by a control plane or by an agent, under the names that Istio gives them."""

from __future__ import annotations

from hashlib import sha256

from citadel.envoy.secrets import ROOTS_SECRET, WORKLOAD_SECRET, render_roots_secret, render_workload_secret
from citadel.identity import Svid, TrustBundle
from envoycodec.encode import encode_any
from pilot.xds.resources import EncodedResource


def roots_resource(bundle: TrustBundle) -> EncodedResource:
    """The roots that a proxy trusts, under Istio's name for them."""
    return EncodedResource(ROOTS_SECRET, roots_version(bundle), encode_any(render_roots_secret(bundle)))


def roots_version(bundle: TrustBundle) -> str:
    """The version under which these roots are served."""
    return _version(bundle.pem)


def workload_resource(svid: Svid) -> EncodedResource:
    """The certificate and key of ``svid``, for its owner alone, under Istio's name for a workload's own."""
    # The version is of what everybody may see: a hash over a key would be a thing to guess by.
    return EncodedResource(WORKLOAD_SECRET, _version(svid.chain_pem), encode_any(render_workload_secret(svid)))


def _version(pem: bytes) -> str:
    return sha256(pem).hexdigest()[:16]
