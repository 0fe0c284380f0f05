"""Plans of route configurations, virtual hosts and routes."""

from __future__ import annotations

from datetime import timedelta

from galley.frozen import FrozenMap, frozen
from galley.kinds.networking.virtual_service import RegexRewrite
from galley.kinds.values import StringMatch
from galley.meta import ResourceKey
from pilot.ir.http_filters import RouteFilterPlan

NO_MATCHES: FrozenMap[str, StringMatch] = FrozenMap()


@frozen
class RouteMatchPlan:
    """What a request must look like. ``uri`` None means the prefix ``/``.

    ``headers`` may hold the pseudo headers ``:method``, ``:authority`` and ``:scheme``.
    """

    uri: StringMatch | None = None
    ignore_case: bool = False
    headers: FrozenMap[str, StringMatch] = NO_MATCHES
    without_headers: FrozenMap[str, StringMatch] = NO_MATCHES
    query_params: FrozenMap[str, StringMatch] = NO_MATCHES

    @property
    def is_catch_all(self) -> bool:
        """Whether every request is taken, so that nothing after it is ever reached."""
        anything = self.uri is None or self.uri.prefix == "/" or self.uri.regex in (".*", "*")
        return anything and not (self.headers or self.without_headers or self.query_params)


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
    """A retry policy as Envoy takes it; ``num_retries`` counts retries, not tries."""

    num_retries: int = 2
    retry_on: str = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
    retriable_status_codes: tuple[int, ...] = ()
    per_try_timeout: timedelta | None = None
    backoff: timedelta | None = None
    previous_hosts: bool = True
    remote_localities: bool = False


@frozen
class MirrorPlan:
    """Copies of ``percent`` (0 to 100) of the requests go to ``cluster``."""

    cluster: str
    percent: float = 100.0


@frozen
class ForwardPlan:
    """Forward to one cluster, or to several by weight (relative, all above 0). ``timeout`` 0 means none."""

    clusters: tuple[WeightedClusterPlan, ...]
    timeout: timedelta = timedelta(0)
    retry: RetryPlan | None = None
    prefix_rewrite: str = ""
    regex_rewrite: RegexRewrite | None = None
    host_rewrite: str = ""
    mirrors: tuple[MirrorPlan, ...] = ()
    max_stream_duration: bool = False
    """Inbound routes bound a gRPC call by its own ``grpc-timeout`` only (``max_stream_duration`` of 0)."""


@frozen
class RedirectPlan:
    """Answer with a redirect; ``path`` replaces the whole path, ``prefix`` the matched prefix."""

    code: int = 301
    host: str = ""
    path: str | None = None
    prefix: str | None = None
    scheme: str = ""
    port: int = 0


@frozen
class DirectResponsePlan:
    """Answer at once, with ``body`` when there is one."""

    status: int
    body: bytes = b""


@frozen
class RoutePlan:
    """One route. ``filters`` are its own settings for the HTTP filters, at most one for each.

    ``virtual_service`` feeds the route's metadata, ``decorator`` the operation name of traces.
    """

    match: RouteMatchPlan
    action: ForwardPlan | RedirectPlan | DirectResponsePlan
    name: str = ""
    request_headers: HeaderMutationPlan = NO_MUTATION
    response_headers: HeaderMutationPlan = NO_MUTATION
    filters: tuple[RouteFilterPlan, ...] = ()
    decorator: str = ""
    stat_prefix: str = ""
    virtual_service: ResourceKey | None = None


@frozen
class VirtualHostPlan:
    """Routes of a set of domains (lower case, unique in the route configuration)."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[RoutePlan, ...]
    require_tls: bool = False
    include_attempt_count: bool = True
    origins: tuple[ResourceKey, ...] = ()


@frozen
class RouteConfigPlan:
    """A route configuration; virtual hosts are sorted by name with the catch-all last.

    ``ignore_port`` lets a domain match whatever port the authority names.
    """

    name: str
    virtual_hosts: tuple[VirtualHostPlan, ...]
    ignore_port: bool = True

    @property
    def origins(self) -> tuple[ResourceKey, ...]:
        """The origins of all virtual hosts, without repetition."""
        return tuple(dict.fromkeys(origin for host in self.virtual_hosts for origin in host.origins))
