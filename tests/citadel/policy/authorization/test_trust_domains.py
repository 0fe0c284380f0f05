from __future__ import annotations

import pytest

from citadel.policy.authorization.trust_domains import expand_principals, expand_trust_domains

OWN = ("td.example", "old.example")


@pytest.mark.parametrize(
    ("value", "expanded"),
    [
        ("td.example/ns/a/sa/b", ("td.example/ns/a/sa/b", "old.example/ns/a/sa/b")),
        ("old.example/ns/a/sa/b", ("td.example/ns/a/sa/b", "old.example/ns/a/sa/b")),
        ("cluster.local/ns/a/sa/b", ("td.example/ns/a/sa/b", "old.example/ns/a/sa/b")),
        ("other.example/ns/a/sa/b", ("other.example/ns/a/sa/b",)),
        ("td.*/ns/a/sa/b", ("td.example/ns/a/sa/b", "old.example/ns/a/sa/b")),
        ("*.example/ns/a/sa/b", ("*.example/ns/a/sa/b",)),
        ("*/ns/a/sa/b", ("*/ns/a/sa/b",)),
        ("td.example/ns/a", ("td.example/ns/a",)),
        ("*", ("*",)),
    ],
)
def test_a_principal_of_the_mesh_means_the_account_in_each_of_its_domains(
    value: str, expanded: tuple[str, ...]
) -> None:
    assert expand_principals([value], OWN) == expanded


def test_nothing_is_said_twice() -> None:
    assert expand_principals(["td.example/ns/a/sa/b", "cluster.local/ns/a/sa/b"], OWN) == (
        "td.example/ns/a/sa/b",
        "old.example/ns/a/sa/b",
    )


def test_a_trust_domain_of_the_mesh_stands_for_all_of_them() -> None:
    assert expand_trust_domains(["old.example", "other.example"], OWN) == (*OWN, "other.example")
    assert expand_trust_domains(["*"], OWN) == ("*",)


def test_where_no_domain_is_known_a_principal_stays_as_it_is() -> None:
    assert expand_principals(["cluster.local/ns/a/sa/b"], ()) == ("cluster.local/ns/a/sa/b",)
