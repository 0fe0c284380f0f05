from typing import Any

from galley.exports import Exports
from galley.kinds.networking.destination_rule import (
    ConnectionPoolSettings,
    LoadBalancerSettings,
    OutlierDetection,
    PortTrafficPolicy,
    SimpleLb,
    Subset,
    TcpSettings,
    TrafficPolicy,
)
from galley.kinds.values import ClientTlsMode, ClientTlsSettings, PortSelector
from galley.meta import ResourceKey
from pilot.mesh.rules.destination_rules import DestinationRuleInEffect
from pilot.mesh.rules.traffic_policy import NO_POLICY, EffectivePolicy, effective_policy
from pilot.registry.catalog import Port, Protocol

HTTP = Port(number=80, name="http", protocol=Protocol.HTTP)
RANDOM = LoadBalancerSettings(simple=SimpleLb.RANDOM)
ROUND_ROBIN = LoadBalancerSettings(simple=SimpleLb.ROUND_ROBIN)
ONE = ConnectionPoolSettings(tcp=TcpSettings(max_connections=1))
TWO = ConnectionPoolSettings(tcp=TcpSettings(max_connections=2))
EJECT = OutlierDetection(consecutive_5xx_errors=1)
TLS = ClientTlsSettings(mode=ClientTlsMode.SIMPLE)


def at_port(number: int = 80, **blocks: Any) -> PortTrafficPolicy:
    return PortTrafficPolicy(port=PortSelector(number=number), **blocks)


def policy(
    host: TrafficPolicy | None = None, subset: TrafficPolicy | None = None, *, named: str = ""
) -> EffectivePolicy:
    rule = DestinationRuleInEffect(
        host="a",
        namespace="b",
        exports=Exports(everywhere=True),
        origins=(ResourceKey("DestinationRule", "b", "a"),),
        traffic_policy=host,
        subsets=(Subset(name="v1", traffic_policy=subset),),
    )
    return effective_policy(rule, HTTP, named)


def test_no_rule_and_no_policy_mean_defaults() -> None:
    assert effective_policy(None, HTTP) == NO_POLICY
    assert policy() == NO_POLICY


def test_the_hosts_policy_is_that_of_the_service_and_of_its_subsets() -> None:
    host = TrafficPolicy(load_balancer=RANDOM, outlier_detection=EJECT)
    expected = EffectivePolicy(load_balancer=RANDOM, outlier_detection=EJECT)
    assert policy(host) == expected
    assert policy(host, named="v1") == expected


def test_settings_of_a_port_replace_all_four_blocks() -> None:
    host = TrafficPolicy(
        load_balancer=RANDOM, outlier_detection=EJECT, tls=TLS, port_level_settings=(at_port(connection_pool=ONE),)
    )
    assert policy(host) == EffectivePolicy(connection_pool=ONE)


def test_settings_of_another_port_do_not_count() -> None:
    host = TrafficPolicy(load_balancer=RANDOM, port_level_settings=(at_port(81, connection_pool=ONE),))
    assert policy(host) == EffectivePolicy(load_balancer=RANDOM)


def test_a_subset_replaces_block_by_block() -> None:
    host = TrafficPolicy(load_balancer=RANDOM, connection_pool=ONE, outlier_detection=EJECT)
    subset = TrafficPolicy(load_balancer=ROUND_ROBIN, connection_pool=TWO)
    assert policy(host, subset, named="v1") == EffectivePolicy(
        load_balancer=ROUND_ROBIN, connection_pool=TWO, outlier_detection=EJECT
    )
    assert policy(host, subset) == EffectivePolicy(load_balancer=RANDOM, connection_pool=ONE, outlier_detection=EJECT)


def test_a_subset_stands_over_the_hosts_settings_of_the_port() -> None:
    host = TrafficPolicy(load_balancer=RANDOM, port_level_settings=(at_port(connection_pool=ONE, tls=TLS),))
    subset = TrafficPolicy(connection_pool=TWO)
    assert policy(host, subset, named="v1") == EffectivePolicy(connection_pool=TWO, tls=TLS)


def test_a_subsets_settings_of_the_port_replace_everything() -> None:
    host = TrafficPolicy(load_balancer=RANDOM, outlier_detection=EJECT)
    subset = TrafficPolicy(load_balancer=ROUND_ROBIN, port_level_settings=(at_port(connection_pool=TWO),))
    assert policy(host, subset, named="v1") == EffectivePolicy(connection_pool=TWO)


def test_an_unknown_subset_has_the_hosts_policy() -> None:
    assert policy(TrafficPolicy(load_balancer=RANDOM), named="v9") == EffectivePolicy(load_balancer=RANDOM)
