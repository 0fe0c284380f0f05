"""Real Envoys of every supported version accept what is rendered, whatever is combined in a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from citadel.ir import KeyPairFiles, ServerTls, UpstreamTls
from galley.kinds.networking.gateway import TlsProtocol
from pilot.envoy.encoded import RenderCache, empty_load_assignment, empty_route_config
from pilot.envoy.headers import BARE_OPERATORS
from pilot.ir.cluster import ClusterPlan, DiscoveryType
from pilot.ir.listener import FilterChainPlan, TcpListenerPlan
from pilot.ir.network_filters import HttpConnectionPlan
from pilot.ir.route import (
    DirectResponsePlan,
    HeaderMutationPlan,
    RouteConfigPlan,
    RouteMatchPlan,
    RoutePlan,
    VirtualHostPlan,
)
from pilot.xds.resources import EncodedResource
from tests.citadel.authority import make_authority
from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary
from tests.envoy_validate import RefusedByEnvoyError, validate_bootstrap, validate_resources
from tests.pilot.envoy import strategies

pytestmark = pytest.mark.e2e


@pytest.fixture(params=VERSIONS)
def envoy(request: pytest.FixtureRequest) -> Path:
    return envoy_binary(request.param)


def gathered(plans: st.SearchStrategy[Any], kind: str, count: int = 60) -> list[EncodedResource]:
    """One run of Envoy costs as much as a hundred plans, so examples are gathered before it is asked."""
    cache, found = RenderCache(), []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(plans)
    def gather(plan: Any) -> None:
        found.append(getattr(cache, kind)(plan))

    gather()
    return found


@pytest.fixture(scope="module")
def any_resources() -> list[EncodedResource]:
    return [
        *gathered(strategies.cluster_plans, "cluster"),
        *gathered(strategies.load_assignments, "load_assignment"),
        *gathered(strategies.route_config_plans, "route_config"),
        *gathered(strategies.listener_plans, "listener"),
        empty_route_config("80"),
        empty_load_assignment("outbound|80||a"),
    ]


def test_any_combination_is_accepted(any_resources: list[EncodedResource], envoy: Path) -> None:
    assert "OK" in validate_resources(any_resources, envoy=envoy)


def test_tls_is_accepted(envoy: Path, tmp_path: Path) -> None:
    authority = make_authority()
    ca = str(authority.write(tmp_path))
    files = authority.issue(tmp_path, "server", subject_alt_names=("a.example.com",))
    pair = KeyPairFiles(str(files.certificate), str(files.private_key))
    names = ("a.example.com", "spiffe://cluster.local/ns/default/sa/a", "10.0.0.1")
    spki = ("NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A=",)
    servers = [
        ServerTls((pair,)),
        ServerTls((pair,), min_version=TlsProtocol.TLSV1_2, max_version=TlsProtocol.TLSV1_3),
        ServerTls((pair,), cipher_suites=("ROT13", "ECDHE-ECDSA-AES128-GCM-SHA256", "AES256-SHA")),
        ServerTls((pair,), require_client_certificate=True, ca_file=ca, subject_alt_names=names),
        ServerTls((pair,), ca_file=ca, verify_certificate_spki=spki, verify_certificate_hash=("ab" * 32,)),
        ServerTls((pair,), require_client_certificate=True),
        ServerTls((pair,), require_client_certificate=True, insecure_skip_verify=True),
    ]
    clients = [
        UpstreamTls(),
        UpstreamTls(subject_alt_names=names),
        UpstreamTls(sni="a.example.com", ca_file=ca, subject_alt_names=names, alpn=("h2",)),
        UpstreamTls(sni="a.example.com", insecure_skip_verify=True),
        UpstreamTls(ca_file=ca, client_certificate=pair),
    ]
    cache = RenderCache()
    resources = [cache.cluster(ClusterPlan("a", DiscoveryType.EDS, tls=tls)) for tls in clients]
    for tls in servers:
        chain = FilterChainPlan((HttpConnectionPlan("https", route_name="https"),), tls=tls)
        resources.append(cache.listener(TcpListenerPlan("0.0.0.0_443", "0.0.0.0", 443, (chain,))))
    validate_resources(resources, envoy=envoy)


def test_every_command_operator_is_accepted(envoy: Path) -> None:
    bare = sorted(BARE_OPERATORS)
    headers = ["REQ(a?b):9", "RESP(a)", "TRAILER(a)"]
    states = ["DYNAMIC_METADATA(a:b)", "UPSTREAM_METADATA(a:b)", "FILTER_STATE(a:PLAIN)", "FILTER_STATE(a)"]
    operators = [*bare, *headers, *states, "START_TIME(%Y/%m/%d)", "ENVIRONMENT(HOME)"]
    values = [f"%{operator}%" for operator in operators] + ["100%", "%UNKNOWN%", "%REQ%", "%PROTOCOL:5%", "%"]
    changes = HeaderMutationPlan(set=tuple((f"x-{index}", value) for index, value in enumerate(values)))
    route = RoutePlan(RouteMatchPlan(), DirectResponsePlan(200), request_headers=changes, response_headers=changes)
    hosts = (VirtualHostPlan("a", ("*",), (route,)),)
    validate_resources([RenderCache().route_config(RouteConfigPlan("80", hosts))], envoy=envoy)


def test_a_refusal_is_told_in_envoys_words(envoy: Path) -> None:
    with pytest.raises(RefusedByEnvoyError, match="no_such_field"):
        validate_bootstrap({"no_such_field": 1}, envoy=envoy)
