"""What can go wrong with an Envoy process."""

from __future__ import annotations


class EnvoyError(Exception):
    """Something about an Envoy process went wrong. The message says what, and ends with its last log lines."""


class EnvoyNotFoundError(EnvoyError):
    """There is no Envoy binary at any of the places where one is looked for."""


class EnvoyDiedError(EnvoyError):
    """The process ended although nobody stopped it."""


class EnvoyNotReadyError(EnvoyError):
    """The process runs but did not become ready in time."""


class EnvoyUnreachableError(EnvoyError):
    """The admin interface does not answer."""
