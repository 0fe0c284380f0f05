"""Random policies and requests from small pools, so that rules match now and then."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from citadel.policy.authorization.filters import DRY_RUN
from galley.decoding.documents import decode_file
from galley.kinds.security.authorization_policy import AuthorizationPolicy
from galley.meta import Resource

Json = dict[str, Any]

PRINCIPALS = [
    "cluster.local/ns/default/sa/web",
    "td.example/ns/default/sa/web",
    "old.example/ns/prod/sa/web",
    "td.example/ns/prod-old/sa/db.admin",
    "other.example/ns/default/sa/dbxadmin",
]
POOLS: dict[str, list[str]] = {
    "principals": [*PRINCIPALS, "*", "*/sa/web", "td.example/ns/default/*", "*/ns/default/sa/web", "*/sa/db.admin"],
    "namespaces": ["default", "prod", "prod-*", "*-old", "*", "pro.", "de*lt"],
    "serviceAccounts": ["web", "prod/web", "prod-old/db.admin", "default/db.admin"],
    "trustDomains": ["td.example", "old.example", "other.example", "*.example", "td.*", "*", "td-example"],
    "requestPrincipals": [
        *("*", "https://i.example/alice", "https://i.example/*", "https://i.example/al*", "*/alice", "*alice"),
        *("*.example/alice", "https://i*", "https://i.example", "*x/abc*"),
    ],
    "ipBlocks": ["10.0.0.0/24", "10.0.0.7", "0.0.0.0/0", "2001:db8::/32"],
    "remoteIpBlocks": ["203.0.113.0/24", "203.0.113.7", "2001:db8::1"],
    "hosts": ["shop.example", "*.example", "shop.*", "*", "SHOP.example", "shopxexample"],
    "methods": ["GET", "POST", "P*", "*T", "*", "get"],
    "paths": ["/", "/admin", "/admin*", "*.css", "*", "/a/{*}/c", "/a/{**}", "/{*}", "/a.c"],
    "ports": ["80", "9080", "0", "65535"],
}
KEYS: dict[str, list[str]] = {
    "source.ip": POOLS["ipBlocks"],
    "remote.ip": POOLS["remoteIpBlocks"],
    "source.namespace": POOLS["namespaces"],
    "source.principal": POOLS["principals"],
    "source.serviceAccount": POOLS["serviceAccounts"],
    "source.trustDomain": POOLS["trustDomains"],
    "request.auth.principal": POOLS["requestPrincipals"],
    "request.auth.audiences": ["shop", "books", "sh*", "*"],
    "request.auth.presenter": ["app", "*"],
    "request.auth.claims[groups]": ["admins", "dev-*", "*"],
    "request.auth.claims[realm][role]": ["editor", "*"],
    "request.headers[x-team]": ["blue", "gr*", "*"],
    "request.headers[X-Team]": ["blue"],
    "destination.ip": ["10.0.0.9", "10.0.0.0/8"],
    "destination.port": POOLS["ports"],
    "connection.sni": ["shop.example", "*.example", "*"],
}
SOURCE = ("principals", "requestPrincipals", "namespaces", "ipBlocks", "remoteIpBlocks", "trustDomains")
OPERATION = ("hosts", "methods", "paths", "ports")


def _negated(name: str) -> str:
    return f"not{name[0].upper()}{name[1:]}"


def _values(pool: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(pool), min_size=1, max_size=2, unique=True)


def _part(names: tuple[str, ...]) -> st.SearchStrategy[Json]:
    fields = st.sampled_from([field for name in names for field in (name, _negated(name))])

    def fill(chosen: list[str]) -> st.SearchStrategy[Json]:
        pools = {field: POOLS[field if field in POOLS else field[3].lower() + field[4:]] for field in chosen}
        return st.fixed_dictionaries({field: _values(pool) for field, pool in pools.items()})

    return st.lists(fields, min_size=1, max_size=2, unique=True).flatmap(fill)


_accounts = st.fixed_dictionaries({"serviceAccounts": _values(POOLS["serviceAccounts"])})
_source = st.one_of(_part(SOURCE), _part(SOURCE), _accounts)


def _condition(key: str) -> st.SearchStrategy[Json]:
    one = st.fixed_dictionaries({"key": st.just(key), "values": _values(KEYS[key])})
    other = st.fixed_dictionaries({"key": st.just(key), "notValues": _values(KEYS[key])})
    both = st.fixed_dictionaries({"key": st.just(key), "values": _values(KEYS[key]), "notValues": _values(KEYS[key])})
    return st.one_of(one, other, both)


rules = st.fixed_dictionaries(
    {},
    optional={
        "from": st.lists(st.fixed_dictionaries({"source": _source}), min_size=1, max_size=2),
        "to": st.lists(st.fixed_dictionaries({"operation": _part(OPERATION)}), min_size=1, max_size=2),
        "when": st.lists(st.sampled_from(sorted(KEYS)).flatmap(_condition), min_size=1, max_size=2),
    },
)


@st.composite
def policies(draw: st.DrawFn) -> list[Json]:
    """Up to three policies with the actions ALLOW, DENY and AUDIT."""
    made = []
    for index in range(draw(st.integers(0, 3))):
        action = draw(st.sampled_from(["ALLOW", "DENY", "AUDIT"]))
        least = 1 if action == "DENY" else 0
        made.append(
            {
                "namespace": draw(st.sampled_from(["default", "prod"])),
                "name": f"p{index}",
                "spec": {"action": action, "rules": draw(st.lists(rules, min_size=least, max_size=2))},
                "dryRun": action != "AUDIT" and draw(st.booleans()) and draw(st.booleans()),
            }
        )
    return made


claims = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"iss": st.sampled_from(["https://i.example", "https://j.example"])},
        optional={
            "sub": st.sampled_from(["alice", "bob", ""]),
            "aud": st.sampled_from(["shop", ["books", "shop"], []]),
            "azp": st.sampled_from(["app", "x"]),
            "groups": st.sampled_from(["admins", ["dev-1"], [], 7, ["x", {"y": 1}]]),
            "realm": st.sampled_from([{"role": "editor"}, {"role": ["viewer", "editor"]}, "editor"]),
        },
    ),
)

requests = st.fixed_dictionaries(
    {
        "http": st.booleans(),
        "method": st.sampled_from(["GET", "POST", "PUT"]),
        "host": st.sampled_from(["shop.example", "Shop.Example", "shop.example:80", "other.test"]),
        "path": st.sampled_from(
            ["/", "/admin", "/admin/x?y=/a", "/a/b/c", "/a/", "/a/b/d", "/style.css", "/a.c", "/axc"]
        ),
        "headers": st.fixed_dictionaries({}, optional={"x-team": st.sampled_from(["blue", "green", ""])}),
        "claims": claims,
        "principal": st.sampled_from(["", *PRINCIPALS]),
        "peer": st.sampled_from(["10.0.0.7", "10.0.1.1", "2001:db8::1"]),
        "client": st.sampled_from(["203.0.113.7", "198.51.100.1", "2001:db8::1"]),
        "destination": st.just("10.0.0.9"),
        "port": st.sampled_from([80, 9080]),
        "sni": st.sampled_from(["", "shop.example"]),
    }
)


def read_policies(written: list[Json]) -> tuple[Resource[AuthorizationPolicy], ...]:
    """The policies as Galley reads them."""
    documents = [
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {
                "name": policy["name"],
                "namespace": policy["namespace"],
                "annotations": {DRY_RUN: str(policy["dryRun"]).lower()} if policy["dryRun"] else {},
            },
            "spec": policy["spec"],
        }
        for policy in written
    ]
    text = "\n---\n".join(json.dumps(document) for document in documents)
    resources, diagnostics = decode_file(text.encode(), "policies.yaml", identities=True)
    assert [one for one in diagnostics if one.is_error] == []
    return resources
