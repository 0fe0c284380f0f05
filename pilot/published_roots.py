"""The roots of the mesh in a directory that everybody may read, kept current: for Envoys without an agent."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path

from citadel.envoy.secrets import ROOTS_SECRET
from citadel.identity import TrustBundle
from citadel.state_files import PUBLIC, write_atomically
from pilot.dataplane.xds_tls import PUBLISHED_ROOTS

PEM_FILE = "root-cert.pem"
_DIRECTORY = 0o755
_SECRET_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

log = logging.getLogger("pilot")


def publish_roots(directory: Path, bundle: TrustBundle) -> None:
    """Write ``root-cert.pem`` and the same as SDS, which Envoys watch, unless they are there already.

    What cannot be written is logged: the mesh works without, until a rotation of the root.
    """
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True)
            directory.chmod(_DIRECTORY)
        for name, content in ((PEM_FILE, bundle.pem), (PUBLISHED_ROOTS, encode_roots(bundle))):
            _replace(directory / name, content)
    except OSError as failure:
        log.error("the roots cannot be published in %s: %s", directory, failure)


def encode_roots(bundle: TrustBundle) -> bytes:
    """The secret ROOTCA as a file that Envoy's ``path_config_source`` reads."""
    context = {"trusted_ca": {"inline_string": bundle.pem.decode("ascii")}}
    secret = {"@type": _SECRET_TYPE, "name": ROOTS_SECRET, "validation_context": context}
    return json.dumps({"resources": [secret]}, indent=1).encode() + b"\n"


def _replace(path: Path, content: bytes) -> None:
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    write_atomically(path, content, mode=PUBLIC)
    path.chmod(PUBLIC)  # whatever the umask says
