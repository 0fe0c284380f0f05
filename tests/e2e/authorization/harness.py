"""What the tests of authorization share: callers with identities and tokens, and policies put in force."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.citadel.policy.authorization import oracle
from tests.e2e.authorization.table import CALLERS, ISSUER, OTHER_ISSUER, TOKENS, Case, Json, Try
from tests.e2e.harness.client import Answer
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import Document, istio, mesh_config, service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.upstreams import SeenRequest

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
    """The RequestAuthentication by which the tokens of the table are good."""
    return request_authentication({"issuer": ISSUER, "jwks": key_set()}, {"issuer": OTHER_ISSUER, "jwks": key_set()})


def write_shop(mesh: Mesh, tokens: Document | None = None, **settings: Any) -> None:
    """Write the shop's Service, the tokens that it accepts, and the mesh's settings."""
    settings.setdefault("trustDomainAliases", list(TRUST_DOMAINS[1:]))
    mesh.write("shop.yaml", yaml_of(service("shop"), tokens or accepted_tokens(), mesh_config(**settings)))


def request_authentication(*rules: Json, **spec: Any) -> Document:
    """A RequestAuthentication with these rules."""
    return {**istio("RequestAuthentication", "tokens", {"jwtRules": list(rules), **spec}), "apiVersion": SECURITY}


def authorization_policy(policy: Json) -> Document:
    """A policy of the table as the user writes it."""
    document = istio("AuthorizationPolicy", policy["name"], policy["spec"], namespace=policy["namespace"])
    if policy.get("dryRun"):
        document["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
    return {**document, "apiVersion": SECURITY}


def marker(number: int, namespace: str = "default") -> Json:
    """Denies requests that carry this number, by which one sees that the policies beside it are in force."""
    rule = {"when": [{"key": "request.headers[x-case]", "values": [str(number)]}]}
    return {"namespace": namespace, "name": "marker", "spec": {"action": "DENY", "rules": [rule]}}


@dataclass(frozen=True)
class Exchange:
    """An answer's status, and the request as the application got it; None where it got none."""

    status: int
    seen: SeenRequest | None


class Caller:
    """Sends requests straight to a workload's listener, with the certificate of a service account or without any."""

    def __init__(self, plane: IssuingControlPlane, directory: Path, *, server_name: str | None = None) -> None:
        self._server_name = server_name
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
        return self.exchange(address, caller, request).status

    def exchange(self, address: tuple[str, int], caller: str, request: bytes) -> Answer:
        """The whole answer to a request as bytes; with status 0 where there is none."""
        started = time.monotonic()
        try:
            with self.connect(address, caller) as connection:
                connection.sendall(request)
                response = http.client.HTTPResponse(connection, method=request.split(None, 1)[0].decode("latin-1"))
                response.begin()
                body = response.read()
        except (OSError, http.client.HTTPException):
            return Answer(0, {}, b"", time.monotonic() - started)
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body, time.monotonic() - started)

    def ask(self, workload: Workload, request: str, caller: str = "plain") -> Exchange:
        """What becomes of a request, written as Latin-1, to a workload that nobody else asks meanwhile."""
        before = workload.http.count
        answer = self.exchange((workload.host, SERVICE_PORT), caller, request.encode("latin-1"))
        seen = workload.http.requests[before:]
        return Exchange(answer.status, seen[-1] if seen else None)

    def connect(self, address: tuple[str, int], caller: str, source: str = "") -> socket.socket:
        """A connection of ``caller``, secured if that has a certificate, from the address ``source`` if any is given.
        Raises OSError."""
        plain = socket.create_connection(address, 10, (source, 0) if source else None)
        context = self._contexts.get(caller)
        return plain if context is None else context.wrap_socket(plain, server_hostname=self._server_name)


def echoes(connection: socket.socket) -> bool:
    """Whether a `TcpEcho` answers. Envoy decides once the client has sent something, so a greeting proves nothing."""
    received = b""
    try:
        connection.sendall(b"hello\n")
        while b"hello\n" not in received and (chunk := connection.recv(64)):
            received += chunk
    except OSError:
        return False
    return b"hello\n" in received


def put_in_force(
    mesh: Mesh,
    callers: Caller,
    address: tuple[str, int],
    case: Case,
    number: int,
    *,
    namespace: str = "default",
    caller: str = "web",
    host: str = "shop",
) -> None:
    """Write the policies of a case and wait until the Envoy of a workload in ``namespace`` has them, as ``caller``
    sees it who asks for ``host``."""
    mesh.write("policies.yaml", yaml_of(*map(authorization_policy, [*case.policies, marker(number, namespace)])))
    sign = Try("GET", "/", caller, host, {"x-case": str(number)})
    before = Try("GET", "/", caller, host, {"x-case": str(number - 1)})

    def in_force() -> bool:
        return callers.send(address, sign) == 403 and _is_gone(callers.send(address, before), case, before, address)

    eventually(in_force, 15, what=f"the policies of {case.name!r}")


def _is_gone(status: int, case: Case, before: Try, address: tuple[str, int]) -> Any:
    """Whether the marker of the case before does not deny any more, unless the case itself denies."""
    denied = not oracle.allowed(case.policies, before.for_oracle(*address), TRUST_DOMAINS)
    return status == (403 if denied else 200)
