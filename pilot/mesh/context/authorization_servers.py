"""The authorization servers that a proxy can ask: those that policies name, as far as it has a cluster for them."""

from __future__ import annotations

from collections.abc import Iterable

from citadel.policy.external_authorization import AuthorizationServer
from galley.frozen import FrozenMap
from galley.kinds.security.authorization_policy import AuthorizationPolicy
from galley.meta import Resource
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import OutboundScope, ServersByProvider
from pilot.mesh.naming import outbound_cluster


def authorization_servers(
    context: PushContext, scope: OutboundScope, policies: Iterable[Resource[AuthorizationPolicy]]
) -> ServersByProvider:
    """The servers of the providers that ``policies`` name, as far as proxies of ``scope`` have a cluster for them.

    One that is missing here is not asked, and what it should have been asked about is denied.
    """
    named = {policy.spec.provider.name for policy in policies if policy.spec.provider is not None}
    found = {name: _server(context, scope, name) for name in named}
    return FrozenMap({name: server for name, server in found.items() if server is not None})


def _server(context: PushContext, scope: OutboundScope, name: str) -> AuthorizationServer | None:
    provider = next((one for one in context.mesh.extension_providers if one.name == name), None)
    settings = provider.authorization if provider is not None else None
    if settings is None:
        return None
    namespace, _, host = settings.service.rpartition("/")
    service = context.visible_services(scope).named(host)
    if service is None or (namespace and service.namespace != namespace):
        return None
    if all(port.number != settings.port for port in service.ports):
        return None
    return AuthorizationServer(settings, outbound_cluster(port=settings.port, host=host), host)
