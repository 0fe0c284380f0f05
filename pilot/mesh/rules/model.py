"""Traffic rules as planners know them, whatever API they are written in. Readers make them of resources.

All that depends on where a resource is has been worked out: hosts and destinations are full names in lower case,
Gateways are ``namespace/name`` or ``mesh``, who may see a rule is said by namespaces.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

from galley.exports import EVERYWHERE, Exports
from galley.frozen import FrozenMap, frozen
from galley.hosts.names import DEFAULT_DOMAIN, MESH_GATEWAY
from galley.kinds.http import (
    CorsPolicy,
    Headers,
    HttpDirectResponse,
    HttpFaultInjection,
    HttpRedirect,
    HttpRetry,
    HttpRewrite,
)
from galley.kinds.values import StringMatch
from galley.meta import NO_LABELS, Labels, ResourceKey

NO_COMPARISONS: FrozenMap[str, StringMatch] = FrozenMap()
ClaimPath = tuple[str, ...]
NO_CLAIMS: FrozenMap[ClaimPath, StringMatch] = FrozenMap()


@frozen
class RuleSettings:
    """What the mesh adds to rules: its DNS domain, and who may see those that do not say it (``exportTo``)."""

    domain: str = DEFAULT_DOMAIN
    export_default: tuple[str, ...] = (EVERYWHERE,)


@frozen
class RuleDestination:
    """A service by its full name, a subset of it ("" for all), and a port (0: the planner's to choose)."""

    host: str
    subset: str = ""
    port: int = 0


@frozen
class RuleShare:
    """A destination, its relative weight (0: no traffic), and header changes for its share of HTTP requests."""

    destination: RuleDestination
    weight: int = 1
    headers: Headers | None = None


@frozen
class RuleSite:
    """Where a condition of a rule can hold at all; empty and 0 mean anywhere.

    ``gateways`` are some of those to which the rule is bound; ``port`` is the listener's. ``source_labels`` and
    ``source_namespace`` are about the client's workload.
    """

    gateways: tuple[str, ...] = ()
    port: int = 0
    source_labels: Labels = NO_LABELS
    source_namespace: str = ""

    @property
    def asks_about_source(self) -> bool:
        """Whether it depends on who is asking."""
        return bool(self.source_labels or self.source_namespace)

    def is_at(self, gateway: str, port: int) -> bool:
        """Whether it can hold at ``port`` of ``gateway``."""
        return self.port in (0, port) and (not self.gateways or gateway in self.gateways)

    def is_for(self, labels: Labels, namespace: str) -> bool:
        """Whether it can hold for clients with ``labels`` in ``namespace``."""
        return self.source_namespace in ("", namespace) and self.source_labels.selects(labels)


ANYWHERE = RuleSite()


@frozen
class HttpCondition:
    """What a request must be like for a rule: all of it holds together.

    ``claims`` are asked of the request's token, by their path, outermost first; only gateways verify tokens for that.
    ``name`` and ``stat_prefix`` are those of the requests that it takes, where they have some of their own.
    """

    site: RuleSite = ANYWHERE
    uri: StringMatch | None = None
    ignore_uri_case: bool = False
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: FrozenMap[str, StringMatch] = NO_COMPARISONS
    without_headers: FrozenMap[str, StringMatch] = NO_COMPARISONS
    claims: FrozenMap[ClaimPath, StringMatch] = NO_CLAIMS
    without_claims: FrozenMap[ClaimPath, StringMatch] = NO_CLAIMS
    query_params: FrozenMap[str, StringMatch] = NO_COMPARISONS
    name: str = ""
    stat_prefix: str = ""

    @property
    def asks_about_claims(self) -> bool:
        """Whether it depends on the request's token."""
        return bool(self.claims or self.without_claims)


@frozen
class RuleMirror:
    """Who gets a copy of a percentage of the requests."""

    destination: RuleDestination
    percent: float = 100.0


@frozen
class HttpForward:
    """Forward by weight. Where no share has a weight, nobody is to have the requests, and they fail."""

    shares: tuple[RuleShare, ...]
    rewrite: HttpRewrite | None = None
    timeout: timedelta | None = None
    retries: HttpRetry | None = None


HttpAction = HttpForward | HttpRedirect | HttpDirectResponse


@frozen
class HttpRule:
    """What is done with the requests for which one of ``conditions`` holds (there being none, it takes no request).

    ``action`` None stands for what is not translated yet: the rule is left out. ``field`` is the path of the rule
    within the resource.
    """

    field: str
    conditions: tuple[HttpCondition, ...]
    action: HttpAction | None
    mirrors: tuple[RuleMirror, ...] = ()
    name: str = ""
    headers: Headers | None = None
    fault: HttpFaultInjection | None = None
    cors: CorsPolicy | None = None


@frozen
class ConnectionCondition:
    """What an opaque connection must be like for a rule; without ``destination_subnets`` it may go anywhere.

    ``sni_hosts`` are those of TLS connections.
    """

    site: RuleSite = ANYWHERE
    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()


@frozen
class ConnectionRule:
    """Where opaque connections go for which one of ``conditions`` holds. Where no share has a weight they are not
    taken.

    ``field`` is the path of the rule within the resource.
    """

    field: str
    conditions: tuple[ConnectionCondition, ...]
    shares: tuple[RuleShare, ...]


@frozen
class TrafficRule:
    """Rules for the traffic of ``hosts``, in the order in which they are tried; ``origin`` is what they were read from.

    ``gateways`` are where they count: ``mesh`` stands for all sidecars. ``age`` sorts older first (see
    ``galley.meta.Resource.age``).
    """

    origin: ResourceKey
    hosts: tuple[str, ...]
    gateways: tuple[str, ...] = (MESH_GATEWAY,)
    exports: Exports = Exports(everywhere=True)
    age: tuple[bool, str, str, str] = (True, "", "", "")
    http: tuple[HttpRule, ...] = ()
    tls: tuple[ConnectionRule, ...] = ()
    tcp: tuple[ConnectionRule, ...] = ()

    @property
    def name(self) -> str:
        """The name of the resource."""
        return self.origin.name

    @property
    def namespace(self) -> str:
        """The namespace of the resource."""
        return self.origin.namespace

    @cached_property
    def destinations(self) -> tuple[str, ...]:
        """Every host that traffic is sent to, mirrors included, without repetition."""
        forwards = [rule.action for rule in self.http if isinstance(rule.action, HttpForward)]
        named = [share.destination for forward in forwards for share in forward.shares]
        named += [mirror.destination for rule in self.http for mirror in rule.mirrors]
        named += [share.destination for rule in (*self.tls, *self.tcp) for share in rule.shares]
        return tuple(dict.fromkeys(destination.host for destination in named))

    @cached_property
    def asks_about_source(self) -> bool:
        """Whether some condition of ``http`` depends on who is asking; if not, all proxies share its routes."""
        return any(condition.site.asks_about_source for rule in self.http for condition in rule.conditions)

    @cached_property
    def sites(self) -> tuple[RuleSite, ...]:
        """The sites of all conditions, without repetition."""
        http = (condition.site for rule in self.http for condition in rule.conditions)
        opaque = (condition.site for rule in (*self.tls, *self.tcp) for condition in rule.conditions)
        return tuple(dict.fromkeys((*http, *opaque)))
