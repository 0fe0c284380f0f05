import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.hosts.wildcards import HostIndex, common_host, first_overlaps, hosts_match, index_hosts, is_subset

names = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(".".join)
hosts = st.one_of(names, names.map("*.{}".format), names.map("*{}".format), st.just("*"))


@pytest.mark.parametrize(
    ("host", "of", "expected"),
    [
        ("a.com", "a.com", True),
        ("a.com", "b.com", False),
        ("www.a.com", "*.a.com", True),
        ("a.com", "*.a.com", False),
        ("www.a.com", "*", True),
        ("*.a.com", "*", True),
        ("*.a.com", "*.a.com", True),
        ("*.b.a.com", "*.a.com", True),
        ("*.a.com", "*.b.a.com", False),
        ("*.a.com", "www.a.com", False),
        ("*", "*.com", False),
        ("eu-a.com", "*-a.com", True),
        ("10.0.0.1", "*", True),
        ("fd00::1", "*", True),
        ("fd00::1", "fd00::1", True),
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
    index = HostIndex({"x.a.com": 1, "*.a.com": 2, "*.com": 3, "*": 4})
    assert [index.closest(host) for host in ("x.a.com", "y.a.com", "y.b.com", "org", "*.a.com", "*.b.a.com")] == [
        "x.a.com",
        "*.a.com",
        "*.com",
        "*",
        "*.a.com",
        "*.a.com",
    ]
    assert index.find("y.a.com") == 2
    assert list(index.find_all("x.a.com")) == [1, 2, 3, 4]
    assert HostIndex({"*.com": 1}).find("org") is None


@given(hosts, hosts, hosts)
def test_containment_is_an_order(one: str, two: str, three: str) -> None:
    assert is_subset(one, of=one)
    assert is_subset(one, of="*")
    if is_subset(one, of=two) and is_subset(two, of=one):
        assert one == two
    if is_subset(one, of=two) and is_subset(two, of=three):
        assert is_subset(one, of=three)


@given(hosts, hosts)
def test_what_is_common_is_within_both(one: str, other: str) -> None:
    common = common_host(one, other)
    assert (common is not None) == hosts_match(one, other)
    assert common is None or (is_subset(common, of=one) and is_subset(common, of=other))


@given(hosts, st.sets(hosts))
def test_an_index_finds_what_contains_a_host_and_the_narrowest_first(host: str, indexed: set[str]) -> None:
    found = list(index_hosts(indexed).containing(host))
    assert sorted(found) == sorted(one for one in indexed if is_subset(host, of=one))
    assert all(is_subset(narrow, of=wide) for narrow, wide in itertools.pairwise(found))


@given(st.lists(hosts, max_size=8))
def test_the_first_overlap_is_that_of_all_pairs(several: list[str]) -> None:
    """What is found by suffixes is what comparing every pair finds."""
    expected = [
        next((first for first in range(index) if hosts_match(several[first], host)), None)
        for index, host in enumerate(several)
    ]
    assert list(first_overlaps(several)) == expected
