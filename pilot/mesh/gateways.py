"""The planners of gateway proxies, under one name."""

from pilot.mesh.gateway_listeners import plan_gateway_listeners
from pilot.mesh.gateway_routes import plan_gateway_routes

__all__ = ["plan_gateway_listeners", "plan_gateway_routes"]
