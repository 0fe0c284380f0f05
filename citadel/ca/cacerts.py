"""A plugged-in authority: the files that Istio calls ``cacerts``, or those of a ``kubernetes.io/tls`` secret."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from citadel.ca.issuance import Issuer
from citadel.identity import PrivateKey, TrustBundle, TrustDomain
from citadel.state_files import StateError, read_private
from citadel.x509 import build_signer, check_authority_chain, decode_private_key, split_certificates
from galley.frozen import frozen


@frozen
class _Layout:
    """File names. ``chain`` is "" where the signing certificate's file holds its intermediates as well."""

    certificate: str
    key: str
    chain: str
    roots: str

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.certificate, self.key, self.chain, self.roots)))


# The second, made by cert-manager, is preferred by Istio wherever tls.crt exists.
ISTIO = _Layout("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem")
TLS_SECRET = _Layout("tls.crt", "tls.key", "", "ca.crt")


def load_cacerts(directory: Path, trust_domain: TrustDomain) -> Issuer:
    """StateError when files are missing, open to others, malformed, or do not fit together."""
    layout = TLS_SECRET if (directory / TLS_SECRET.certificate).exists() else ISTIO
    missing = [name for name in layout.files if not (directory / name).is_file()]
    if missing:
        raise StateError(
            f"{directory} lacks {', '.join(missing)}; a plugged-in authority consists of {', '.join(ISTIO.files)}"
            f" (or {', '.join(TLS_SECRET.files)})"
        )
    signing = _certificates(directory / layout.certificate)
    chain = _certificates(directory / layout.chain) if layout.chain else signing
    roots = _certificates(directory / layout.roots)
    key = _key(directory / layout.key)
    try:
        signer = build_signer(signing[0], key)
        # Istio's sample tooling appends the root to the chain; whether the signing certificate leads it, varies too.
        below_root = tuple(one for one in dict.fromkeys((signing[0], *chain)) if one not in roots)
        check_authority_chain(below_root or (signing[0],), roots)
    except ValueError as misfit:
        raise StateError(f"the files in {directory} do not fit together: {misfit}; replace all of them") from None
    return Issuer(signer, below_root, TrustBundle(trust_domain, roots))


def version_of(directory: Path) -> str:
    """Differs whenever the content of one of the files does; times of change are too coarse for that."""
    version = sha256()
    for name in (*ISTIO.files, *TLS_SECRET.files):
        try:
            version.update(sha256((directory / name).read_bytes()).digest())
        except OSError:
            version.update(b"-")
    return version.hexdigest()


def check_replacement(old: TrustBundle, new: TrustBundle) -> None:
    """StateError when roots were swapped in one step: what the old ones signed would be refused from one moment on."""
    before, after = set(old.roots), set(new.roots)
    if not (before <= after or after <= before):
        raise StateError(
            "the roots were replaced in one step; first add the new root to the old one in root-cert.pem, then change"
            " the signing certificate, then drop the old root"
        )


def _certificates(path: Path) -> tuple[bytes, ...]:
    try:
        return split_certificates(path.read_bytes())
    except OSError as failure:
        raise StateError(f"cannot read {path}: {failure.strerror}") from failure
    except ValueError as malformed:
        raise StateError(f"{path} has no certificate that can be read: {malformed}") from None


def _key(path: Path) -> PrivateKey:
    try:
        return decode_private_key(read_private(path))
    except FileNotFoundError:
        raise StateError(f"{path} is gone; restore it") from None
    except ValueError as malformed:
        raise StateError(f"{path}: {malformed}") from None
