"""No spelling of a path passes by a policy: what it sees is what the application gets, with each normalization."""

from __future__ import annotations

from pathlib import Path

import yaml

from citadel.policy.authorization.paths import normalize_path
from galley.kinds.mesh_config import NormalizationType
from tests.citadel.policy.authorization import oracle
from tests.e2e.authorization.harness import Caller, Exchange, put_in_force, write_shop
from tests.e2e.authorization.table import Case, Json, Try
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.variants import every_envoy

PROTECTED = ["/admin", "/admin/*"]
POLICIES: dict[str, list[Json]] = {
    "none": [],
    "DENY paths": [{"action": "DENY", "rules": [{"to": [{"operation": {"paths": PROTECTED}}]}]}],
    "ALLOW notPaths": [{"action": "ALLOW", "rules": [{"to": [{"operation": {"notPaths": PROTECTED}}]}]}],
}
REFUSED = (400, 404)
"""Envoy takes no such path, or has no route for it: no policy needs to decide."""


def read_spellings() -> list[str]:
    """All of ``paths.yaml``."""
    groups = yaml.safe_load(Path(__file__).with_name("tables").joinpath("paths.yaml").read_text())
    return [path for group in groups.values() for path in group]


def origin_form(target: str) -> str:
    """The path that a request target in absolute form means (RFC 9112, section 3.2.2)."""
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        return target
    return rest[len("shop") :] if rest.startswith("shop?") else "/" + rest.partition("/")[2]


def problem(answer: Exchange, path: str | None, policies: list[Json]) -> str:
    """What is wrong with an answer, given the path that policies see; "" when all is well."""
    if path is None:
        return "" if answer.status in REFUSED and answer.seen is None else "reached somebody, and should not"
    tried = Try("GET", path, "plain", "shop").for_oracle("127.0.0.1", SERVICE_PORT)
    if not oracle.allowed(policies, tried):
        return "" if answer.status == 403 and answer.seen is None else f"is not denied as {path}"
    if answer.status != 200 or answer.seen is None:
        return f"is not let in as {path}"
    return "" if answer.seen.path == path else f"reached the application as {answer.seen.path}, judged as {path}"


@every_envoy
def test_what_a_policy_sees_is_what_the_application_gets(
    mesh: Mesh, plane: IssuingControlPlane, shop: Workload, tmp_path: Path
) -> None:
    callers, address = Caller(plane, tmp_path), (shop.host, SERVICE_PORT)
    spellings = read_spellings()
    assert len(spellings) == len(set(spellings)) >= 80
    eventually(lambda: callers.send(address, Try("GET", "/", "web", "shop")) == 200, 15, what="the shop to answer")
    wrong = []
    for number, (kind, (name, specs)) in enumerate(
        (kind, one) for kind in NormalizationType for one in POLICIES.items()
    ):
        policies = [{"namespace": "default", "name": "p", "spec": spec} for spec in specs]
        write_shop(mesh, pathNormalization={"normalization": str(kind)})
        put_in_force(mesh, callers, address, Case(f"{kind}, {name}", policies, []), number)
        for target in spellings:
            answer = callers.ask(shop, f"GET {target} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
            found = problem(answer, normalize_path(origin_form(target), kind), policies)
            wrong += [f"{kind}, {name}: {target!r} {found} ({answer.status})"] if found else []
    assert wrong == []
