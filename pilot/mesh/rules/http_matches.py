"""HTTP matches: conditions that are known while planning are decided here, the others become match plans."""

from __future__ import annotations

from galley.frozen import FrozenMap, frozen
from galley.hosts.names import resolve_gateway
from galley.kinds.networking.virtual_service import HttpMatchRequest
from galley.kinds.values import StringMatch
from galley.meta import NO_LABELS, Labels
from pilot.ir.route import RouteMatchPlan

JWT_CLAIM_PREFIX = "@request.auth.claims"


@frozen
class RouteSite:
    """Where routes will live; the static conditions of a match are compared with it.

    ``gateway`` is ``mesh`` or ``namespace/name``; ``port`` is the listener's, for a gateway the *declared* port of
    the server; ``labels`` and ``namespace`` are the proxy's.
    """

    gateway: str
    port: int
    labels: Labels = NO_LABELS
    namespace: str = ""


def match_applies(match: HttpMatchRequest, *, rule_namespace: str, site: RouteSite) -> bool:
    """Whether the static conditions hold. A match that lists gateways ignores sourceLabels and sourceNamespace."""
    if match.port and match.port != site.port:
        return False
    if any(name.startswith(JWT_CLAIM_PREFIX) for name in (*match.headers, *match.without_headers)):
        return False  # claims of a token that nobody has verified match nothing
    if match.gateways:
        return site.gateway in (resolve_gateway(reference, rule_namespace) for reference in match.gateways)
    if match.source_namespace and match.source_namespace != site.namespace:
        return False
    return match.source_labels.selects(site.labels)


def plan_match(match: HttpMatchRequest | None) -> RouteMatchPlan:
    """The conditions that Envoy decides, request by request. None matches every request."""
    if match is None:
        return RouteMatchPlan()
    pseudo = {":method": match.method, ":authority": match.authority, ":scheme": match.scheme}
    headers = {name: _comparison(value) for name, value in match.headers.items()}
    headers |= {name: _comparison(value) for name, value in pseudo.items() if value is not None}
    return RouteMatchPlan(
        uri=_path(match.uri),
        ignore_case=match.ignore_uri_case,
        headers=FrozenMap(headers),
        without_headers=FrozenMap({name: _comparison(value) for name, value in match.without_headers.items()}),
        query_params=FrozenMap({name: _comparison(value) for name, value in match.query_params.items()}),
    )


def _comparison(value: StringMatch) -> StringMatch:
    """Every string has the empty prefix, but Envoy rejects that matcher: it means "present"."""
    return StringMatch() if value.prefix == "" else value


def _path(uri: StringMatch | None) -> StringMatch | None:
    """None for what every path matches: nothing set, the empty prefix, or ``*`` as a regular expression."""
    if uri is None or uri.is_presence or uri.prefix in ("", "/"):
        return None
    return uri
