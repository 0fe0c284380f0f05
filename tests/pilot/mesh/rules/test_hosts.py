import pytest

from pilot.mesh.rules.hosts import by_specificity, common_host, hosts_match, is_subset, most_specific


@pytest.mark.parametrize(
    ("host", "of", "expected"),
    [
        ("a.com", "a.com", True),
        ("a.com", "b.com", False),
        ("www.a.com", "*.a.com", True),
        ("a.com", "*.a.com", False),
        ("www.a.com", "*", True),
        ("*.a.com", "*", True),
        ("*.b.a.com", "*.a.com", True),
        ("*.a.com", "*.b.a.com", False),
        ("*.a.com", "www.a.com", False),
        ("*", "*.com", False),
    ],
)
def test_subset(host: str, of: str, expected: bool) -> None:
    assert is_subset(host, of=of) is expected


def test_hosts_match_when_either_contains_the_other() -> None:
    assert hosts_match("*.a.com", "www.a.com")
    assert hosts_match("www.a.com", "*.a.com")
    assert not hosts_match("*.a.com", "*.b.com")


def test_what_two_hosts_have_in_common_is_the_narrower_one() -> None:
    assert common_host("*", "a.com") == "a.com"
    assert common_host("www.a.com", "*.a.com") == "www.a.com"
    assert common_host("a.com", "b.com") is None


def test_an_exact_name_is_more_specific_than_a_longer_wildcard_than_a_shorter() -> None:
    wildcards = by_specificity(["*", "*.com", "*.a.com"])
    assert wildcards == ("*.a.com", "*.com", "*")
    named = {"x.a.com", *wildcards}
    assert most_specific("x.a.com", named, wildcards) == "x.a.com"
    assert most_specific("y.a.com", named, wildcards) == "*.a.com"
    assert most_specific("y.b.com", named, wildcards) == "*.com"
    assert most_specific("org", named, ("*.com",)) is None
