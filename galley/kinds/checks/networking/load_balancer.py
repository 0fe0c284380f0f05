"""Rules of load balancer settings: consistent hashing, localities, warm-up."""

from __future__ import annotations

from galley.kinds.checks.scalars import check_duration, check_header_name, check_not_negative, check_percent
from galley.kinds.networking.destination_rule import (
    ConsistentHashLb,
    HttpCookie,
    LoadBalancerSettings,
    LocalityLbSetting,
    Warmup,
)
from galley.text.nodes import at_key
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_LARGEST_TABLE = 5_000_011
_LARGEST_RING = 8 << 20
"""Envoy's own limit: it refuses a cluster with a larger one."""


def check_load_balancer(
    recorder: Recorder, path: str, balancer: LoadBalancerSettings, *, has_outlier_detection: bool
) -> None:
    """Settings that go together; failover works only where unhealthy endpoints are noticed."""
    if balancer.consistent_hash is not None:
        _check_consistent_hash(recorder, f"{path}.consistentHash", balancer.consistent_hash)
    if balancer.locality_lb_setting is not None:
        inner = f"{path}.localityLbSetting"
        check_locality(recorder, inner, balancer.locality_lb_setting, has_outlier_detection=has_outlier_detection)
        if balancer.zone_aware_lb_setting is not None:
            what = "is not possible together with localityLbSetting"
            recorder.error(f"{path}.zoneAwareLbSetting", "exclusive-fields", what)
    check_duration(recorder, f"{path}.warmupDurationSecs", balancer.warmup_duration_secs)
    if balancer.warmup is not None:
        _check_warmup(recorder, f"{path}.warmup", balancer.warmup)


def _check_consistent_hash(recorder: Recorder, path: str, consistent: ConsistentHashLb) -> None:
    keys = (
        consistent.http_header_name,
        consistent.http_cookie,
        consistent.use_source_ip or None,
        consistent.http_query_parameter_name,
    )
    if all(key is None for key in keys):
        hint = "give httpHeaderName, httpCookie, useSourceIp: true or httpQueryParameterName"
        recorder.warn(path, "missing-field", "does not say what to hash, so endpoints are chosen at random", hint)
    if consistent.http_header_name is not None:
        check_header_name(recorder, f"{path}.httpHeaderName", consistent.http_header_name)
    if consistent.http_query_parameter_name == "":
        recorder.error(f"{path}.httpQueryParameterName", "missing-field", "must not be empty")
    if consistent.http_cookie is not None:
        _check_cookie(recorder, f"{path}.httpCookie", consistent.http_cookie)
    _check_ring_size(recorder, f"{path}.minimumRingSize", consistent.minimum_ring_size)
    if consistent.ring_hash is not None:
        _check_ring_size(recorder, f"{path}.ringHash.minimumRingSize", consistent.ring_hash.minimum_ring_size)
    if consistent.minimum_ring_size and (consistent.ring_hash or consistent.maglev):
        what = "is not possible together with ringHash or maglev"
        recorder.error(f"{path}.minimumRingSize", "exclusive-fields", what, "write ringHash.minimumRingSize")
    if consistent.maglev is not None:
        size = consistent.maglev.table_size
        if not 0 < size <= _LARGEST_TABLE or not _is_prime(size):
            what = f"must be a prime number of at most {_LARGEST_TABLE:,}, not {size}"
            recorder.error(f"{path}.maglev.tableSize", "invalid-number", what, "such as 65537")


def _check_ring_size(recorder: Recorder, path: str, size: int) -> None:
    check_not_negative(recorder, path, size)
    if size > _LARGEST_RING:
        recorder.error(path, "invalid-number", f"must be at most {_LARGEST_RING:,}, not {size}")


def _check_cookie(recorder: Recorder, path: str, cookie: HttpCookie) -> None:
    if not cookie.name:
        recorder.error(f"{path}.name", "missing-field", "is required")
    check_duration(recorder, f"{path}.ttl", cookie.ttl, zero=True)
    seen: set[str] = set()
    for index, attribute in enumerate(cookie.attributes):
        inner = f"{path}.attributes[{index}].name"
        if not attribute.name:
            recorder.error(inner, "missing-field", "is required")
        elif attribute.name in seen:
            recorder.error(inner, "duplicate-name", f"{quoted(attribute.name)} is given twice")
        seen.add(attribute.name)


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def check_locality(recorder: Recorder, path: str, locality: LocalityLbSetting, *, has_outlier_detection: bool) -> None:
    """Either weights, each row summing to 100, or failover between regions."""
    if locality.distribute and (locality.failover or locality.failover_priority):
        recorder.error(f"{path}.distribute", "exclusive-fields", "is not possible together with failover")
    for index, row in enumerate(locality.distribute):
        inner = f"{path}.distribute[{index}].to"
        for target, weight in row.to.items():
            if not 1 <= weight <= 100:
                recorder.error(at_key(inner, target), "invalid-weight", f"must be from 1 to 100, not {weight}")
        if sum(row.to.values()) != 100:
            recorder.error(inner, "invalid-weight", f"has weights that sum to {sum(row.to.values())}, not to 100")
    for index, failover in enumerate(locality.failover):
        inner = f"{path}.failover[{index}]"
        for name, region in (("from", failover.from_region), ("to", failover.to_region)):
            if not region or "/" in region or "*" in region:
                recorder.error(f"{inner}.{name}", "invalid-locality", f"must be a region, not {quoted(region)}")
        if failover.from_region == failover.to_region:
            recorder.error(inner, "invalid-locality", "leads from a region to itself")
    if locality.failover and not has_outlier_detection:
        what = "needs outlierDetection: without it no endpoint counts as unhealthy"
        recorder.warn(f"{path}.failover", "ineffective-setting", what)


def _check_warmup(recorder: Recorder, path: str, warmup: Warmup) -> None:
    if warmup.duration is None:
        recorder.error(f"{path}.duration", "missing-field", "is required")
    check_duration(recorder, f"{path}.duration", warmup.duration)
    check_percent(recorder, f"{path}.minimumPercent", warmup.minimum_percent)
    if warmup.aggression is not None and warmup.aggression <= 0:
        recorder.error(f"{path}.aggression", "invalid-number", f"must be above 0, not {warmup.aggression:g}")
