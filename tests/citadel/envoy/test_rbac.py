"""The RBAC filters, as Envoy reads them."""

from __future__ import annotations

from typing import Any

import pytest

from citadel.access.rbac import (
    NEVER,
    AllOf,
    AnyOf,
    Anything,
    ClientAddress,
    Condition,
    DestinationAddress,
    DestinationPort,
    FilterMetadata,
    Header,
    Leaf,
    Not,
    Path,
    PathTemplate,
    PeerAddress,
    PeerIdentity,
    RbacAction,
    RbacPlan,
    RbacPolicy,
    RbacRules,
    ServerName,
    TextMatch,
    TextMatchKind,
)
from citadel.envoy.rbac import render_http_rbac, render_network_rbac
from envoycodec.encode import encode
from envoycodec.upb import to_json_dict
from galley.meta import ResourceKey

EXACT = TextMatch(TextMatchKind.EXACT, "a")
ORIGIN = ResourceKey("AuthorizationPolicy", "default", "policy")
ANYTHING = Anything()
TRUE = {"any": True}


def a_policy(permission: Condition = ANYTHING, principal: Condition = ANYTHING, name: str = "one") -> RbacPolicy:
    return RbacPolicy(name, (permission,), (principal,), ORIGIN)


def http(plan: RbacPlan) -> dict[str, Any]:
    return to_json_dict("envoy.extensions.filters.http.rbac.v3.RBAC", encode(render_http_rbac(plan)))


def network(plan: RbacPlan) -> dict[str, Any]:
    return to_json_dict("envoy.extensions.filters.network.rbac.v3.RBAC", encode(render_network_rbac(plan)))


def rendered(permission: Condition = ANYTHING, principal: Condition = ANYTHING) -> tuple[Any, Any]:
    """The permission and the principal of a single rule."""
    rules = RbacRules(RbacAction.DENY, (a_policy(permission, principal),))
    (policy,) = http(RbacPlan(rules=rules))["rules"]["policies"].values()
    ((asked,), (who,)) = policy["permissions"], policy["principals"]
    return asked, who


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Path(EXACT), {"urlPath": {"path": {"exact": "a"}}}),
        (DestinationPort(8080), {"destinationPort": 8080}),
        (DestinationAddress("10.1.2.3/8"), {"destinationIp": {"addressPrefix": "10.0.0.0", "prefixLen": 8}}),
        (ServerName(EXACT), {"requestedServerName": {"exact": "a"}}),
        (Header("x-a", EXACT), {"header": {"name": "x-a", "stringMatch": {"exact": "a"}}}),
    ],
)
def test_what_is_asked_for(condition: Leaf, expected: object) -> None:
    assert rendered(permission=condition)[0] == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (PeerAddress("10.0.0.7"), {"directRemoteIp": {"addressPrefix": "10.0.0.7", "prefixLen": 32}}),
        (ClientAddress("2001:db8::1"), {"remoteIp": {"addressPrefix": "2001:db8::1", "prefixLen": 128}}),
        (PeerIdentity(EXACT), {"authenticated": {"principalName": {"exact": "a"}}}),
        (Header("x-a", EXACT), {"header": {"name": "x-a", "stringMatch": {"exact": "a"}}}),
    ],
)
def test_who_asks(condition: Leaf, expected: object) -> None:
    assert rendered(principal=condition)[1] == expected


def test_a_path_template_is_an_extension() -> None:
    asked, _ = rendered(permission=PathTemplate("/a/*/**"))
    assert asked["uriTemplate"]["name"] == "uri-template"
    assert asked["uriTemplate"]["typedConfig"]["pathTemplate"] == "/a/*/**"


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (TextMatch(TextMatchKind.PREFIX, "a"), {"prefix": "a"}),
        (TextMatch(TextMatchKind.SUFFIX, "a"), {"suffix": "a"}),
        (TextMatch(TextMatchKind.REGEX, "a.*"), {"safeRegex": {"regex": "a.*"}}),
        (TextMatch(TextMatchKind.PRESENT), {"safeRegex": {"regex": ".+"}}),
        (TextMatch(TextMatchKind.EXACT, "a", ignore_case=True), {"exact": "a", "ignoreCase": True}),
    ],
)
def test_how_texts_are_compared(match: TextMatch, expected: object) -> None:
    assert rendered(permission=Path(match))[0] == {"urlPath": {"path": expected}}


def test_a_header_is_present_whatever_its_value() -> None:
    asked, _ = rendered(permission=Header("x-a", TextMatch(TextMatchKind.PRESENT)))
    assert asked == {"header": {"name": "x-a", "presentMatch": True}}


@pytest.mark.parametrize(
    ("lists", "single", "expected"),
    [
        (True, False, {"listMatch": {"oneOf": {"stringMatch": {"exact": "a"}}}}),
        (False, True, {"stringMatch": {"exact": "a"}}),
        (
            True,
            True,
            {
                "orMatch": {
                    "valueMatchers": [
                        {"listMatch": {"oneOf": {"stringMatch": {"exact": "a"}}}},
                        {"stringMatch": {"exact": "a"}},
                    ]
                }
            },
        ),
    ],
)
def test_claims_may_be_texts_or_lists(lists: bool, single: bool, expected: object) -> None:
    claim = FilterMetadata("jwt", ("payload", "role"), (EXACT,), lists=lists, single=single)
    wanted = {"filter": "jwt", "path": [{"key": "payload"}, {"key": "role"}], "value": expected}
    assert rendered(claim, claim) == ({"metadata": wanted}, {"metadata": wanted})


def test_conditions_are_composed_alike_on_both_sides() -> None:
    asked, who = rendered(
        AllOf((Anything(), Not(AnyOf((DestinationPort(1), DestinationPort(2)))))),
        AllOf((Anything(), Not(AnyOf((PeerIdentity(EXACT), Anything()))))),
    )
    ports = [{"destinationPort": 1}, {"destinationPort": 2}]
    assert asked == {"andRules": {"rules": [TRUE, {"notRule": {"orRules": {"rules": ports}}}]}}
    names = [{"authenticated": {"principalName": {"exact": "a"}}}, TRUE]
    assert who == {"andIds": {"ids": [TRUE, {"notId": {"orIds": {"ids": names}}}]}}


def test_never_is_a_rule_that_is_there_and_matches_nothing() -> None:
    assert rendered(NEVER, NEVER) == ({"notRule": TRUE}, {"notId": TRUE})


@pytest.mark.parametrize("action", list(RbacAction))
def test_rules_are_enforced_by_their_action(action: RbacAction) -> None:
    rules = http(RbacPlan(rules=RbacRules(action, (a_policy(name="one"), a_policy(name="two")))))["rules"]
    assert rules.get("action", "ALLOW") == action  # ALLOW is the default, which JSON leaves out
    assert set(rules["policies"]) == {"one", "two"}


def test_allow_without_rules_is_not_the_absence_of_rules() -> None:
    """Envoy admits nobody by the first and everybody by the second."""
    assert "rules" in http(RbacPlan(rules=RbacRules(RbacAction.ALLOW, ())))
    assert "rules" not in http(RbacPlan())


def test_what_is_only_noted_is_not_enforced() -> None:
    plan = RbacPlan(shadow_rules=RbacRules(RbacAction.DENY, (a_policy(),)), shadow_prefix="dry_")
    for filter_config in (http(plan), network(plan)):
        assert "rules" not in filter_config
        assert filter_config["shadowRules"]["action"] == "DENY"
        assert filter_config["shadowRulesStatPrefix"] == "dry_"


def test_opaque_connections_are_counted_apart() -> None:
    plan = RbacPlan(rules=RbacRules(RbacAction.DENY, (a_policy(DestinationPort(1)),)))
    assert network(plan)["statPrefix"] == "tcp."
    assert network(plan)["rules"] == http(plan)["rules"]
