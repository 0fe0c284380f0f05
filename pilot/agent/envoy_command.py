"""How an agent's Envoy is started: its bootstrap, and what an operator adds to it by a file that Envoy merges over it.

Istio's agents know the same as ISTIO_BOOTSTRAP_OVERRIDE: single fields replace those of the bootstrap, lists are added.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from galley.atomic_write import write_atomically
from pilot.agent.settings import BOOTSTRAP_FILE, AgentSettings
from pilot.dataplane.bootstrap import build_bootstrap
from pilot.dataplane.errors import EnvoyError
from pilot.dataplane.hot_restart import HotRestart, free_base_id
from pilot.dataplane.process import EnvoyCommand


def prepare_envoy(settings: AgentSettings) -> EnvoyCommand:
    """Write the bootstrap, in which there is no secret. EnvoyError when what is to be merged over it is of no use."""
    bootstrap = settings.directory.absolute() / BOOTSTRAP_FILE
    write_atomically(bootstrap, json.dumps(build_bootstrap(settings.bootstrap), indent=2).encode())
    return EnvoyCommand(
        binary=settings.envoy,
        config=bootstrap,
        log_file=settings.log_file,
        admin=settings.bootstrap.admin,
        arguments=settings.envoy_arguments,
        override=read_override(settings.override),
        hot_restart=HotRestart(free_base_id()),
    )


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
