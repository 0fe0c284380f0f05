import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.hosts.names import DEFAULT_DOMAIN, is_ip, resolve_gateway, resolve_host, service_host
from galley.kinds.checks.scalars import wrong_with_host

labels = st.from_regex(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,8}[a-zA-Z0-9])?", fullmatch=True)
dotted = st.lists(labels, min_size=2, max_size=4).map(".".join)
wildcards = st.one_of(st.just("*"), labels.map("*.{}".format), dotted.map("*.{}".format))
addresses = st.one_of(
    st.ip_addresses().map(str), st.ip_addresses(v=6).map(lambda ip: ip.exploded), st.ip_addresses(v=6).map(str)
)


@pytest.mark.parametrize(
    ("host", "full"),
    [
        ("reviews", "reviews.shop.svc.mesh.example"),
        ("Reviews", "reviews.shop.svc.mesh.example"),
        ("reviews.prod", "reviews.prod"),
        ("WWW.Example.com", "www.example.com"),
        ("*", "*"),
        ("*.Example.com", "*.example.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("fd00::1", "fd00::1"),
        ("FD00::1", "fd00::1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("", ""),
    ],
)
def test_only_names_without_a_dot_are_completed(host: str, full: str) -> None:
    assert resolve_host(host, "Shop", "mesh.example") == full


@given(labels, labels)
def test_a_short_name_is_the_service_of_that_name_in_the_namespace_of_the_rule(name: str, namespace: str) -> None:
    full = resolve_host(name, namespace, DEFAULT_DOMAIN)
    assert full == service_host(name, namespace, DEFAULT_DOMAIN)
    assert full == f"{name}.{namespace}.svc.cluster.local".lower()


@given(st.one_of(dotted, wildcards, addresses), labels)
def test_all_else_is_taken_literally(host: str, namespace: str) -> None:
    assert resolve_host(host, namespace, DEFAULT_DOMAIN) == host.lower()


@given(st.one_of(labels, dotted, wildcards, addresses), labels)
def test_what_is_resolved_stays_as_it_is(host: str, namespace: str) -> None:
    full = resolve_host(host, namespace, DEFAULT_DOMAIN)
    assert resolve_host(full, "other", "other.domain") == full


@given(st.ip_addresses())
def test_addresses_of_both_families_are_known(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert is_ip(str(address))
    assert not is_ip(f"[{address}]")
    assert not is_ip(f"{address}/32")
    assert wrong_with_host(f"[{address}]"), "brackets are refused, so that nobody completes them"


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("mesh", "mesh"),
        ("edge", "shop/edge"),
        ("./edge", "shop/edge"),
        ("./mesh", "shop/mesh"),
        ("infra/edge", "infra/edge"),
        ("edge.infra", "infra/edge"),
        ("edge.infra.svc.cluster.local", "infra/edge"),
    ],
)
def test_gateways_have_a_namespace(reference: str, full: str) -> None:
    assert resolve_gateway(reference, "shop") == full
    assert resolve_gateway(full, "other") == full
