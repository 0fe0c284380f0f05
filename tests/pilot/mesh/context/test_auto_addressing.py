"""Which proxies see automatic addresses, and what they plan from them."""

from __future__ import annotations

from pilot.memo import Memo
from pilot.mesh.context.auto_addressing import AddressFamilies, give_addresses
from pilot.mesh.context.visibility import index_services
from pilot.mesh.outbound.listeners import plan_outbound_listeners
from tests.builders import a_context, a_manifest, a_scope, a_service, a_service_entry
from tests.builders_traffic import a_listener_scope, ends_of, listeners, route_configs

DATABASES = (a_manifest("orders", port=5432, port_name="tcp"), a_manifest("users", port=5432, port_name="tcp"))
NAMED = a_scope(auto_addresses=True)


def test_families_choose_the_addresses() -> None:
    def versions(families: AddressFamilies) -> list[int]:
        (service,) = give_addresses(index_services([a_service()]), families).ordered
        return [6 if ":" in address else 4 for address in service.addresses]

    assert versions(AddressFamilies(ipv4=True, ipv6=False)) == [4]
    assert versions(AddressFamilies(ipv4=False, ipv6=True)) == [6]
    assert versions(AddressFamilies(ipv4=True, ipv6=True)) == [4, 6]


def test_a_service_with_an_address_keeps_it_and_stays_the_same_object() -> None:
    service = a_service(addresses=("10.0.0.1",))
    (kept,) = give_addresses(index_services([service]), AddressFamilies(ipv4=True, ipv6=True)).ordered
    assert kept is service


def test_two_tcp_services_on_one_port_have_listeners_of_their_own() -> None:
    context = a_context(*DATABASES)
    ends = [ends_of(found) for found in listeners(context, a_listener_scope(NAMED)).values()]
    for name in ("orders", "users"):
        assert [f"outbound|5432||{name}.default.svc.cluster.local"] in ends


def test_without_captured_names_they_share_the_port() -> None:
    assert [name for name in listeners(a_context(*DATABASES)) if name.endswith("_5432")] == ["0.0.0.0_5432"]


def test_requests_for_the_address_are_for_the_service() -> None:
    (address,) = a_context(a_manifest()).visible_services(NAMED).services[0].addresses
    (host, _) = route_configs(a_context(a_manifest()), NAMED)["9080"].virtual_hosts
    assert address in host.domains
    assert address.startswith("240.240.")


def test_what_one_scope_sees_is_worked_out_once_and_kept() -> None:
    context = a_context(*DATABASES)
    seen = context.visible_services(NAMED)
    assert context.visible_services(NAMED) is seen
    assert context.visible_services(a_scope()) is not seen
    later = a_context(*DATABASES, a_service_entry("new.example"), previous=context)
    before = {service.hostname: service for service in seen.services}
    after = {service.hostname: service for service in later.visible_services(NAMED).services}
    assert all(after[hostname] is service for hostname, service in before.items())


def test_a_new_service_plans_no_other_again() -> None:
    memo = Memo()
    context = a_context(*DATABASES)
    plan_outbound_listeners(context, a_listener_scope(NAMED), memo)
    later = a_context(*DATABASES, a_manifest("more", port=6000, port_name="tcp"), previous=context)
    known = memo.misses
    plan_outbound_listeners(later, a_listener_scope(NAMED), memo)
    assert memo.misses - known <= 4  # the service's wishes and listener, and the index of rules
