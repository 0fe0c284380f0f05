"""The decision table: policies and the requests that are tried with them, read from ``decisions.yaml``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

CALLERS = {"web": ("default", "web"), "web2": ("default", "web2"), "ops": ("prod", "web"), "evil": ("bad", "evil")}
"""Namespace and service account of those who have a certificate."""

ISSUER = "https://issuer.example"
OTHER_ISSUER = "https://other.example"
TOKENS: dict[str, Json] = {
    "alice": {"iss": ISSUER, "sub": "alice", "aud": "shop", "azp": "app", "groups": ["admins", "x"]},
    "bob": {"iss": ISSUER, "sub": "bob", "aud": ["books", "shop"], "azp": "other", "groups": "dev-1"},
    "nested": {"iss": ISSUER, "sub": "n", "aud": "shop", "realm": {"role": ["viewer", "editor"]}},
    "other-issuer": {"iss": OTHER_ISSUER, "sub": "alice", "aud": "shop"},
}
"""The claims of valid tokens."""

_LISTS: dict[str, list[Any]] = {
    "methods": ["GET"],
    "paths": ["/"],
    "callers": ["web", "plain"],
    "hosts": ["shop"],
    "headers": [{}],
    "tokens": ["none"],
}


@dataclass(frozen=True)
class Try:
    """One request; ``caller`` "plain" has no certificate, ``token`` "none" no token."""

    method: str
    path: str
    caller: str
    host: str
    headers: Json = field(default_factory=dict)
    token: str = "none"

    def __str__(self) -> str:
        return f"{self.method} {self.path} of {self.host} from {self.caller}, {self.headers}, token {self.token}"

    def for_oracle(self, address: str, port: int) -> Json:
        """The request in the oracle's words, sent to ``address``."""
        namespace, account = CALLERS.get(self.caller, ("", ""))
        return {
            "http": True,
            "method": self.method,
            "host": self.host,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "claims": TOKENS.get(self.token),
            "principal": f"cluster.local/ns/{namespace}/sa/{account}" if account else "",
            "peer": "127.0.0.1",
            "client": self.headers.get("x-forwarded-for", "127.0.0.1"),
            "destination": address,
            "port": port,
            "sni": "",
        }


@dataclass(frozen=True)
class Case:
    """Policies, as the oracle reads them, and what is tried with them."""

    name: str
    policies: list[Json]
    tries: list[Try]


def read_cases() -> list[Case]:
    """All cases of ``decisions.yaml``."""
    return [
        _case(entry)
        for entry in yaml.safe_load(Path(__file__).with_name("tables").joinpath("decisions.yaml").read_text())
    ]


def _case(entry: Json) -> Case:
    unknown = entry.keys() - {"name", "policies", *_LISTS}
    assert not unknown, f"{entry['name']}: {unknown}"
    policies = [
        {
            "namespace": "default",
            "name": f"p{index}",
            "dryRun": policy.get("dryRun", False),
            "spec": {name: value for name, value in policy.items() if name != "dryRun"},
        }
        for index, policy in enumerate(entry["policies"])
    ]
    return Case(entry["name"], policies, list(_tries(entry)))


def _tries(entry: Json) -> Iterator[Try]:
    lists = [entry.get(name, default) for name, default in _LISTS.items()]
    return (Try(*values) for values in itertools.product(*lists))
