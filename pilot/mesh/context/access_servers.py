"""The servers that a proxy's access filters can ask: those that policies name, as far as it has a cluster for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from citadel.policy.external_authorization import AuthorizationServer
from citadel.policy.request_authentication import key_source
from galley.frozen import FrozenMap
from galley.kinds.security.authorization_policy import AuthorizationAction, AuthorizationPolicy
from galley.kinds.security.request_authentication import RequestAuthentication
from galley.meta import Resource
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import NO_SERVERS, AccessServers, AttachedKeys, OutboundScope, ServersByProvider
from pilot.mesh.naming import outbound_cluster
from pilot.registry.catalog import Service

_PORTS = {"http": 80, "https": 443}


def access_servers(context: PushContext, scope: Callable[[], OutboundScope], attached: AttachedKeys) -> AccessServers:
    """The servers that the policies ``attached`` to a proxy name, as far as it has a cluster for them.

    A server that is missing here is not asked: what it should have been asked about is denied, and of tokens whose keys
    it has none counts. ``scope`` is that of the proxy, worked out only where some policy names a server.
    """
    policies = context.attached_to(attached, AuthorizationPolicy)
    custom = [policy for policy in policies if policy.spec.action is AuthorizationAction.CUSTOM]
    uris = _key_uris(context, context.attached_to(attached, RequestAuthentication))
    if not custom and not uris:
        return NO_SERVERS
    outbound = scope()
    return AccessServers(
        authorization=_authorization_servers(context, outbound, custom),
        key_clusters=_key_clusters(context, outbound, uris),
    )


def _authorization_servers(
    context: PushContext, scope: OutboundScope, policies: Iterable[Resource[AuthorizationPolicy]]
) -> ServersByProvider:
    named = {policy.spec.provider.name for policy in policies if policy.spec.provider is not None}
    found = {name: _authorization_server(context, scope, name) for name in named}
    return FrozenMap({name: server for name, server in found.items() if server is not None})


def _authorization_server(context: PushContext, scope: OutboundScope, name: str) -> AuthorizationServer | None:
    provider = next((one for one in context.mesh.extension_providers if one.name == name), None)
    settings = provider.authorization if provider is not None else None
    if settings is None:
        return None
    namespace, _, host = settings.service.rpartition("/")
    service = _service_at(context, scope, host, settings.port)
    if service is None or (namespace and service.namespace != namespace):
        return None
    return AuthorizationServer(settings, outbound_cluster(port=settings.port, host=host), host)


def _service_at(context: PushContext, scope: OutboundScope, host: str, port: int) -> Service | None:
    """The service of ``host``, where proxies of ``scope`` see one that has ``port``."""
    service = context.visible_services(scope).named(host)
    return service if service is not None and any(one.number == port for one in service.ports) else None


def _key_uris(context: PushContext, policies: Iterable[Resource[RequestAuthentication]]) -> set[str]:
    """Where the proxy itself fetches keys."""
    sources = (key_source(rule) for policy in policies for rule in policy.spec.jwt_rules)
    fetcher = context.key_fetcher
    return {source.uri for source in sources if source is not None and fetcher.leaves_to_envoys(source)}


def _key_clusters(context: PushContext, scope: OutboundScope, uris: Iterable[str]) -> FrozenMap[str, str]:
    found = {}
    for uri in uris:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        if _service_at(context, scope, host, port) is not None:
            found[uri] = outbound_cluster(port=port, host=host)
    return FrozenMap(found)
