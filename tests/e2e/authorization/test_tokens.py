"""Which tokens are accepted, where they are looked for, and what of them reaches the application: on real Envoys."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.e2e.authorization.harness import Caller, Exchange, put_in_force, request_authentication, write_shop
from tests.e2e.authorization.table import ISSUER, Case, Json, Try
from tests.e2e.authorization.tokens import TRUSTED, key_set_of, make_token, read_tokens
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.variants import every_envoy

CLAIM_HEADERS = {"x-sub": "sub", "x-tier": "tier", "x-role": "realm.role", "x-groups": "groups", "x-level": "level"}
RULE: Json = {
    "issuer": ISSUER,
    "audiences": ["shop"],
    "jwks": key_set_of(TRUSTED),
    "outputPayloadToHeader": "x-payload",
    "outputClaimToHeaders": [{"header": header, "claim": claim} for header, claim in CLAIM_HEADERS.items()],
}
MINE: Json = {"from": [{"source": {"notRequestPrincipals": ["*"]}}], "to": [{"operation": {"paths": ["/mine"]}}]}
POLICY: Json = {"namespace": "default", "name": "mine", "spec": {"action": "DENY", "rules": [MINE]}}


def start(mesh: Mesh, plane: IssuingControlPlane, shop: Workload, directory: Path, *rules: Json) -> Caller:
    """Put rules about tokens in force, and that /mine is for those who have one."""
    callers, address = Caller(plane, directory), (shop.host, SERVICE_PORT)
    write_shop(mesh, request_authentication(*rules))
    eventually(lambda: callers.send(address, Try("GET", "/", "web", "shop")) == 200, 15, what="the shop to answer")
    put_in_force(mesh, callers, address, Case("tokens", [POLICY], []), 0)
    return callers


def ask(callers: Caller, shop: Workload, row: Json) -> tuple[Exchange, str]:
    """What becomes of a row's request, and the row's token."""
    made = make_token(row)
    at, path = row.get("at", "Authorization: Bearer {}"), row.get("path", "/mine")
    path = path.replace("{}", made)
    given = {"good": make_token({}), "bad": "x.y.z"}.get(row.get("param", ""), made if at == "param" else "")
    lines = [f"GET {path}{'?access_token=' + given if given else ''} HTTP/1.1", "Host: shop", "Connection: close"]
    lines += [] if at == "param" else at.replace("{}", made).split("|")
    lines += row["more"].split("|") if "more" in row else []
    return callers.ask(shop, "\r\n".join(lines) + "\r\n\r\n"), made


class Traffic:
    """Sends the same request again and again, in a thread of its own, and notes the statuses of the answers."""

    def __init__(self, callers: Caller, shop: Workload, row: Json) -> None:
        self._callers, self._shop, self._row = callers, shop, row
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.statuses: set[int] = set()

    def __enter__(self) -> Traffic:
        self._thread.start()
        eventually(lambda: self.statuses, 10, what="traffic")
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _send(self) -> None:
        while not self._stopping.is_set():
            self.statuses.add(ask(self._callers, self._shop, self._row)[0].status)


def problem(answer: Exchange, row: Json, made: str) -> str:
    """What is other than the row says; "" when nothing is."""
    if answer.status != row["status"]:
        return f"answered {answer.status}"
    if (answer.seen is not None) != (answer.status == 200):
        return "reached somebody, and should not" if answer.seen else "reached nobody"
    if answer.seen is None:
        return ""
    found = ""
    for name, expected in row.get("seen", {}).items():
        got = answer.seen.headers.get(name)
        wanted = made.split(".")[1] if expected == "payload" else made if expected == "token" else expected
        got = got.encode("latin-1").decode() if got is not None else None
        found += f"{name} is {got!r}, not {wanted!r}; " if got != wanted else ""
    return found


@every_envoy
def test_each_token_of_the_table(mesh: Mesh, plane: IssuingControlPlane, shop: Workload, tmp_path: Path) -> None:
    callers = start(mesh, plane, shop, tmp_path, RULE)
    rows = read_tokens()
    assert len(rows) >= 60
    wrong = []
    for row in rows:
        answer, made = ask(callers, shop, row)
        found = problem(answer, row, made)
        wrong += [f"{row['name']}: {found}"] if found else []
    assert not wrong, "\n".join(wrong)


PLACES: Json = {
    "issuer": ISSUER,
    "jwks": key_set_of(TRUSTED),
    "fromHeaders": [{"name": "x-jwt", "prefix": "JWT "}, {"name": "x-plain"}],
    "fromParams": ["ticket"],
    "fromCookies": ["session"],
    "forwardOriginalToken": True,
}
ELSEWHERE: list[Json] = [
    {"name": "header with a prefix", "at": "x-jwt: JWT {}", "status": 200},
    {"name": "header without its prefix", "at": "x-jwt: {}", "status": 403},
    {"name": "header without any", "at": "x-plain: {}", "status": 200, "seen": {"x-plain": "token"}},
    {"name": "header in other case", "at": "X-PLAIN: {}", "status": 200},
    {"name": "cookie", "at": "Cookie: a=b; session={}", "status": 200},
    {"name": "another cookie", "at": "Cookie: sessions={}", "status": 403},
    {"name": "parameter", "path": "/mine?ticket={}", "at": "x: y", "status": 200},
    {"name": "parameter of another name", "path": "/mine?tickets={}", "at": "x: y", "status": 403},
    {"name": "the usual header", "at": "Authorization: Bearer {}", "status": 403},
    {"name": "the usual parameter", "at": "param", "status": 403},
    {"name": "a bad one beside", "at": "x-plain: {}|Cookie: session=x.y.z", "status": 401},
    {"name": "a bad one in a header", "at": "x-plain: x.y.z", "status": 401},
    {"name": "a bad one in a cookie", "at": "Cookie: session=x.y.z", "status": 401},
    {"name": "a bad one in a place that nobody reads", "path": "/", "at": "Authorization: Bearer x.y.z", "status": 200},
]


def test_places_that_a_rule_names_are_those_that_count(
    mesh: Mesh, plane: IssuingControlPlane, shop: Workload, tmp_path: Path
) -> None:
    callers = start(mesh, plane, shop, tmp_path, PLACES)
    wrong = []
    for row in ELSEWHERE:
        answer, made = ask(callers, shop, row)
        found = problem(answer, row, made)
        wrong += [f"{row['name']}: {found}"] if found else []
    assert not wrong, "\n".join(wrong)


def test_a_key_set_is_rotated_under_traffic(
    mesh: Mesh, plane: IssuingControlPlane, shop: Workload, tmp_path: Path
) -> None:
    old, new = {"rsa": "one"}, {"rsa2": "two"}
    by_old: Json = {}
    by_new: Json = {"key": "rsa2", "header": {"kid": "two"}}
    callers = start(mesh, plane, shop, tmp_path, {**RULE, "jwks": key_set_of(old)})

    def status(row: Json) -> int:
        return ask(callers, shop, row)[0].status

    with Traffic(callers, shop, by_old) as traffic:
        write_shop(mesh, request_authentication({**RULE, "jwks": key_set_of({**old, **new})}))
        eventually(lambda: status(by_new) == 200, 15, what="the new key to count")
        assert traffic.statuses == {200}, "a key that stays is good all the time"
    write_shop(mesh, request_authentication({**RULE, "jwks": key_set_of(new)}))
    eventually(lambda: status(by_old) == 401, 15, what="the old key to count no more")
    assert status(by_new) == 200
