"""What an operator adds to the bootstrap of an agent's Envoy: a file that Envoy merges over it.

Istio's agents know the same as ISTIO_BOOTSTRAP_OVERRIDE: single fields replace those of the bootstrap, lists are added.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from pilot.dataplane.errors import EnvoyError


def read_override(file: Path | None) -> str:
    """The text of ``file``, "" for None. EnvoyError when it cannot be read, or is no mapping in YAML or JSON."""
    if file is None:
        return ""
    try:
        text = file.read_text("utf-8")
        content = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise EnvoyError(f"cannot read {file}: {reason}") from error
    if content is None:
        return ""
    if not isinstance(content, dict):
        raise EnvoyError(f"{file} is no part of a bootstrap: it must be a mapping, such as stats_flush_interval: 5s")
    return text
