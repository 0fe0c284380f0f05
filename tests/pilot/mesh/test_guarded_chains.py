"""Whatever policies there are and whoever the proxy is: no filter chain that leads anywhere is without its checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citadel.access.ext_authz import ExtAuthzPlan
from citadel.access.jwt import JwtPlan
from citadel.access.rbac import RbacAction, RbacPlan
from citadel.policy.authorization.filters import DRY_RUN
from galley.publishing.validate import validate
from pilot.ir.listener import Direction, FilterChainPlan, TcpListenerPlan
from pilot.ir.network_filters import HttpConnectionPlan
from pilot.ir.proxy import ProxyPlan
from pilot.mesh.filters import plan_filter_chain, plan_http_filters
from pilot.mesh.naming import BLACK_HOLE_CLUSTER
from pilot.offline import plan_for, read_node
from tests.citadel.policy.authorization.strategies import policies

Json = dict[str, Any]

KEY_SET = '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
PORTS = {"http": 8001, "tcp": 8002, "grpc": 8003, "https": 8004, "web": 8005, "mysql": 8006, "grpc-web": 8007}
MODES = ("REDIRECT", "TPROXY", "NONE")


def document(kind: str, name: str, spec: Any, group: str = "networking.istio.io", **metadata: Any) -> Json:
    meta = {"name": name, "namespace": "default", **metadata}
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta, "spec": spec}


def server(port: int, protocol: str, **tls: Any) -> Json:
    number = {"number": port, "name": f"p{port}", "protocol": protocol}
    return {"port": number, "hosts": ["shop.example"], **({"tls": tls} if tls else {})}


FILES = {"serverCertificate": "/c.pem", "privateKey": "/k.pem", "caCertificates": "/ca.pem"}
SERVERS = [
    server(80, "HTTP"),
    server(81, "HTTP2"),
    server(82, "HTTP", httpsRedirect=True),
    server(443, "HTTPS", mode="SIMPLE", **FILES),
    server(444, "HTTPS", mode="MUTUAL", **FILES),
    server(445, "HTTPS", mode="ISTIO_MUTUAL"),
    server(5000, "TCP"),
    server(5001, "TLS", mode="SIMPLE", **FILES),
    server(5002, "TLS", mode="ISTIO_MUTUAL"),
    server(5003, "TLS", mode="PASSTHROUGH"),
    server(5004, "HTTPS", mode="PASSTHROUGH"),
]
ROUTE = [{"destination": {"host": "shop", "port": {"number": 8001}}}]
WORLD: list[Json] = [
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop"},
        "spec": {
            "selector": {"app": "shop"},
            "ports": [{"name": name, "port": port} for name, port in PORTS.items()],
        },
    },
    document("Gateway", "edge", {"selector": {"app": "edge"}, "servers": SERVERS}),
    document(
        "VirtualService",
        "edge",
        {
            "hosts": ["shop.example"],
            "gateways": ["edge"],
            "http": [{"route": ROUTE}],
            "tcp": [{"route": ROUTE}],
            "tls": [{"match": [{"sniHosts": ["shop.example"]}], "route": ROUTE}],
        },
    ),
    {
        "apiVersion": "mesh.istio.io/v1alpha1",
        "kind": "MeshConfig",
        "extensionProviders": [
            {"name": "asks-http", "envoyExtAuthzHttp": {"service": "shop.default.svc.cluster.local", "port": 8001}},
            {"name": "asks-grpc", "envoyExtAuthzGrpc": {"service": "shop.default.svc.cluster.local", "port": 8003}},
        ],
    },
]

peer_modes = st.sampled_from(["STRICT", "PERMISSIVE", "DISABLE"])
peers = st.fixed_dictionaries(
    {"mtls": st.fixed_dictionaries({"mode": peer_modes})},
    optional={
        "portLevelMtls": st.dictionaries(
            st.sampled_from([*PORTS.values(), 9999]).map(str),
            st.fixed_dictionaries({"mode": peer_modes}),
            min_size=1,
            max_size=3,
        )
    },
)
providers = st.lists(st.sampled_from(["asks-http", "asks-grpc", "unknown"]), max_size=2)
ingress = st.lists(
    st.sampled_from([("HTTP", 8001), ("TCP", 8002), ("HTTPS", 8004), ("HTTP", 7000), ("TCP", 7001)]),
    max_size=3,
    unique=True,
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Json], list[Json]]:
    """Documents beside the usual ones, and the policies among them."""
    written = [
        document(
            "AuthorizationPolicy",
            one["name"],
            one["spec"],
            "security.istio.io",
            namespace=one["namespace"],
            annotations={DRY_RUN: "true"} if one["dryRun"] else {},
        )
        for one in draw(policies())
    ]
    written += [
        document(
            "AuthorizationPolicy",
            f"custom{index}",
            {"action": "CUSTOM", "provider": {"name": provider}, "rules": [{}]},
            "security.istio.io",
        )
        for index, provider in enumerate(draw(providers))
    ]
    if draw(st.booleans()):
        rule = {"issuer": "https://issuer.example", "jwks": KEY_SET}
        written.append(document("RequestAuthentication", "tokens", {"jwtRules": [rule]}, "security.istio.io"))
    selector = {"selector": {"matchLabels": {"app": "shop"}}}
    more = [document("PeerAuthentication", "peers", {**selector, **draw(peers)}, "security.istio.io")]
    listeners = [
        {
            "port": {"number": port, "protocol": protocol, "name": f"i{port}"},
            "defaultEndpoint": f"127.0.0.1:{port + 100}",
        }
        for protocol, port in draw(ingress)
    ]
    if listeners:
        workload = {"workloadSelector": {"labels": {"app": "shop"}}, "ingress": listeners}
        more.append(document("Sidecar", "shop", workload))
    return more, written


nodes = st.one_of(
    st.builds(lambda mode, old: node("sidecar", "shop", mode, old), st.sampled_from(MODES), st.booleans()),
    st.builds(lambda old: node("router", "edge", "REDIRECT", old), st.booleans()),
)


def node(kind: str, app: str, mode: str, http_10: bool) -> Json:
    metadata = {
        "NAMESPACE": "default",
        "LABELS": {"app": app},
        "SELF_REGISTER": "true",
        "INTERCEPTION_MODE": mode,
        "PORTS": dict(PORTS),
        "APP_PORTS": {name: port + 10_000 for name, port in PORTS.items()},
        **({"HTTP10": "1"} if http_10 else {}),
    }
    return {"id": f"{kind}~10.0.0.7~{app}-1.default~default.svc.cluster.local", "metadata": metadata}


def plan(described: Json, documents: list[Json], *, identities: bool) -> ProxyPlan:
    text = "\n---\n".join(json.dumps(one) for one in documents)
    validation = validate({"world.yaml": text.encode()}, identities=True)
    assert [one for one in validation.diagnostics if one.is_error] == []
    return plan_for(validation, read_node(described), mtls=identities)


def leading_chains(planned: ProxyPlan, *, gateway: bool) -> Iterator[FilterChainPlan]:
    """The chains by which one gets into a workload, or through a gateway."""
    for listener in planned.listeners:
        if isinstance(listener, TcpListenerPlan) and (gateway or listener.direction is Direction.INBOUND):
            chains = (*listener.chains, *((listener.default_chain,) if listener.default_chain else ()))
            yield from (chain for chain in chains if not _ends(chain))


def _ends(chain: FilterChainPlan) -> bool:
    terminal = chain.terminal
    if isinstance(terminal, HttpConnectionPlan):
        return False
    return {one.cluster for one in terminal.clusters} == {BLACK_HOLE_CLUSTER}


def checks_of(chain: FilterChainPlan) -> list[str]:
    """Which checks a chain makes, in order, in the words of `expected_checks`. Nothing may stand before or between."""
    terminal = chain.terminal
    http = isinstance(terminal, HttpConnectionPlan)
    filters = terminal.filters if isinstance(terminal, HttpConnectionPlan) else chain.filters
    kinds = [_check(one) for one in filters]
    checks = [kind for kind in kinds if kind]
    assert kinds[: len(checks)] == checks, "something acts on what is not yet admitted"
    assert http or "tokens" not in checks
    return list(dict.fromkeys(checks))


def _check(plan: object) -> str:
    match plan:
        case ExtAuthzPlan():
            return "custom"
        case JwtPlan():
            return "tokens"
        case RbacPlan():
            rules = plan.rules or plan.shadow_rules
            assert rules is not None
            names = [one.name for one in rules.policies]
            if all(name.startswith("istio-ext-authz-") for name in names) and names:
                return "custom"
            return {RbacAction.LOG: "AUDIT"}.get(rules.action, str(rules.action))
    return ""


def expected_checks(written: list[Json], *, http: bool) -> list[str]:
    """What all chains of a workload in namespace default must check, in order."""
    here = [one for one in written if one["metadata"]["namespace"] == "default"]
    specs = [one["spec"] for one in here if one["kind"] == "AuthorizationPolicy"]
    actions = {spec.get("action", "ALLOW") for spec in specs}
    askable = {spec["provider"]["name"] for spec in specs if spec.get("action") == "CUSTOM"}
    # An HTTP server cannot be asked about an opaque connection.
    custom = bool(askable) and (http or askable != {"asks-http"})
    tokens = http and any(one["kind"] == "RequestAuthentication" for one in here)
    rules = [action for action in ("AUDIT", "DENY", "ALLOW") if action in actions]
    return [*(["custom"] if custom else []), *(["tokens"] if tokens else []), *rules]


def unguarded(planned: ProxyPlan, written: list[Json], *, gateway: bool) -> list[str]:
    """The chains that do not check what they must."""
    wrong = []
    for chain in leading_chains(planned, gateway=gateway):
        expected = expected_checks(written, http=isinstance(chain.terminal, HttpConnectionPlan))
        checks = checks_of(chain)
        if checks != expected:
            wrong.append(f"{chain.name} {chain.match}: {checks} instead of {expected}")
    return wrong


@given(worlds(), nodes, st.booleans())
def test_every_chain_that_leads_anywhere_checks_what_policies_say(
    world: tuple[list[Json], list[Json]], described: Json, identities: bool
) -> None:
    more, written = world
    planned = plan(described, [*WORLD, *more, *written], identities=identities)
    assert unguarded(planned, written, gateway=described["id"].startswith("router")) == []


ALL = [
    document("AuthorizationPolicy", "deny", {"action": "DENY", "rules": [{}]}, "security.istio.io"),
    document("RequestAuthentication", "tokens", {"jwtRules": [{"issuer": "i", "jwks": KEY_SET}]}, "security.istio.io"),
]
EVERYBODY = [node("sidecar", "shop", mode, False) for mode in MODES] + [node("router", "edge", "REDIRECT", False)]


@pytest.mark.parametrize("described", EVERYBODY, ids=[*MODES, "gateway"])
def test_chains_of_all_kinds_are_looked_at(described: Json) -> None:
    gateway = described["id"].startswith("router")
    chains = list(leading_chains(plan(described, [*WORLD, *ALL], identities=True), gateway=gateway))
    http = [chain for chain in chains if isinstance(chain.terminal, HttpConnectionPlan)]
    assert len(http) >= 5
    assert len(chains) - len(http) >= 5
    assert len([chain for chain in chains if chain.tls is not None]) >= 3


SABOTAGE = [
    ("pilot.mesh.inbound.chains.plan_filter_chain", plan_filter_chain, "sidecar"),
    ("pilot.mesh.inbound.chains.plan_http_filters", plan_http_filters, "sidecar"),
    ("pilot.mesh.gateway.listeners.plan_filter_chain", plan_filter_chain, "router"),
    ("pilot.mesh.gateway.listeners.plan_http_filters", plan_http_filters, "router"),
]


@pytest.mark.parametrize(("planner", "honest", "kind"), SABOTAGE, ids=[one[0] for one in SABOTAGE])
def test_a_planner_that_forgets_the_checks_is_caught(
    planner: str, honest: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(*arguments: Any, attached: object = None, **details: Any) -> Any:
        if honest is plan_http_filters:
            details["attached"] = type(attached)() if attached is not None else None
        return honest(*arguments, **details)

    described = next(one for one in EVERYBODY if one["id"].startswith(kind))
    assert unguarded(plan(described, [*WORLD, *ALL], identities=True), ALL, gateway=kind == "router") == []
    monkeypatch.setattr(planner, forgetful)
    assert unguarded(plan(described, [*WORLD, *ALL], identities=True), ALL, gateway=kind == "router")
