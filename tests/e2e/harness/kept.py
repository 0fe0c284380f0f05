"""Everything that a test run leaves behind, searched for keys and tokens: logs, dumps, consoles, states.

What is searched for is what these files themselves hold where they may (the keys and tokens that were really made in
the run), and whatever looks like a key or a token at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

CONSOLE = "console.log"

_HOLDERS = re.compile(
    r"/(authority\.json|token-key\.pem|identity\.pem|[\w.-]*key\.pem|client\.pem|[\w.-]+\.(token|key)|token)(\.new)?$"
    # Bootstraps of Envoys without an agent: their token is in them.
    r"|/envoys/[\w.-]+\.yaml$"
)
"""Files whose purpose is to hold a secret."""

_PEM_KEY = re.compile(rb"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----(.+?)-----END", re.DOTALL)
_TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}")
_LOOKS_SECRET = {
    "a PEM key": re.compile(rb"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----"),
    # PKCS#8 of any P-256 key, as what the control plane and agents make in memory, which is in no file.
    "a P-256 key": re.compile(rb"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"),
    "a signed token": _TOKEN,
}


def is_holder(file: Path) -> bool:
    """Whether ``file`` is one that may hold a secret."""
    return _HOLDERS.search(str(file)) is not None


def secrets_in(content: bytes) -> Iterator[bytes]:
    """The keys and tokens in a file: of a key each line but its last, which may be of its public half alone."""
    plain = content.replace(rb"\n", b"\n")  # keys in JSON
    for match in _PEM_KEY.finditer(plain):
        lines = match[2].split()
        yield from lines[:-1] or lines
    yield from _TOKEN.findall(plain)


def find_leaks(directories: Iterable[Path]) -> list[str]:
    """Where a secret is that should not be there, and of which kind. The secret itself is not told."""
    files = [file for directory in directories for file in sorted(directory.rglob("*")) if _is_readable(file)]
    known = {secret for file in files if is_holder(file) for secret in secrets_in(file.read_bytes())}
    return [f"{file}: {what}" for file in files if not is_holder(file) for what in _leaks_in(file.read_bytes(), known)]


def _leaks_in(content: bytes, known: Iterable[bytes]) -> Iterator[str]:
    yield from (what for what, pattern in _LOOKS_SECRET.items() if pattern.search(content))
    if any(secret in content for secret in known):
        yield "a secret of this run"


def _is_readable(file: Path) -> bool:
    return file.is_file() and not file.is_symlink() and not file.is_socket()
