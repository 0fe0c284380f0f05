import pytest

from galley.hosts.scoped import ScopedHost, read_egress_hosts, scope_host


@pytest.mark.parametrize(
    ("text", "scoped"),
    [
        ("A.com", ScopedHost("*", "a.com")),
        ("*/*.a.com", ScopedHost("*", "*.a.com")),
        ("./*", ScopedHost("shop", "*")),
        ("prod/a.com", ScopedHost("prod", "a.com")),
    ],
)
def test_hosts_are_for_one_namespace_or_for_all(text: str, scoped: ScopedHost) -> None:
    assert scope_host(text, "shop") == scoped


def test_egress_hosts_name_what_is_imported_and_what_is_not() -> None:
    hosts = read_egress_hosts(("./*", "*/A.com", "~/*", "~prod/*.b.com"), "shop")
    assert hosts.imported == (ScopedHost("shop", "*"), ScopedHost("*", "a.com"))
    assert hosts.excluded == (ScopedHost("prod", "*.b.com"),)


def test_services_are_imported_that_are_within_an_entry() -> None:
    hosts = read_egress_hosts(("shop/*.a.com", "*/b.com", "~prod/b.com"), "default")
    assert hosts.imports_service("shop", "x.a.com")
    assert hosts.imports_service("shop", "*.x.a.com")
    assert not hosts.imports_service("shop", "*.com")
    assert not hosts.imports_service("default", "x.a.com")
    assert hosts.imports_service("default", "b.com")
    assert not hosts.imports_service("prod", "b.com")


def test_rules_are_imported_that_have_something_in_common_with_an_entry() -> None:
    hosts = read_egress_hosts(("shop/www.a.com",), "default")
    assert hosts.imports_rule("shop", ("x.com", "*.a.com"))
    assert not hosts.imports_rule("shop", ("x.com",))
    assert not hosts.imports_rule("default", ("*.a.com",))
