"""The flags of `pilot serve` that make it discover containers."""

from __future__ import annotations

import argparse

from galley.kinds.values import UNIX_SCHEME
from pilot.settings import DockerSettings

_SCHEMES = (UNIX_SCHEME, "tcp://", "http://", "https://")


def add_docker_flags(parser: argparse.ArgumentParser) -> None:
    """Add them as a group of their own."""
    group = parser.add_argument_group(
        "Docker",
        "With --docker running containers become services and endpoints by themselves. Whoever may speak to the socket "
        "of Docker is root on its host; see docs/reference/docker-discovery.md.",
    )
    group.add_argument(
        "--docker", nargs="?", const="", type=_engine_url, metavar="URL",
        help="follow a Docker Engine, for example tcp://socket-proxy:2375 (default: DOCKER_HOST, else "
        "unix:///var/run/docker.sock)",
    )  # fmt: skip
    group.add_argument(
        "--docker-project", action="append", default=[], metavar="NAME",
        help="only containers of this Compose project; repeatable (default: the project that pilot runs in, where it "
        "runs in one, else '*': all projects, and other containers that have a label of ours)",
    )  # fmt: skip
    group.add_argument(
        "--docker-network", action="append", default=[], metavar="NAME",
        help="reach containers of several networks by this one; repeatable, the first match counts (default: a network "
        "that pilot is in itself, else the first by name)",
    )  # fmt: skip


def read_docker_settings(args: argparse.Namespace) -> DockerSettings | None:
    """What the flags say; None without --docker. Raises ValueError for flags that need it."""
    if args.docker is None:
        if args.docker_project or args.docker_network:
            raise ValueError("--docker-project and --docker-network choose among containers; add --docker")
        return None
    return DockerSettings(url=args.docker, projects=tuple(args.docker_project), networks=tuple(args.docker_network))


def _engine_url(text: str) -> str:
    if text and not text.startswith(_SCHEMES):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the URL of a Docker Engine, for example unix:///var/run/docker.sock or tcp://host:2375"
        )
    return text
