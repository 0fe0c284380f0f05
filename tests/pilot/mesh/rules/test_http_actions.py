from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from galley.frozen import FrozenMap
from galley.kinds.http import (
    Abort,
    CorsPolicy,
    Delay,
    HeaderOperations,
    Headers,
    HttpBody,
    HttpDirectResponse,
    HttpFaultInjection,
    HttpRedirect,
    HttpRetry,
    RedirectPortSelection,
    UnmatchedPreflights,
)
from galley.kinds.values import Percent, StringMatch
from galley.meta import NO_LABELS
from pilot.ir.http_filters import RouteCorsPlan, RouteFaultPlan
from pilot.ir.route import HeaderMutationPlan, RedirectPlan, RetryPlan
from pilot.mesh.rules.http_actions import (
    NO_CHANGES,
    plan_cors,
    plan_direct_response,
    plan_fault,
    plan_headers,
    plan_redirect,
    plan_retry,
)

SECOND = timedelta(seconds=1)


def operations(
    set: Mapping[str, str] = NO_LABELS, add: Mapping[str, str] = NO_LABELS, remove: tuple[str, ...] = ()
) -> HeaderOperations:
    return HeaderOperations(set=FrozenMap(set), add=FrozenMap(add), remove=remove)


def retry(rule: HttpRetry | None, default: HttpRetry | None = None) -> RetryPlan:
    plan = plan_retry(rule, default)
    assert plan is not None
    return plan


def fault(**kinds: Any) -> RouteFaultPlan:
    plan = plan_fault(HttpFaultInjection(**kinds))
    assert plan is not None
    return plan


def test_headers_are_sorted_and_keep_their_kind() -> None:
    request = operations(set={"b": "2", "a": "1"}, add={"c": "3"}, remove=("z", "y"))
    planned = plan_headers(Headers(request=request))
    assert planned.request == HeaderMutationPlan(set=(("a", "1"), ("b", "2")), add=(("c", "3"),), remove=("y", "z"))
    assert planned.authority == ""
    assert plan_headers(None) is NO_CHANGES


@pytest.mark.parametrize("name", ["Host", "host", ":authority"])
def test_setting_the_host_becomes_a_rewrite(name: str) -> None:
    planned = plan_headers(Headers(request=operations(set={name: "a.com"}, add={"host": "b.com"})))
    assert planned.authority == "a.com"
    assert planned.request == HeaderMutationPlan()


def test_adding_the_host_counts_where_it_is_not_set() -> None:
    assert plan_headers(Headers(request=operations(add={"Host": "b.com"}))).authority == "b.com"


def test_other_pseudo_headers_and_their_removal_are_dropped() -> None:
    changes = operations(set={":path": "/x", "a": "1"}, remove=(":method", "host", "b"))
    planned = plan_headers(Headers(request=changes, response=operations(set={":status": "200"})))
    assert planned.request == HeaderMutationPlan(set=(("a", "1"),), remove=("b",))
    assert planned.response == HeaderMutationPlan()


def test_retries_unset_are_the_built_in_policy_without_status_codes() -> None:
    plan = retry(None)
    assert plan == RetryPlan()
    assert plan.num_retries == 2
    assert plan.retry_on == "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
    assert plan.retriable_status_codes == ()


def test_the_mesh_default_counts_where_the_rule_says_nothing() -> None:
    default = HttpRetry(attempts=5, retry_on="5xx")
    assert retry(None, default).num_retries == 5
    assert plan_retry(HttpRetry(attempts=1), default) == RetryPlan(num_retries=1)


def test_zero_attempts_switch_retries_off() -> None:
    assert plan_retry(HttpRetry(), None) is None
    assert plan_retry(None, HttpRetry(attempts=0)) is None


def test_status_codes_in_retry_on_are_moved_and_their_token_added() -> None:
    plan = retry(HttpRetry(attempts=3, per_try_timeout=SECOND, retry_on="503, gateway-error,429"), None)
    assert plan.retry_on == "gateway-error,retriable-status-codes"
    assert plan.retriable_status_codes == (503, 429)
    assert plan.per_try_timeout == SECOND
    listed = retry(HttpRetry(attempts=1, retry_on="retriable-status-codes,503"), None)
    assert listed.retry_on == "retriable-status-codes"


def test_retry_options() -> None:
    retries = HttpRetry(attempts=1, retry_remote_localities=True, retry_ignore_previous_hosts=False, backoff=SECOND)
    plan = retry(retries)
    assert (plan.remote_localities, plan.previous_hosts, plan.backoff) == (True, False, SECOND)
    assert retry(HttpRetry(attempts=1, retry_ignore_previous_hosts=True)).previous_hosts


def test_delay_and_abort_with_percentages() -> None:
    planned = fault(
        delay=Delay(fixed_delay=7 * SECOND, percentage=Percent(value=0.1)),
        abort=Abort(http_status=555, percentage=Percent(value=100)),
    )
    expected = RouteFaultPlan(delay=7 * SECOND, delay_percent=0.1, abort_http_status=555, abort_percent=100.0)
    assert planned == expected


def test_missing_percentages() -> None:
    assert fault(delay=Delay(fixed_delay=SECOND, percent=30)).delay_percent == 30.0
    assert fault(delay=Delay(fixed_delay=SECOND)).delay_percent == 0.0
    assert fault(abort=Abort(http_status=500)).abort_percent == 0.0


def test_grpc_status_by_name_and_faults_that_do_nothing() -> None:
    assert fault(abort=Abort(grpc_status="UNAVAILABLE", percentage=Percent(value=1))).abort_grpc_status == 14
    assert fault(abort=Abort(http_status=500, grpc_status="UNAVAILABLE")) == RouteFaultPlan(abort_grpc_status=14)
    assert plan_fault(None) is None
    assert plan_fault(HttpFaultInjection(delay=Delay(exponential_delay=SECOND))) is None
    assert plan_fault(HttpFaultInjection(abort=Abort(http2_error="X"))) is None


def planned_redirect(**fields: Any) -> RedirectPlan | None:
    return plan_redirect(HttpRedirect(**fields), listener_port=8080)


def redirect(**fields: Any) -> RedirectPlan:
    plan = planned_redirect(**fields)
    assert plan is not None
    return plan


def test_redirect_codes() -> None:
    assert redirect().code == 301
    assert redirect(redirect_code=308).code == 308
    assert planned_redirect(redirect_code=304) is None


def test_redirect_path_and_prefix() -> None:
    assert redirect(uri="/v2").path == "/v2"
    assert redirect(uri="").path == ""
    assert redirect().path is None
    both = redirect(uri="/v2", prefix_rewrite="/v3")
    assert (both.path, both.prefix) == (None, "/v3")


@pytest.mark.parametrize(
    ("fields", "port"),
    [
        ({}, 0),
        ({"port": 8443}, 8443),
        ({"port": 443, "scheme": "https"}, 0),
        ({"port": 80, "scheme": "http"}, 0),
        ({"port": 80, "scheme": "https"}, 80),
        ({"derive_port": RedirectPortSelection.FROM_REQUEST_PORT}, 8080),
        ({"derive_port": RedirectPortSelection.FROM_PROTOCOL_DEFAULT}, 0),
    ],
)
def test_redirect_ports(fields: dict[str, Any], port: int) -> None:
    assert redirect(**fields).port == port


def test_direct_responses() -> None:
    assert plan_direct_response(HttpDirectResponse(status=503)).body == b""
    assert plan_direct_response(HttpDirectResponse(status=200, body=HttpBody(string="é"))).body == "é".encode()
    assert plan_direct_response(HttpDirectResponse(status=200, body=HttpBody(bytes="AAE="))).body == b"\x00\x01"
    assert plan_direct_response(HttpDirectResponse(status=200, body=HttpBody(bytes="%"))).body == b""


def test_a_cors_policy_has_one_list_of_origins() -> None:
    assert plan_cors(None) is None
    origins = (StringMatch(prefix="https://"),)
    deprecated = CorsPolicy(allow_origin=("https://a",), unmatched_preflights=UnmatchedPreflights.IGNORE)
    assert plan_cors(deprecated) == RouteCorsPlan(
        allow_origins=(StringMatch(exact="https://a"),), forward_unmatched=False
    )
    both = plan_cors(replace(deprecated, allow_origins=origins))
    assert both is not None
    assert both.allow_origins == origins
