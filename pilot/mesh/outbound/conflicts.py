"""What several services want at one address and port, put together by Istio's rules for conflicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from galley.frozen import frozen
from galley.meta import ResourceKey
from pilot.ir.listener import FilterChainPlan
from pilot.mesh.chain_claims import ChainClaims
from pilot.mesh.outbound.listener import OutboundListener
from pilot.registry.catalog import Protocol

_SERVER_FIRST = frozenset({Protocol.MONGO, Protocol.MYSQL})


@frozen
class Wish:
    """What one service port asks for at an address.

    ``owner`` is the egress listener that it comes from: the address of a declared one takes nothing from others.
    """

    protocol: Protocol
    origin: ResourceKey
    owner: int
    route_name: str = ""
    chains: tuple[FilterChainPlan, ...] = ()


@dataclass(slots=True)
class _Place:
    """An address and port in the making."""

    owner: int
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
    """Collects wishes by address and port, older services first; what conflicts with an earlier one is left out."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, int], _Place] = {}

    def add(
        self,
        address: str,
        port: int,
        wish: Wish,
        *,
        bound: bool = False,
        locked: bool = False,
        absolute_urls: bool = False,
    ) -> None:
        """Grant what can be granted of ``wish``."""
        place = self._places.get((address, port))
        if place is None:
            place = _Place(owner=wish.owner, bound=bound, locked=locked, absolute_urls=absolute_urls)
            self._places[address, port] = place
            place.server_first = wish.protocol in _SERVER_FIRST
        elif not _may_join(place, wish):
            return
        if wish.route_name and not place.route_name:  # a second HTTP service shares listener and routes
            place.route_name = wish.route_name
            place.origins[wish.origin] = None
        if wish.route_name and wish.protocol is not Protocol.AUTO:
            place.undeclared = False
        if wish.protocol is Protocol.GRPC_WEB:
            place.grpc_web = True
        granted = [chain for wanted in wish.chains if (chain := place.claims.claim(wanted)) is not None]
        if granted:
            place.chains += granted
            place.origins[wish.origin] = None

    def serves_http(self, address: str, port: int) -> bool:
        """Whether one more HTTP service at this address would change nothing."""
        place = self._places.get((address, port))
        return place is not None and bool(place.route_name)

    def listeners(self) -> Iterable[OutboundListener]:
        """The listeners, in the order in which their addresses were first asked for."""
        for (address, port), place in self._places.items():
            yield OutboundListener(
                address=address,
                port=port,
                bound=place.bound,
                route_name=place.route_name,
                absolute_urls=place.absolute_urls,
                grpc_web=place.grpc_web,
                undeclared=place.undeclared and bool(place.route_name),
                chains=tuple(place.chains),
                origins=tuple(place.origins),
            )


def _may_join(place: _Place, wish: Wish) -> bool:
    if place.locked and place.owner != wish.owner:
        return False
    either_http = bool(wish.route_name or place.route_name)
    if either_http and (place.server_first or wish.protocol in _SERVER_FIRST):
        return False  # where the server speaks first, sniffing for HTTP would wait for ever
    # Of two sniffed services the first has the opaque connections; their requests are told apart by the routes.
    return not (wish.protocol is Protocol.AUTO and place.route_name and place.chains)
