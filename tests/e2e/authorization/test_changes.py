"""Policies that change under load, and files that break: at each moment the old or the new ones count, never none."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.authorization.harness import Caller, authorization_policy, marker, put_in_force
from tests.e2e.authorization.table import Case, Json, Try
from tests.e2e.harness.client import request
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.variants import both_variants

SWITCHES = 12
NONE_OF_BOTH, EACH_OF_BOTH = "/open", "/closed"


def named(spec: Json, name: str = "p") -> Json:
    return {"namespace": "default", "name": name, "spec": spec}


BY_DENYING = named({"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/a", EACH_OF_BOTH]}}]}]}, "denying")
BY_ALLOWING = named({"rules": [{"to": [{"operation": {"notPaths": ["/b", EACH_OF_BOTH]}}]}]}, "allowing")
"""Two ways to say nearly the same, which need different filters."""


@contextmanager
def load(callers: Caller, address: tuple[str, int]) -> Iterator[Counter[tuple[str, int]]]:
    """Requests for all paths from two callers at once, as long as it lasts; how often each status was the answer."""
    seen: Counter[tuple[str, int]] = Counter()
    stopping, lock = threading.Event(), threading.Lock()

    def send(caller: str) -> None:
        while not stopping.is_set():
            for path in (NONE_OF_BOTH, EACH_OF_BOTH, "/a", "/b"):
                status = callers.send(address, Try("GET", path, caller, "shop"))
                with lock:
                    seen[path, status] += 1

    threads = [threading.Thread(target=send, args=(caller,)) for caller in ("web", "plain")]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


@both_variants
def test_each_decision_under_load_is_the_old_or_the_new_one(
    mesh: Mesh, plane: IssuingControlPlane, shop: Workload, tmp_path: Path
) -> None:
    callers, address = Caller(plane, tmp_path), (shop.host, SERVICE_PORT)
    eventually(lambda: callers.send(address, Try("GET", "/", "web", "shop")) == 200, 15, what="the shop to answer")
    put_in_force(mesh, callers, address, Case("first", [BY_DENYING], []), 0)
    with load(callers, address) as seen:
        for number in range(1, SWITCHES + 1):
            policies = [BY_ALLOWING if number % 2 else BY_DENYING]
            put_in_force(mesh, callers, address, Case(f"switch {number}", policies, []), number)
    assert {status for path, status in seen if path == EACH_OF_BOTH} == {403}
    assert {status for path, status in seen if path == NONE_OF_BOTH} == {200}
    for path in ("/a", "/b"):
        assert {status for each, status in seen if each == path} == {200, 403}, "it was sent under both"
    assert seen.total() > 100


SECRET = named({"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/secret"]}}]}]}, "secret")


def broken_files() -> Iterator[tuple[str, str]]:
    """What a file with the policy about /secret may become by accident, none of which may open it."""
    whole = json.dumps(authorization_policy(SECRET))
    for part in range(1, 10):
        yield f"{part} tenths written", whole[: len(whole) * part // 10]
    yield "no YAML", whole + "\n}"
    yield "a tab", "\t" + whole.replace(", ", ",\n\t")
    yield "binary", "\x00\x01\xff"
    yield "another action", whole.replace("DENY", "DENIED")
    yield "an unknown field", whole.replace("paths", "path")
    yield "an unknown kind", whole.replace('"AuthorizationPolicy"', '"AuthorisationPolicy"')
    yield "rules that are no list", whole.replace("[{", "{").replace("}]", "}")
    yield "no rules", json.dumps(authorization_policy(named({"action": "DENY"}, "secret")))
    yield "empty rules", json.dumps(authorization_policy(named({"action": "DENY", "rules": []}, "secret")))
    yield "empty paths", whole.replace('["/secret"]', "[]")
    yield "emptied", ""
    yield "cut after a comment", "# Who may see secrets\n"
    yield "no spec", json.dumps({**authorization_policy(SECRET), "spec": None})
    yield "the same key twice", whole.replace('"action": "DENY"', '"action": "DENY", "action": "AUDIT"')


def test_a_file_that_breaks_opens_nothing(mesh: Mesh) -> None:
    mesh.write("shop.yaml", yaml_of(service("shop")))
    mesh.write("secret.yaml", json.dumps(authorization_policy(SECRET)))
    mesh.serve()
    address = (mesh.workload("shop", {"app": "shop"}).host, SERVICE_PORT)

    def status(path: str, **headers: str) -> int:
        return request(address, path, headers={name.replace("_", "-"): each for name, each in headers.items()}).status

    eventually(lambda: status("/secret") == 403, 15, what="the policy")
    wrong = []
    for number, (name, content) in enumerate(broken_files()):
        mesh.write("secret.yaml", content)
        # A good file that is written later is in force: the broken one was looked at.
        mesh.write("marker.yaml", json.dumps(authorization_policy(marker(number))))
        eventually(lambda number=number: status("/", x_case=str(number)) == 403, 15, what=name)  # type: ignore[misc]
        wrong += [name] if (status("/secret"), status("/")) != (403, 200) else []
    assert not wrong
    mesh.control_plane.stop()
    mesh.serve()
    eventually(lambda: mesh.control_plane.get("/debug/syncz").json, 15, what="the sidecar to be back")
    assert status("/secret") == 403, "what was accepted outlives the process"
    mesh.control_plane.remove("secret.yaml")
    eventually(lambda: status("/secret") == 200, 15, what="the policy to be gone, as somebody wanted it")
