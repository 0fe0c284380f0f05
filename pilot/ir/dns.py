"""Plans of the listener that answers an application's DNS queries."""

from __future__ import annotations

from datetime import timedelta

from galley.frozen import frozen
from galley.meta import ResourceKey


@frozen
class DnsNamePlan:
    """One name and its addresses, of both families, good for ``ttl``. ``*.`` at the start of a name stands for one or
    more labels."""

    name: str
    addresses: tuple[str, ...]
    ttl: timedelta


@frozen
class DnsListenerPlan:
    """Answers queries at ``port`` of each of ``addresses``, over UDP.

    Every name occurs once. What is not in the table is asked of the resolvers that the proxy's own host has.
    """

    name: str
    addresses: tuple[str, ...]
    port: int
    names: tuple[DnsNamePlan, ...]
    origins: tuple[ResourceKey, ...] = ()
