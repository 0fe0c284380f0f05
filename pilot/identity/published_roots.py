"""The roots of the mesh in a directory that everybody may read, kept current: for Envoys without an agent."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path

from citadel.envoy.secrets import ROOTS_SECRET
from citadel.identity import TrustBundle
from citadel.state_files import locked
from galley.atomic_write import PUBLIC, write_atomically
from pilot.dataplane.xds_tls import PUBLISHED_ROOTS

PEM_FILE = "root-cert.pem"
_DIRECTORY = 0o755
_SECRET_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

log = logging.getLogger("pilot")


class RootsPublisher:
    """Publishes the roots in a directory, and remembers whether the newest ones are there.

    The mesh works without them until a rotation of the root: an Envoy that finds its control plane by these roots
    is then shut out when it connects again.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._published = b""
        self.problem = ""
        """Why the roots that were to be published last are not there; "" when they are."""

    def lacks(self, bundle: TrustBundle) -> bool:
        """Whether ``bundle`` is still to be published."""
        return bundle.pem != self._published

    def publish(self, bundle: TrustBundle) -> None:
        """Publish ``bundle``. What cannot be written is told once, in the log and as `problem`; so try again."""
        try:
            publish_roots(self._directory, bundle)
        except OSError as failure:
            problem = f"the roots cannot be published in {self._directory}: {failure}"
            if problem != self.problem:
                log.error("%s", problem)
            self.problem = problem
        else:
            self._published, self.problem = bundle.pem, ""


def publish_roots(directory: Path, bundle: TrustBundle) -> None:
    """Write ``root-cert.pem`` and the same as SDS, which Envoys watch, unless they are there already. OSError.

    Several control planes may share the directory.
    """
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(_DIRECTORY)
    with locked(directory):
        for name, content in ((PEM_FILE, bundle.pem), (PUBLISHED_ROOTS, encode_roots(bundle))):
            _replace(directory / name, content)


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
