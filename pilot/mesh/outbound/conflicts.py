"""What several services ask for at one address and port, put together by Istio's rules for conflicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from galley.frozen import frozen
from galley.meta import ResourceKey
from pilot.ir.listener import ChainClaims, FilterChainPlan
from pilot.mesh.outbound.listener import OutboundListener
from pilot.registry.catalog import Protocol

_SERVER_FIRST = frozenset({Protocol.MONGO, Protocol.MYSQL})


@frozen
class ListenerRequest:
    """What one service port asks for at an address.

    ``egress_index`` is that of the egress listener that it comes from, in their order: the address of a declared one
    takes nothing from others.
    """

    protocol: Protocol
    origin: ResourceKey
    egress_index: int
    route_name: str = ""
    chains: tuple[FilterChainPlan, ...] = ()


@dataclass(slots=True)
class _PendingListener:
    """A listener to which requests are still added."""

    egress_index: int
    bound: bool
    locked: bool
    absolute_urls: bool = False
    route_name: str = ""
    grpc_web: bool = False
    server_first: bool = False
    undeclared: bool = True
    claims: ChainClaims = field(default_factory=ChainClaims)
    chains: list[FilterChainPlan] = field(default_factory=list)
    origins: dict[ResourceKey, None] = field(default_factory=dict)


class ListenerTable:
    """Collects requests by address and port, older services first; what conflicts with an earlier one is left out."""

    def __init__(self) -> None:
        self._pending: dict[tuple[str, int], _PendingListener] = {}

    def add(
        self,
        address: str,
        port: int,
        request: ListenerRequest,
        *,
        bound: bool = False,
        locked: bool = False,
        absolute_urls: bool = False,
    ) -> None:
        """Grant what can be granted of ``request``."""
        pending = self._pending.get((address, port))
        if pending is None:
            pending = _PendingListener(
                egress_index=request.egress_index, bound=bound, locked=locked, absolute_urls=absolute_urls
            )
            self._pending[address, port] = pending
            pending.server_first = request.protocol in _SERVER_FIRST
        elif not _may_join(pending, request):
            return
        if request.route_name and not pending.route_name:  # a second HTTP service shares listener and routes
            pending.route_name = request.route_name
            pending.origins[request.origin] = None
        if request.route_name and request.protocol is not Protocol.AUTO:
            pending.undeclared = False
        if request.protocol is Protocol.GRPC_WEB:
            pending.grpc_web = True
        granted = [left for chain in request.chains if (left := pending.claims.claim(chain)) is not None]
        if granted:
            pending.chains += granted
            pending.origins[request.origin] = None

    def serves_http(self, address: str, port: int) -> bool:
        """Whether one more HTTP service at this address would change nothing."""
        pending = self._pending.get((address, port))
        return pending is not None and bool(pending.route_name)

    def listeners(self) -> Iterable[OutboundListener]:
        """The listeners, in the order in which their addresses were first asked for."""
        for (address, port), pending in self._pending.items():
            yield OutboundListener(
                address=address,
                port=port,
                bound=pending.bound,
                route_name=pending.route_name,
                absolute_urls=pending.absolute_urls,
                grpc_web=pending.grpc_web,
                undeclared=pending.undeclared and bool(pending.route_name),
                chains=tuple(pending.chains),
                origins=tuple(pending.origins),
            )


def _may_join(pending: _PendingListener, request: ListenerRequest) -> bool:
    if pending.locked and pending.egress_index != request.egress_index:
        return False
    either_http = bool(request.route_name or pending.route_name)
    if either_http and (pending.server_first or request.protocol in _SERVER_FIRST):
        return False  # where the server speaks first, sniffing for HTTP would wait for ever
    # Of two sniffed services the first has the opaque connections; their requests are told apart by the routes.
    return not (request.protocol is Protocol.AUTO and pending.route_name and pending.chains)
