"""The ways out of a sidecar: the catch-all, and the egress listeners with a port of their own."""

from __future__ import annotations

from dataclasses import dataclass

from galley.kinds.networking.sidecar import CaptureMode, IstioEgressListener
from galley.kinds.values import UNIX_SCHEME
from galley.meta import ResourceKey
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.context.visibility import EgressServices
from pilot.node.metadata import Interception
from pilot.registry.catalog import Port, Protocol
from pilot.registry.protocol import protocol_named


@dataclass(frozen=True, slots=True, eq=False)
class Egress:
    """What one egress listener imports, and where it listens. ``port`` None is the catch-all: every service port.

    ``bind`` "" leaves the address to the protocol and the service; ``sidecar`` is the resource that declares it.
    """

    imported: EgressServices
    port: Port | None = None
    bind: str = ""
    bind_to_port: bool = False
    sidecar: ResourceKey | None = None

    @property
    def is_http_proxy(self) -> bool:
        """Whether clients name the destination in the request: the listener of a forward proxy."""
        return self.port is not None and self.port.protocol is Protocol.HTTP_PROXY

    @property
    def is_unix(self) -> bool:
        """Whether it listens at the path of a Unix socket."""
        return self.bind.startswith(UNIX_SCHEME)

    @property
    def route_name(self) -> str:
        """The name of its route configuration, when it has a port of its own."""
        return self.bind if self.is_unix or self.port is None else str(self.port.number)


def egress_listeners(context: PushContext, scope: OutboundScope) -> tuple[Egress, ...]:
    """The egress listeners of a sidecar: those with a port first. Without a Sidecar resource there is one catch-all."""
    bound, sidecar = scope.interception is Interception.NONE, context.sidecar_of(scope.attached)
    planned = [
        Egress(imported=imported, bind_to_port=bound)
        if imported.listener is None
        else _declared(imported, imported.listener, sidecar.key if sidecar is not None else None, bound)
        for imported in context.visible_services(scope).listeners
    ]
    return tuple(sorted(planned, key=lambda egress: egress.port is None))


def _declared(
    imported: EgressServices, listener: IstioEgressListener, sidecar: ResourceKey | None, bound: bool
) -> Egress:
    declared = listener.port
    port = None
    if declared is not None:
        protocol = protocol_named(declared.protocol, declared.number)
        port = Port(number=declared.number, name=declared.name, protocol=protocol)
    return Egress(
        imported=imported,
        port=port,
        bind=listener.bind,
        bind_to_port=bound or listener.capture_mode is CaptureMode.NONE or listener.bind.startswith(UNIX_SCHEME),
        sidecar=sidecar,
    )
