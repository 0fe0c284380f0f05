"""Plans as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml

from galley.frozen import FrozenMap
from galley.kinds.values import StringMatch
from galley.meta import ResourceKey
from pilot.ir.cluster import ClusterPlan, DiscoveryType
from pilot.ir.plan_yaml import plan_yaml
from pilot.ir.route import DirectResponsePlan, RouteMatchPlan, RoutePlan


def test_a_plan_is_told_by_its_type_and_by_what_is_not_as_by_default() -> None:
    rule = ResourceKey(kind="DestinationRule", namespace="default", name="reviews")
    plan = ClusterPlan(
        name="a", discovery=DiscoveryType.EDS, connect_timeout=timedelta(milliseconds=1500), destination_rule=rule
    )
    assert plan_yaml({"clusters": [plan]}) == (
        "clusters:\n"
        "- !ClusterPlan\n"
        "  name: a\n"
        "  discovery: EDS\n"
        "  connect_timeout: 1.5s\n"
        "  destination_rule: DestinationRule default/reviews\n"
    )


def test_plans_within_plans() -> None:
    match = RouteMatchPlan(headers=FrozenMap({"b": StringMatch(exact="1"), "a": StringMatch(prefix="2")}))
    assert plan_yaml(RoutePlan(match=match, action=DirectResponsePlan(status=418, body=b"short"))) == (
        "!RoutePlan\n"
        "match: !RouteMatchPlan\n"
        "  headers:\n"
        "    a: !StringMatch\n"
        "      prefix: '2'\n"
        "    b: !StringMatch\n"
        "      exact: '1'\n"
        "action: !DirectResponsePlan\n"
        "  status: 418\n"
        "  body: short\n"
    )


def test_a_value_that_occurs_twice_is_written_twice() -> None:
    match = StringMatch(exact="x")
    assert plan_yaml([match, match]) == "- !StringMatch\n  exact: x\n" * 2


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        plan_yaml([object()])
