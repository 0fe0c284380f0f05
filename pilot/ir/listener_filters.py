"""Plans of listener filters: what a listener finds out about a connection before it chooses a filter chain."""

from __future__ import annotations

from galley.frozen import frozen


@frozen
class OriginalDstPlan:
    """Where a redirected connection was going."""


@frozen
class OriginalSrcPlan:
    """Goes on to upstreams from the address of the client (TPROXY)."""


@frozen
class _InspectorPlan:
    """``excluded_ports`` are destination ports on which it stays off, in order and without repetition."""

    excluded_ports: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "excluded_ports", tuple(sorted(set(self.excluded_ports))))


@frozen
class TlsInspectorPlan(_InspectorPlan):
    """Whether a connection is TLS, and which server name and protocols its client asks for.

    On ``excluded_ports``, which are destination ports, it stays off.
    """


@frozen
class HttpInspectorPlan(_InspectorPlan):
    """Whether a connection in plain text is HTTP, and which version.

    On ``excluded_ports``, which are destination ports, it stays off.
    """


@frozen
class ProxyProtocolPlan:
    """The client that a PROXY protocol header names."""


ListenerFilterPlan = OriginalDstPlan | OriginalSrcPlan | TlsInspectorPlan | HttpInspectorPlan | ProxyProtocolPlan
