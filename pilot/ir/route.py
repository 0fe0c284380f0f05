"""Plans of route configurations, virtual hosts and routes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from citadel.access.rbac import FilterMetadata
from galley.frozen import FrozenMap, frozen
from galley.kinds.http import RegexRewrite
from galley.kinds.networking.destination_rule import HttpCookie
from galley.kinds.values import StringMatch
from galley.meta import ResourceKey
from pilot.ir.http_filters import RouteFilterPlan, check_percent
from pilot.ir.weights import settle_shares

REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})
"""The status codes by which Envoy redirects."""

MAX_DIRECT_RESPONSE_BODY = 1 << 20
"""Bytes; Istio's, where Envoy's own limit is 4096."""

NO_MATCHES: FrozenMap[str, StringMatch] = FrozenMap()


@frozen
class RouteMatchPlan:
    """What a request must look like. ``uri`` None means the prefix ``/``.

    ``headers`` may hold the pseudo headers ``:method``, ``:authority`` and ``:scheme``. ``claims`` are what the filter
    that verifies tokens must have noted of the request's, ``without_claims`` what it must not.
    """

    uri: StringMatch | None = None
    ignore_case: bool = False
    headers: FrozenMap[str, StringMatch] = NO_MATCHES
    without_headers: FrozenMap[str, StringMatch] = NO_MATCHES
    claims: tuple[FilterMetadata, ...] = ()
    without_claims: tuple[FilterMetadata, ...] = ()
    query_params: FrozenMap[str, StringMatch] = NO_MATCHES

    @property
    def is_catch_all(self) -> bool:
        """Whether every request is taken, so that nothing after it is ever reached."""
        anything = self.uri is None or self.uri.prefix == "/" or self.uri.regex in (".*", "*")
        asked = self.headers or self.without_headers or self.claims or self.without_claims or self.query_params
        return anything and not asked


@frozen
class HeaderMutationPlan:
    """Header changes in the order Envoy applies them; names without pseudo headers; ``%`` not yet escaped."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


NO_MUTATION = HeaderMutationPlan()


@frozen
class WeightedClusterPlan:
    """A cluster's share of the traffic, and the header changes of that share."""

    cluster: str
    weight: int
    request_headers: HeaderMutationPlan = NO_MUTATION
    response_headers: HeaderMutationPlan = NO_MUTATION
    host_rewrite: str = ""


@frozen
class RetryPlan:
    """A retry policy as Envoy takes it; ``num_retries`` counts retries, not tries. ValueError for none: that is said
    by having no policy."""

    num_retries: int = 2
    retry_on: str = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
    retriable_status_codes: tuple[int, ...] = ()
    per_try_timeout: timedelta | None = None
    backoff: timedelta | None = None
    previous_hosts: bool = True
    remote_localities: bool = False

    def __post_init__(self) -> None:
        if self.num_retries < 1:
            raise ValueError("a retry policy has retries")


@frozen
class MirrorPlan:
    """Copies of ``percent`` (above 0, at most 100) of the requests go to ``cluster``. ValueError for another share."""

    cluster: str
    percent: float = 100.0

    def __post_init__(self) -> None:
        check_percent(self.percent)
        if not self.percent:
            raise ValueError("a mirror gets requests")


@frozen
class HashPolicyPlan:
    """What of a request decides which endpoint of a cluster that hashes takes it: one of these. ValueError for none or
    several."""

    header: str = ""
    query_parameter: str = ""
    cookie: HttpCookie | None = None
    source_ip: bool = False

    def __post_init__(self) -> None:
        if sum(map(bool, (self.header, self.query_parameter, self.cookie is not None, self.source_ip))) != 1:
            raise ValueError("one thing is hashed")


@frozen
class ForwardPlan:
    """Forward to one cluster, or to several by weight. ``timeout`` 0 means none. ``hash_policies`` are those of all
    clusters.

    Of several clusters those without weight are left out. ValueError when nothing is left, or for two rewrites.
    """

    clusters: tuple[WeightedClusterPlan, ...]
    timeout: timedelta = timedelta(0)
    retry: RetryPlan | None = None
    prefix_rewrite: str = ""
    regex_rewrite: RegexRewrite | None = None
    host_rewrite: str = ""
    mirrors: tuple[MirrorPlan, ...] = ()
    hash_policies: tuple[HashPolicyPlan, ...] = ()
    max_stream_duration: bool = False
    """Inbound routes bound a gRPC call by its own ``grpc-timeout`` only (``max_stream_duration`` of 0)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "clusters", settle_shares(self.clusters))
        if not self.clusters:
            raise ValueError("there is no cluster to forward to")
        if self.prefix_rewrite and self.regex_rewrite is not None:
            raise ValueError("a path is rewritten in one way")


@frozen
class RedirectPlan:
    """Answer with a redirect; ``path`` replaces the whole path, ``prefix`` the matched prefix.

    ValueError for both, and for a status code by which Envoy does not redirect.
    """

    code: int = 301
    host: str = ""
    path: str | None = None
    prefix: str | None = None
    scheme: str = ""
    port: int = 0

    def __post_init__(self) -> None:
        if self.code not in REDIRECT_CODES:
            raise ValueError(f"Envoy does not redirect with {self.code}")
        if self.path is not None and self.prefix is not None:
            raise ValueError("a path is replaced in one way")


@frozen
class DirectResponsePlan:
    """Answer at once, with ``body`` when there is one. ValueError for what Envoy does not answer with."""

    status: int
    body: bytes = b""

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise ValueError(f"{self.status} is no status to answer with")
        if len(self.body) > MAX_DIRECT_RESPONSE_BODY:
            raise ValueError(f"a body of {len(self.body)} bytes is too long")


@frozen
class RoutePlan:
    """One route. ``filters`` are its own settings for the HTTP filters; ValueError for two of one kind.

    ``rule`` is the resource that it comes from, which its metadata names, ``decorator`` the operation name of traces.
    """

    match: RouteMatchPlan
    action: ForwardPlan | RedirectPlan | DirectResponsePlan
    name: str = ""
    request_headers: HeaderMutationPlan = NO_MUTATION
    response_headers: HeaderMutationPlan = NO_MUTATION
    filters: tuple[RouteFilterPlan, ...] = ()
    decorator: str = ""
    stat_prefix: str = ""
    rule: ResourceKey | None = None

    def __post_init__(self) -> None:
        _check_filters(self.filters)


@frozen
class VirtualHostPlan:
    """Routes of a set of domains, which are in lower case and without repetition."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[RoutePlan, ...]
    require_tls: bool = False
    include_attempt_count: bool = True
    origins: tuple[ResourceKey, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", tuple(dict.fromkeys(domain.lower() for domain in self.domains)))


@frozen
class RouteConfigPlan:
    """A route configuration; virtual hosts are sorted by name with the catch-all last.

    Every domain is in the first host that claims it only, and hosts that are left with none are left out: Envoy refuses
    a domain that occurs twice, and a host without domains. ``ignore_port`` lets a domain match whatever port the
    authority names. ``filters`` are the settings of all routes for HTTP filters of which they say nothing themselves;
    ValueError for two of one kind.
    """

    name: str
    virtual_hosts: tuple[VirtualHostPlan, ...]
    ignore_port: bool = True
    filters: tuple[RouteFilterPlan, ...] = ()

    def __post_init__(self) -> None:
        _check_filters(self.filters)
        object.__setattr__(self, "virtual_hosts", _with_distinct_domains(self.virtual_hosts))

    @property
    def origins(self) -> tuple[ResourceKey, ...]:
        """The origins of all virtual hosts, without repetition."""
        return tuple(dict.fromkeys(origin for host in self.virtual_hosts for origin in host.origins))


def _check_filters(filters: tuple[RouteFilterPlan, ...]) -> None:
    if len(set(map(type, filters))) < len(filters):
        raise ValueError("a route says one thing to each filter")


def _with_distinct_domains(hosts: tuple[VirtualHostPlan, ...]) -> tuple[VirtualHostPlan, ...]:
    domains = [domain for host in hosts for domain in host.domains]
    if len(set(domains)) == len(domains) and all(host.domains for host in hosts):
        return hosts
    claimed: set[str] = set()
    kept = []
    for host in hosts:
        own = tuple(domain for domain in host.domains if domain not in claimed)
        claimed.update(own)
        if own:
            kept.append(host if own == host.domains else replace(host, domains=own))
    return tuple(kept)
