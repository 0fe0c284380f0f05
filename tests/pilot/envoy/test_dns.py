"""The DNS listener as Envoy reads it. What Envoy makes of it is shown with the golden case and end to end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from pilot.envoy.encoded import RenderCache
from pilot.ir.listener import DnsListenerPlan, DnsNamePlan
from tests.envoy_validate import to_json

TTL = timedelta(seconds=30)
PLAN = DnsListenerPlan(
    name="dns",
    addresses=("127.0.0.1", "::1"),
    port=15053,
    names=(
        DnsNamePlan("a.example", ("240.240.0.1",), TTL),
        DnsNamePlan("b.example", ("240.240.0.2", "2001:2::2"), TTL),
    ),
)


def rendered(plan: DnsListenerPlan) -> Any:
    return to_json(RenderCache().listener(plan))


def test_it_listens_for_datagrams_at_each_address() -> None:
    listener = rendered(PLAN)
    addresses = [listener["address"], *(one["address"] for one in listener["additionalAddresses"])]
    assert [one["socketAddress"] for one in addresses] == [
        {"protocol": "UDP", "address": "127.0.0.1", "portValue": 15053},
        {"protocol": "UDP", "address": "::1", "portValue": 15053},
    ]


def test_the_table_is_joined_from_its_names() -> None:
    config = rendered(PLAN)["listenerFilters"][0]["typedConfig"]
    assert config["serverConfig"]["inlineDnsTable"]["virtualDomains"] == [
        {"name": "a.example", "endpoint": {"addressList": {"address": ["240.240.0.1"]}}, "answerTtl": "30s"},
        {
            "name": "b.example",
            "endpoint": {"addressList": {"address": ["240.240.0.2", "2001:2::2"]}},
            "answerTtl": "30s",
        },
    ]
    assert config["statPrefix"] == "dns"


def test_other_names_are_asked_of_the_hosts_resolvers_as_they_are() -> None:
    client = rendered(PLAN)["listenerFilters"][0]["typedConfig"]["clientConfig"]
    resolver = client["typedDnsResolverConfig"]["typedConfig"]
    assert resolver["dnsResolverOptions"] == {"noDefaultSearchDomain": True}
    assert "resolvers" not in resolver


def test_an_empty_table_still_answers_for_others() -> None:
    config = rendered(replace(PLAN, names=()))["listenerFilters"][0]["typedConfig"]
    assert "clientConfig" in config


def test_a_changed_name_encodes_no_other_again() -> None:
    cache = RenderCache()
    first = cache.listener(PLAN)
    cache.end_generation()
    assert cache.listener(PLAN) is first
    cache.end_generation()
    known = cache.parts
    changed = cache.listener(replace(PLAN, names=(PLAN.names[0], DnsNamePlan("c.example", ("240.240.0.3",), TTL))))
    assert changed.version != first.version
    assert cache.parts - known == 1
