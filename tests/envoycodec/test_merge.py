"""Merging as Istio does it: what is appended, what is replaced, what is merged inside."""

from __future__ import annotations

from typing import Any

from envoycodec.merge import merge, merge_any
from envoycodec.upb import decode_upb, parse_json, to_json_dict

CLUSTER = "envoy.config.cluster.v3.Cluster"


def cluster(**fields: Any) -> Any:
    return decode_upb(CLUSTER, parse_json(CLUSTER, fields))


def shown(message: Any) -> dict[str, Any]:
    return to_json_dict(CLUSTER, message.SerializeToString())


def test_durations_and_wrapped_numbers_are_replaced() -> None:
    target = cluster(connect_timeout="1.5s", per_connection_buffer_limit_bytes=7)
    merge(target, cluster(connect_timeout="2s", per_connection_buffer_limit_bytes=0))
    assert shown(target) == {"connectTimeout": "2s", "perConnectionBufferLimitBytes": 0}


def test_messages_are_merged_and_lists_appended_to() -> None:
    target = cluster(circuit_breakers={"thresholds": [{"maxRequests": 1}]}, name="a")
    merge(target, cluster(circuit_breakers={"thresholds": [{"maxRequests": 2}]}))
    assert shown(target) == {
        "name": "a",
        "circuitBreakers": {"thresholds": [{"maxRequests": 1}, {"maxRequests": 2}]},
    }


def test_lists_are_replaced_where_that_is_asked_for() -> None:
    target = cluster(circuit_breakers={"thresholds": [{"maxRequests": 1}]}, name="a")
    merge(target, cluster(circuit_breakers={"thresholds": [{"maxRequests": 2}]}), replace_lists=True)
    assert shown(target)["circuitBreakers"] == {"thresholds": [{"maxRequests": 2}]}


def test_an_empty_message_that_is_set_stays_set() -> None:
    target = cluster()
    merge(target, cluster(round_robin_lb_config={}))
    assert shown(target) == {"roundRobinLbConfig": {}}


def test_an_any_is_merged_inside_only_with_one_of_its_type() -> None:
    def buffer(size: int, name: str = "buffer.v3.Buffer") -> Any:
        kind = "google.protobuf.Any"
        url = f"type.googleapis.com/envoy.extensions.filters.http.{name}"
        return decode_upb(kind, parse_json(kind, {"@type": url, **({"maxRequestBytes": size} if size else {})}))

    target = buffer(1)
    assert merge_any(target, buffer(2))
    assert target == buffer(2)
    assert not merge_any(target, buffer(0, "cors.v3.Cors"))
    assert target == buffer(2)
