"""Endpoints that know their cluster."""

from __future__ import annotations

from pilot.xds.pairing import keep_paired, pair_endpoint, pair_endpoints
from pilot.xds.resources import CLUSTER, ENDPOINT
from tests.pilot.xds.dialogue import resource, resources


def test_the_version_of_a_paired_endpoint_follows_its_cluster_and_its_bytes_do_not() -> None:
    endpoints, clusters = resources(ENDPOINT, {"a": "1", "alone": "1"}), resources(CLUSTER, {"a": "7"})
    paired = pair_endpoints(endpoints, clusters)
    assert [(r.name, r.version, r.any) for r in paired] == [("a", "1@7", b"1"), ("alone", "1", b"1")]
    assert pair_endpoints(endpoints, resources(CLUSTER, {"a": "7", "inbound": "1"})) is paired


def test_a_paired_endpoint_is_paired_anew() -> None:
    once = pair_endpoint(resource("a", "1"), resource("a", "7"))
    assert pair_endpoint(once, resource("a", "8")).version == "1@8"


def test_endpoints_kept_for_another_version_of_their_cluster_do_not_count() -> None:
    kept = resources(ENDPOINT, {"a": "1@7", "b": "1@7", "alone": "1"})
    assert set(keep_paired(kept, resources(CLUSTER, {"a": "7", "b": "8"})).names()) == {"a", "alone"}
