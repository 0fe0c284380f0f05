"""Paths as an Envoy normalizes them before policies and routes see them (Istio's ``meshConfig.pathNormalization``).

Envoy's own rules (``source/common/http/path_utility.cc``) and those of the URL library that it uses, for what the
end-to-end table of spellings tries (``tests/e2e/authorization/tables/paths.yaml``).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from galley.kinds.mesh_config import NormalizationType

_ESCAPED_SLASH = re.compile("%(?:2f|5c)", re.IGNORECASE)
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_TO_ESCAPE = re.compile(r'[ "<>^`{|}]')
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""RFC 3986, section 2.3: the characters that mean the same escaped and not."""


def normalize_path(path: str, kind: NormalizationType) -> str | None:
    """What policies and the application get of ``path``, which may have a query; None where Envoy answers 400.

    Queries stay as they are. Refused are fragments, characters outside of printable ASCII (of HTTP/1; HTTP/2 takes
    letters of other scripts), what does not begin with a slash, and, where anything is normalized, an escaped NUL.
    """
    if not path.startswith("/") or "#" in path or not (path.isascii() and path.isprintable()):
        return None
    bare, mark, query = path.partition("?")
    for step in _STEPS[kind]:
        if step is _canonical and "%00" in bare:
            return None
        bare = step(bare)
    return bare + mark + query


def _unescape_slashes(path: str) -> str:
    return _ESCAPED_SLASH.sub(lambda found: "/" if found[0].lower() == "%2f" else "\\", path)


def _canonical(path: str) -> str:
    """RFC 3986, section 6.2.2, with backslashes as slashes (WHATWG URL)."""
    unescaped = _ESCAPE.sub(_unreserved, path).replace("\\", "/")
    return _TO_ESCAPE.sub(lambda found: f"%{ord(found[0]):02X}", _remove_dot_segments(unescaped))


def _unreserved(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0]


def _remove_dot_segments(path: str) -> str:
    """RFC 3986, section 5.2.4: an empty segment is one that ``..`` removes, too."""
    kept: list[str] = []
    *inner, last = path.split("/")[1:]
    for segment in (*inner, last):
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if last in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _merge_slashes(path: str) -> str:
    """One slash for several. Of slashes alone two stay, as in Envoy."""
    if "//" not in path:
        return path
    return "/" + "/".join(filter(None, path.split("/"))) + ("/" if path.endswith("/") else "")


_STEPS: dict[NormalizationType, tuple[Callable[[str], str], ...]] = {
    NormalizationType.NONE: (),
    NormalizationType.BASE: (_canonical,),
    NormalizationType.DEFAULT: (_canonical,),
    NormalizationType.MERGE_SLASHES: (_canonical, _merge_slashes),
    NormalizationType.DECODE_AND_MERGE_SLASHES: (_unescape_slashes, _canonical, _merge_slashes),
}
"""What is done to a path, in Envoy's order."""
