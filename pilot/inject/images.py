"""Whether the images of ours that a compose file names are on this machine: no registry has them, so that Compose would
fail to pull them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

from pilot.inject.options import InjectOptions, SidecarKind

_PATIENCE_SECONDS = 5.0


def missing_images(options: InjectOptions) -> Iterator[str]:
    """What to do about each that is missing; nothing where no Docker answers, for the file may be for elsewhere."""
    defaults = InjectOptions()
    targets = {options.image: defaults.image}
    if options.sidecar is SidecarKind.AGENT:
        targets[options.agent_image] = defaults.agent_image
    for image, ours in targets.items():
        if image == ours and _is_missing(image):
            target = image.partition(":")[0]
            yield (
                f"the image {image} is not on this machine; make it in a checkout of Pilothouse: "
                f"docker build -t {image} --target {target} ."
            )


def _is_missing(image: str) -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        listed = subprocess.run(
            [docker, "images", "--quiet", image], capture_output=True, timeout=_PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return listed.returncode == 0 and not listed.stdout.strip()
