"""Who may do what, on real Envoys: each request of the decision table against the oracle."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.citadel.policy.authorization import oracle
from tests.e2e.authorization.table import CALLERS, ISSUER, TOKENS, Case, Json, Try, read_cases
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import Document, istio, mesh_config, service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.variants import every_envoy

SECURITY = "security.istio.io/v1"
TRUST_DOMAINS = ("cluster.local", "old.example")
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


def key_set() -> str:
    """The public key by which tokens are verified."""
    numbers = KEY.public_key().public_numbers()
    key = {"kty": "RSA", "kid": "one", "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}
    return json.dumps({"keys": [key]})


def token(claims: Json) -> str:
    """A token with these claims, good for an hour."""
    return jwt.encode({"exp": int(time.time()) + 3600, **claims}, KEY, algorithm="RS256", headers={"kid": "one"})


def accepted_tokens() -> Document:
    rules = [{"issuer": issuer, "jwks": key_set()} for issuer in (ISSUER, "https://other.example")]
    return {**istio("RequestAuthentication", "tokens", {"jwtRules": rules}), "apiVersion": SECURITY}


def authorization_policy(policy: Json) -> Document:
    document = istio("AuthorizationPolicy", policy["name"], policy["spec"], namespace=policy["namespace"])
    if policy.get("dryRun"):
        document["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
    return {**document, "apiVersion": SECURITY}


def marker(number: int) -> Json:
    """Denies requests that carry this number, by which one sees that the policies beside it are in force."""
    rule = {"when": [{"key": "request.headers[x-case]", "values": [str(number)]}]}
    return {"namespace": "default", "name": "marker", "spec": {"action": "DENY", "rules": [rule]}}


class Caller:
    """Sends requests straight to a workload's listener, with the certificate of a service account or without any."""

    def __init__(self, plane: IssuingControlPlane, directory: Path) -> None:
        self._contexts = {name: self._context(plane, directory / f"{name}.pem", *who) for name, who in CALLERS.items()}

    @staticmethod
    def _context(plane: IssuingControlPlane, file: Path, namespace: str, account: str) -> ssl.SSLContext:
        svid = plane.svid(account, namespace=namespace)
        file.write_bytes(svid.chain_pem + svid.private_key.reveal())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["istio-http/1.1", "http/1.1"])
        context.load_cert_chain(file)
        file.unlink()
        return context

    def send(self, address: tuple[str, int], tried: Try) -> int:
        """The status of the answer; 0 where there is none."""
        lines = [f"{tried.method} {tried.path} HTTP/1.1", f"Host: {tried.host}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in tried.headers.items()]
        if tried.token in TOKENS:
            lines.append(f"Authorization: Bearer {token(TOKENS[tried.token])}")
        return self.send_raw(address, tried.caller, ("\r\n".join(lines) + "\r\n\r\n").encode())

    def send_raw(self, address: tuple[str, int], caller: str, request: bytes) -> int:
        """The same for a request as bytes."""
        try:
            with socket.create_connection(address, timeout=10) as plain, self._secure(plain, caller) as connection:
                connection.sendall(request)
                answer = b""
                while b"\r\n" not in answer and (chunk := connection.recv(4096)):
                    answer += chunk
        except OSError:
            return 0
        return int(answer.split()[1]) if answer.startswith(b"HTTP/1.") else 0

    def _secure(self, connection: socket.socket, caller: str) -> socket.socket:
        context = self._contexts.get(caller)
        return connection if context is None else context.wrap_socket(connection)


@pytest.fixture
def plane(mesh: Mesh) -> Iterator[IssuingControlPlane]:
    made = IssuingControlPlane(mesh.home, host=mesh.addresses.host())
    mesh.control_plane = made  # type: ignore[assignment]
    yield made
    made.stop()


@pytest.fixture
def shop(mesh: Mesh, plane: IssuingControlPlane) -> Workload:
    mesh.write(
        "shop.yaml", yaml_of(service("shop"), accepted_tokens(), mesh_config(trustDomainAliases=["old.example"]))
    )
    mesh.write("policies.yaml", "")
    mesh.serve()
    return mesh.workload("shop", {"app": "shop"}, service_account="shop")


@every_envoy
def test_each_decision_is_that_of_the_oracle(
    mesh: Mesh, plane: IssuingControlPlane, shop: Workload, tmp_path: Path
) -> None:
    callers, address = Caller(plane, tmp_path), (shop.host, SERVICE_PORT)
    eventually(lambda: callers.send(address, Try("GET", "/", "web", "shop")) == 200, 15, what="the shop to answer")
    wrong, tried = [], 0
    for number, case in enumerate(read_cases()):
        put_in_force(mesh, callers, address, case, number)
        for one in case.tries:
            tried += 1
            expected = 200 if oracle.allowed(case.policies, one.for_oracle(*address), TRUST_DOMAINS) else 403
            status = callers.send(address, one)
            if status != expected:
                wrong.append(f"{case.name}: {one}: {status} instead of {expected}")
    assert wrong == []
    assert tried >= 300


def put_in_force(mesh: Mesh, callers: Caller, address: tuple[str, int], case: Case, number: int) -> None:
    """Write the policies of a case and wait until the Envoy has them."""
    mesh.write("policies.yaml", yaml_of(*map(authorization_policy, [*case.policies, marker(number)])))
    sign = Try("GET", "/", "web", "shop", {"x-case": str(number)})
    before = Try("GET", "/", "web", "shop", {"x-case": str(number - 1)})

    def in_force() -> bool:
        return callers.send(address, sign) == 403 and _is_gone(callers.send(address, before), case, before, address)

    eventually(in_force, 15, what=f"the policies of {case.name!r}")


def _is_gone(status: int, case: Case, before: Try, address: tuple[str, int]) -> Any:
    """Whether the marker of the case before does not deny any more, unless the case itself denies."""
    denied = not oracle.allowed(case.policies, before.for_oracle(*address), TRUST_DOMAINS)
    return status == (403 if denied else 200)
