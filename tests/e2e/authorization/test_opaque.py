"""Who may connect where nobody reads HTTP: ALLOW rules about HTTP never match, DENY rules keep the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.citadel.policy.authorization import oracle
from tests.e2e.authorization.harness import TRUST_DOMAINS, Caller, authorization_policy, echoes
from tests.e2e.authorization.table import Json, Try
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import istio, service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.upstreams import TcpEcho

CALLERS = ("web", "evil", "plain")
WEB = {"principals": ["cluster.local/ns/default/sa/web"]}
EVIL = {"principals": ["cluster.local/ns/bad/sa/evil"]}


def allow(*rules: Json) -> Json:
    return {"action": "ALLOW", "rules": list(rules)}


def deny(*rules: Json) -> Json:
    return {"action": "DENY", "rules": list(rules)}


def rule(source: Json | None = None, operation: Json | None = None, *when: Json) -> Json:
    made: Json = {"from": [{"source": source}]} if source else {}
    made |= {"to": [{"operation": operation}]} if operation else {}
    return made | ({"when": list(when)} if when else {})


CASES: dict[str, list[Json]] = {
    "no policy": [],
    "ALLOW nothing": [allow()],
    "ALLOW everything": [allow({})],
    "ALLOW an identity": [allow(rule(WEB))],
    "ALLOW an identity of an alias": [allow(rule({"principals": ["old.example/ns/default/sa/web"]}))],
    "ALLOW any identity": [allow(rule({"principals": ["*"]}))],
    "ALLOW a namespace": [allow(rule({"namespaces": ["bad"]}))],
    "ALLOW all but a namespace": [allow(rule({"notNamespaces": ["bad"]}))],
    "ALLOW a service account": [allow(rule({"serviceAccounts": ["web"]}))],
    "ALLOW a port": [allow(rule(None, {"ports": ["9080"]}))],
    "ALLOW another port": [allow(rule(None, {"ports": ["9081"]}))],
    "ALLOW all but a port": [allow(rule(None, {"notPorts": ["9080"]}))],
    "ALLOW addresses": [allow(rule({"ipBlocks": ["127.0.0.0/8"]}))],
    "ALLOW other addresses": [allow(rule({"ipBlocks": ["10.0.0.0/8"]}))],
    "ALLOW by a condition": [allow(rule(None, None, {"key": "source.namespace", "values": ["default"]}))],
    "ALLOW paths": [allow(rule(None, {"paths": ["/", "*"]}))],
    "ALLOW all but a path": [allow(rule(None, {"notPaths": ["/admin"]}))],
    "ALLOW methods of an identity": [allow(rule(WEB, {"methods": ["GET"]}))],
    "ALLOW hosts and a port": [allow(rule(None, {"hosts": ["*"], "ports": ["9080"]}))],
    "ALLOW tokens": [allow(rule({"requestPrincipals": ["*"]}))],
    "ALLOW who has no token": [allow(rule({"notRequestPrincipals": ["*"]}))],
    "ALLOW a header": [allow(rule(None, None, {"key": "request.headers[x]", "values": ["*"]}))],
    "ALLOW without a header": [allow(rule(None, None, {"key": "request.headers[x]", "notValues": ["*"]}))],
    "ALLOW paths or an identity": [allow(rule(None, {"paths": ["/"]}), rule(WEB))],
    "DENY an identity": [deny(rule(EVIL))],
    "DENY who has none": [deny(rule({"notPrincipals": ["*"]}))],
    "DENY all but a namespace": [deny(rule({"notNamespaces": ["default"]}))],
    "DENY a port": [deny(rule(None, {"ports": ["9080"]}))],
    "DENY another port": [deny(rule(None, {"ports": ["80"]}))],
    "DENY paths": [deny(rule(None, {"paths": ["/admin"]}))],
    "DENY paths of an identity": [deny(rule(EVIL, {"paths": ["/admin"]}))],
    "DENY paths at another port": [deny(rule(None, {"paths": ["/admin"], "ports": ["80"]}))],
    "DENY who has no token, of an identity": [deny(rule({**EVIL, "notRequestPrincipals": ["*"]}))],
    "DENY a header of an identity": [deny(rule(EVIL, None, {"key": "request.headers[x]", "values": ["y"]}))],
    "DENY before ALLOW": [allow(rule({"principals": ["*"]})), deny(rule(EVIL))],
    "AUDIT refuses nobody": [{"action": "AUDIT", "rules": [{}]}],
}


class Database:
    """A TCP workload behind its sidecar, and who is let in there."""

    def __init__(self, mesh: Mesh, workload: Workload, callers: Caller) -> None:
        self.mesh, self.callers, self.address = mesh, callers, (workload.host, SERVICE_PORT)

    def admits(self, caller: str, source: str = "") -> bool:
        """Whether a connection of ``caller``, from the address ``source``, reaches the application."""
        try:
            with self.callers.connect(self.address, caller, source) as connection:
                return echoes(connection)
        except OSError:
            return False

    def put_in_force(self, specs: list[Json]) -> None:
        """The policies and nothing else. Before, all but one address are admitted, by which one sees each step."""
        before, witness = self.mesh.addresses.host(), self.mesh.addresses.host()
        self._write([_all_but(before)])
        eventually(lambda: self.admits("plain") and not self.admits("plain", before), 15, what="no other policy")
        self._write([*specs, _all_but(witness)])
        eventually(lambda: not self.admits("plain", witness), 15, what="the policies")

    def _write(self, specs: list[Json]) -> None:
        policies = [{"namespace": "default", "name": f"p{index}", "spec": spec} for index, spec in enumerate(specs)]
        self.mesh.write("policies.yaml", yaml_of(*map(authorization_policy, policies)))


def _all_but(address: str) -> Json:
    return deny(rule({"ipBlocks": [address]}))


def start(mesh: Mesh, plane: IssuingControlPlane, directory: Path, mode: str) -> Database:
    peers = {**istio("PeerAuthentication", "mode", {"mtls": {"mode": mode}}), "apiVersion": "security.istio.io/v1"}
    settings = {"apiVersion": "mesh.istio.io/v1alpha1", "kind": "MeshConfig", "trustDomainAliases": ["old.example"]}
    mesh.write("db.yaml", yaml_of(service("db", port_name="tcp"), peers, settings))
    mesh.serve()
    workload = mesh.workload("db", {"app": "db"}, app=TcpEcho, port_name="tcp", service_account="db")
    database = Database(mesh, workload, Caller(plane, directory))
    eventually(lambda: database.admits("plain"), 15, what="the database")
    return database


@pytest.mark.parametrize(("mode", "callers"), [("PERMISSIVE", CALLERS), ("DISABLE", ("plain",))])
def test_who_may_connect(
    mesh: Mesh, plane: IssuingControlPlane, tmp_path: Path, mode: str, callers: tuple[str, ...]
) -> None:
    database = start(mesh, plane, tmp_path, mode)
    wrong = []
    for name, specs in CASES.items():
        database.put_in_force(specs)
        policies = [{"namespace": "default", "name": "p", "spec": spec} for spec in specs]
        for caller in callers:
            asked = {**Try("", "", caller, "").for_oracle(*database.address), "http": False}
            expected = oracle.allowed(policies, asked, TRUST_DOMAINS)
            if database.admits(caller) != expected:
                wrong.append(f"{name}: {caller} is{'' if expected else ' not'} to be admitted")
    assert not wrong, "\n".join(wrong)
