"""Retry policies."""

from __future__ import annotations

from functools import cache

from envoy_data_plane.envoy.config.route.v3 import (
    RetryPolicy,
    RetryPolicyRetryBackOff,
    RetryPolicyRetryHostPredicate,
    RetryPolicyRetryPriority,
)
from envoy_data_plane.envoy.extensions.retry.host.previous_hosts.v3 import PreviousHostsPredicate
from envoy_data_plane.envoy.extensions.retry.priority.previous_priorities.v3 import PreviousPrioritiesConfig

from envoycodec.construct import maker
from envoycodec.encode import pack
from pilot.ir.route import RetryPlan

_retry_policy = maker(RetryPolicy)
_back_off = maker(RetryPolicyRetryBackOff)
_host_predicate = maker(RetryPolicyRetryHostPredicate)
_retry_priority = maker(RetryPolicyRetryPriority)
_previous_hosts_predicate = maker(PreviousHostsPredicate)
_previous_priorities_config = maker(PreviousPrioritiesConfig)

_HOST_SELECTION_ATTEMPTS = 5  # Istio's
_PRIORITY_UPDATE_FREQUENCY = 2  # Istio's


def render_retry(plan: RetryPlan | None) -> RetryPolicy | None:
    """The retry policy; none for no retries."""
    if plan is None or plan.num_retries == 0:
        return None
    return _retry_policy(
        retry_on=plan.retry_on,
        num_retries=plan.num_retries,
        retriable_status_codes=list(plan.retriable_status_codes),
        per_try_timeout=plan.per_try_timeout,
        retry_back_off=_back_off(base_interval=plan.backoff) if plan.backoff else None,
        retry_host_predicate=[_previous_hosts()] if plan.previous_hosts else [],
        host_selection_retry_max_attempts=_HOST_SELECTION_ATTEMPTS,
        retry_priority=_previous_priorities() if plan.remote_localities else None,
    )


@cache
def _previous_hosts() -> RetryPolicyRetryHostPredicate:
    return _host_predicate(
        name="envoy.retry_host_predicates.previous_hosts", typed_config=pack(_previous_hosts_predicate())
    )


@cache
def _previous_priorities() -> RetryPolicyRetryPriority:
    config = _previous_priorities_config(update_frequency=_PRIORITY_UPDATE_FREQUENCY)
    return _retry_priority(name="envoy.retry_priorities.previous_priorities", typed_config=pack(config))
