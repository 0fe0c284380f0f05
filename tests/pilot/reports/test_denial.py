"""What Envoys say of denials, and how many are remembered."""

from __future__ import annotations

from typing import Any

import pytest

from envoycodec.access_log import LogEntry
from galley.meta import ResourceKey
from pilot.reports.denial import DecidedBy, Denials, read_denial


def an_entry(details: str, **more: Any) -> LogEntry:
    texts = dict.fromkeys(("method", "authority", "path", "principal", "peer", "client", "request_id"), "")
    return LogEntry(**{"time": 1.0, "code": 403, **texts, "details": details, **more})


@pytest.mark.parametrize(
    ("details", "decided_by", "policy", "rule", "why"),
    [
        ("rbac_access_denied_matched_policy[ns[a]-policy[b]-rule[2]]", DecidedBy.RULE, "a/b", 2, ""),
        ("rbac_access_denied_matched_policy[ns[a]-policy[b-rule[9]]-rule[0]]", DecidedBy.RULE, "a/b-rule[9]", 0, ""),
        ("rbac_access_denied_matched_policy[none]", DecidedBy.NO_RULE, "", None, ""),
        (
            "rbac_access_denied_matched_policy"
            "[istio-ext-authz-ask-ns[a]-policy[b]-rule[0]-deny-due-to-bad-CUSTOM-action]",
            DecidedBy.SERVER,
            "a/b",
            0,
            "it cannot be asked",
        ),
        ("jwt_authn_access_denied{Jwt_is_expired}", DecidedBy.TOKEN, "", None, "Jwt is expired"),
        (
            "jwt_authn_access_denied{Jwks_doesn't_have_key_to_match_kid",
            DecidedBy.TOKEN,
            "",
            None,
            "Jwks doesn't have key to match kid",
        ),
        ("ext_authz_denied", DecidedBy.SERVER, "", None, ""),
        ("ext_authz_error", DecidedBy.SERVER, "", None, "error"),
    ],
)
def test_envoys_words_tell_who_decided(
    details: str, decided_by: DecidedBy, policy: str, rule: int | None, why: str
) -> None:
    denial = read_denial(1, "p", an_entry(details))
    assert denial is not None
    assert (denial.decided_by, denial.rule, denial.why) == (decided_by, rule, why)
    namespace, _, name = policy.partition("/")
    assert denial.policy == (ResourceKey("AuthorizationPolicy", namespace, name) if policy else None)


@pytest.mark.parametrize(
    "details", ["", "via_upstream", "route_not_found", "x_rbac_access_denied_matched_policy[none]"]
)
def test_anything_else_is_no_denial(details: str) -> None:
    assert read_denial(1, "p", an_entry(details)) is None


def test_the_last_are_remembered_and_all_are_counted() -> None:
    denials = Denials(most=3)
    denials.add("p", [an_entry("ext_authz_denied", path=f"/{number}") for number in range(5)])
    denials.add("p", [an_entry("via_upstream")])
    assert denials.count == 5
    assert [(one.number, one.entry.path) for one in denials.since(0, 10)] == [(3, "/2"), (4, "/3"), (5, "/4")]
    assert [one.number for one in denials.since(3, 1)] == [4]
    assert not list(denials.since(5, 10))


def test_what_clients_choose_is_bounded_and_obeyed_by_no_terminal() -> None:
    denials = Denials()
    denials.add("p", [an_entry("ext_authz_denied", path="/\x1b[2J" + "a" * 100_000, principal="x\ny")])
    (denial,) = denials.since(0, 1)
    assert len(denial.entry.path) < 600
    assert denial.entry.path.isprintable()
    assert denial.entry.principal.isprintable()
