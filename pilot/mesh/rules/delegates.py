"""VirtualServices that hand routes on to others (Istio, "VirtualService": delegate): both are merged into one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from galley.exports import resolve_exports
from galley.frozen import FrozenMap
from galley.hosts.names import resolve_gateway, resolve_host
from galley.kinds.networking.virtual_service import HttpMatchRequest, HttpMirrorPolicy, HttpRoute, VirtualService
from galley.kinds.values import Destination, StringMatch
from galley.meta import Resource, ResourceKey
from galley.snapshot import ConfigSnapshot
from pilot.mesh.rules.model import RuleSettings

T = TypeVar("T")

Delegates = Mapping[ResourceKey, Resource[VirtualService]]
"""The VirtualServices that others hand routes on to, by key."""


def delegate_keys(resource: Resource[VirtualService]) -> Iterator[ResourceKey]:
    """Those that ``resource`` hands routes on to: in its own namespace where it names none."""
    if resource.spec.hosts:
        for route in resource.spec.http:
            if route.delegate is not None:
                yield ResourceKey("VirtualService", route.delegate.namespace or resource.namespace, route.delegate.name)


def delegates_of(resource: Resource[VirtualService], config: ConfigSnapshot) -> tuple[Resource[VirtualService], ...]:
    """Those of them that there are."""
    found = (config.get(key) for key in dict.fromkeys(delegate_keys(resource)))
    return tuple(one for one in found if one is not None)


def with_delegates(
    resource: Resource[VirtualService], delegates: tuple[Resource[VirtualService], ...], settings: RuleSettings
) -> Resource[VirtualService]:
    """``resource`` with the routes of its delegates in the places where it hands on to them.

    A delegate that is not there, has hosts, or is not exported to the namespace leaves its place empty.
    """
    spec, by_key = resource.spec, {one.key: one for one in delegates}
    if not delegates and all(route.delegate is None for route in spec.http):
        return resource
    keys, http = delegate_keys(resource), []
    for route in spec.http:
        if route.delegate is None:
            http.append(route)
            continue
        delegate = by_key.get(next(keys))
        if delegate is not None and _is_for(delegate, resource.namespace, settings):
            http += _handed_on(_resolved(route, resource.namespace, settings), delegate, settings)
    return replace(resource, spec=replace(spec, http=tuple(http)))


def _is_for(delegate: Resource[VirtualService], namespace: str, settings: RuleSettings) -> bool:
    exports = resolve_exports(delegate.spec.export_to, settings.export_default, delegate.namespace)
    return not delegate.spec.hosts and (exports.everywhere or exports.includes(namespace))


def _handed_on(root: HttpRoute, delegate: Resource[VirtualService], settings: RuleSettings) -> Iterator[HttpRoute]:
    for own in delegate.spec.http:
        route = _resolved(own, delegate.namespace, settings)
        match = _merge_matches(root.match, route.match)
        if match is not None and own.delegate is None:
            yield _merge_routes(root, replace(route, match=match))


def _resolved(route: HttpRoute, namespace: str, settings: RuleSettings) -> HttpRoute:
    """The route with the names that mean something in ``namespace`` written out."""

    def destination(written: Destination | None) -> Destination | None:
        if written is None:
            return None
        return replace(written, host=resolve_host(written.host, namespace, settings.domain))

    return replace(
        route,
        match=tuple(
            replace(match, gateways=tuple(resolve_gateway(gateway, namespace) for gateway in match.gateways))
            for match in route.match
        ),
        route=tuple(replace(one, destination=destination(one.destination)) for one in route.route),
        mirror=destination(route.mirror),
        mirrors=tuple(HttpMirrorPolicy(destination(one.destination), one.percentage) for one in route.mirrors),
    )


def _merge_routes(root: HttpRoute, own: HttpRoute) -> HttpRoute:
    """The delegate's route, with whole blocks of the root's where it says nothing."""
    has_mirror = own.mirror is not None or bool(own.mirrors)
    mirrors = own if has_mirror else root
    return replace(
        own,
        name=_joined(root.name, own.name),
        rewrite=own.rewrite or root.rewrite,
        direct_response=own.direct_response or root.direct_response,
        timeout=_first(own.timeout, root.timeout),
        retries=_first(own.retries, root.retries),
        fault=own.fault or root.fault,
        mirror=mirrors.mirror,
        mirrors=mirrors.mirrors,
        mirror_percent=_first(own.mirror_percent, root.mirror_percent),
        mirror_percentage=_first(own.mirror_percentage, root.mirror_percentage),
        cors_policy=own.cors_policy or root.cors_policy,
        headers=own.headers or root.headers,
    )


def _merge_matches(
    root: tuple[HttpMatchRequest, ...], own: tuple[HttpMatchRequest, ...]
) -> tuple[HttpMatchRequest, ...] | None:
    """Each of the delegate's within each of the root's that contains it; None when one is contained in none."""
    if not root or not own:
        return root or own
    merged: list[HttpMatchRequest] = []
    for match in own:
        containing = [one for one in root if not _contradict(one, match)]
        if not containing:
            return None
        merged += (_merge_match(one, match) for one in containing)
    return tuple(merged)


def _merge_match(root: HttpMatchRequest, own: HttpMatchRequest) -> HttpMatchRequest:
    return replace(
        own,
        name=_joined(root.name, own.name),
        uri=own.uri or root.uri,
        scheme=own.scheme or root.scheme,
        method=own.method or root.method,
        authority=own.authority or root.authority,
        headers=_united(root.headers, own.headers),
        without_headers=_united(root.without_headers, own.without_headers),
        query_params=_united(root.query_params, own.query_params),
        port=own.port or root.port,
        source_labels=_united(root.source_labels, own.source_labels),
        source_namespace=own.source_namespace or root.source_namespace,
        gateways=own.gateways or root.gateways,
        stat_prefix=own.stat_prefix or root.stat_prefix,
    )


def _contradict(root: HttpMatchRequest, own: HttpMatchRequest) -> bool:
    """Whether what ``own`` takes is not within what ``root`` takes, as Istio tells it."""
    texts = [(root.uri, own.uri), (root.scheme, own.scheme), (root.method, own.method), (root.authority, own.authority)]
    for ours, theirs in (
        (root.headers, own.headers),
        (root.without_headers, own.without_headers),
        (root.query_params, own.query_params),
    ):
        texts += [(ours.get(name), value) for name, value in theirs.items()]
    if any(not _contains(ours, theirs) for ours, theirs in texts) or root.ignore_uri_case != own.ignore_uri_case:
        return True
    scalars = [(root.port, own.port), (root.source_namespace, own.source_namespace)]
    scalars += [(root.source_labels.get(name), value) for name, value in own.source_labels.items()]
    if any(ours and theirs and ours != theirs for ours, theirs in scalars):
        return True
    return bool(root.gateways and own.gateways) and not set(own.gateways) <= set(root.gateways)


def _contains(root: StringMatch | None, own: StringMatch | None) -> bool:
    """Whether every text that ``own`` takes is one that ``root`` takes; with regular expressions nobody knows."""
    if root is None or own is None:
        return True
    if root.regex is not None or own.regex is not None:
        return False
    if root.exact is not None:
        return own.exact == root.exact
    text = own.prefix if own.prefix is not None else own.exact
    return root.prefix is not None and text is not None and text.startswith(root.prefix)


def _united(root: FrozenMap[str, T], own: FrozenMap[str, T]) -> FrozenMap[str, T]:
    return FrozenMap({**root, **own}) if root else own


def _joined(root: str, own: str) -> str:
    return f"{root}-{own}" if root and own else root or own


def _first(own: T | None, root: T | None) -> T | None:
    return own if own is not None else root
