"""HTTP matches: conditions that are known while planning are decided here, the others become match plans."""

from __future__ import annotations

from citadel.access.rbac import FilterMetadata, TextMatch, TextMatchKind
from citadel.policy.authorization.texts import ANY_TEXT, JWT_FILTER, JWT_PAYLOAD
from galley.frozen import FrozenMap, frozen
from galley.hosts.names import MESH_GATEWAY
from galley.kinds.values import StringMatch
from galley.meta import NO_LABELS, Labels
from pilot.ir.route import RouteMatchPlan
from pilot.mesh.rules.model import ClaimPath, ConnectionCondition, HttpCondition


@frozen
class RouteSite:
    """Where routes will live; the sites of conditions are compared with it.

    ``gateway`` is ``mesh`` or ``namespace/name``; ``port`` is the listener's, for a gateway the *declared* port of
    the server; ``labels`` and ``namespace`` are the proxy's.
    """

    gateway: str
    port: int
    labels: Labels = NO_LABELS
    namespace: str = ""


def applies(condition: HttpCondition | ConnectionCondition, site: RouteSite) -> bool:
    """Whether what arrives at ``site`` can be what ``condition`` asks for; claims of tokens only gateways know."""
    if site.gateway == MESH_GATEWAY and isinstance(condition, HttpCondition) and condition.asks_about_claims:
        return False
    return condition.site.is_at(site.gateway, site.port) and condition.site.is_for(site.labels, site.namespace)


def plan_match(condition: HttpCondition) -> RouteMatchPlan:
    """What Envoy decides, request by request."""
    pseudo = {":method": condition.method, ":authority": condition.authority, ":scheme": condition.scheme}
    headers = {name: _comparison(value) for name, value in condition.headers.items()}
    headers |= {name: _comparison(value) for name, value in pseudo.items() if value is not None}
    return RouteMatchPlan(
        uri=_path(condition.uri),
        ignore_case=condition.ignore_uri_case,
        headers=FrozenMap(headers),
        without_headers=FrozenMap({name: _comparison(value) for name, value in condition.without_headers.items()}),
        claims=tuple(_claim(path, value) for path, value in condition.claims.items()),
        without_claims=tuple(_claim(path, value) for path, value in condition.without_claims.items()),
        query_params=FrozenMap({name: _comparison(value) for name, value in condition.query_params.items()}),
    )


def _claim(path: ClaimPath, value: StringMatch) -> FilterMetadata:
    """What the filter that verifies tokens must have noted: the claim itself, or a list with it."""
    return FilterMetadata(JWT_FILTER, (JWT_PAYLOAD, *path), (_text_match(value),))


def _text_match(value: StringMatch) -> TextMatch:
    if value.exact is not None:
        return TextMatch(TextMatchKind.EXACT, value.exact)
    if value.prefix:
        return TextMatch(TextMatchKind.PREFIX, value.prefix)
    return ANY_TEXT if value.is_presence or value.prefix == "" else TextMatch(TextMatchKind.REGEX, value.regex or "")


def _comparison(value: StringMatch) -> StringMatch:
    """Every string has the empty prefix, but Envoy rejects that matcher: it means "present"."""
    return StringMatch() if value.prefix == "" else value


def _path(uri: StringMatch | None) -> StringMatch | None:
    """None for what every path matches: nothing set, the empty prefix, or ``*`` as a regular expression."""
    if uri is None or uri.is_presence or uri.prefix in ("", "/"):
        return None
    return uri
