"""What policies about access cost: the same mesh with and without a thousand of them over a hundred namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from bench.configuration import Files, Mesh, name
from bench.generation import Configuration, proxy_of, timed
from pilot.generate import Generator
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext

NAMESPACES = 100


@dataclass(frozen=True)
class PolicyCost:
    """Seconds for context and all proxies' configuration with and without ``policies``, from nothing; and after one
    policy changed, with how many listeners were planned and encoded for it."""

    policies: int
    proxies: int
    without: float
    with_policies: float
    one_changed: float
    plans: int
    encodings: int


def policy_file(index: int, edition: int = 0) -> Files:
    """One policy, in one of a hundred namespaces, for one service's workloads there: a mesh of 100 services has them in
    ten of these, and so one policy for each."""
    text = f"""\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: policy-{index}, namespace: team-{index % NAMESPACES}}}
spec:
  selector: {{matchLabels: {{app: {name(index % NAMESPACES * 10 + index // NAMESPACES)}}}}}
  rules:
  - from: [{{source: {{principals: [cluster.local/ns/team-1/sa/client-{edition}]}}}}]
    to: [{{operation: {{methods: [GET], paths: [/api/*]}}}}]
"""
    return {f"policies/{index}.yaml": text}


def measure_policies(services: int = 100, policies: int = 1000, repeats: int = 5) -> PolicyCost:
    """The cost on a mesh of ``services`` with one proxy for each."""
    mesh = Mesh(services)
    proxies = [proxy_of(mesh.workload(index * mesh.endpoints)) for index in range(services)]
    files = mesh.files()
    all_policies = {path: text for index in range(policies) for path, text in policy_file(index).items()}
    bare, guarded = Configuration(), Configuration()
    bare.apply(files)
    guarded.apply({**files, **all_policies})
    _generate(bare, proxies)
    without, with_policies = (
        median(timed(lambda one=one: _generate(one, proxies))[0] for _ in range(repeats))  # type: ignore[misc]
        for one in (bare, guarded)
    )
    generator = _generate(guarded, proxies)
    assert guarded.context is not None
    _take_up(generator, guarded.context, proxies)  # so that only the change is new
    before = generator.counters
    one_changed, _ = timed(lambda: _take_up(generator, guarded.apply(policy_file(0, edition=1)), proxies))
    after = generator.counters
    return PolicyCost(
        policies=policies,
        proxies=len(proxies),
        without=without,
        with_policies=with_policies,
        one_changed=one_changed,
        plans=after.plans - before.plans,
        encodings=after.encodings - before.encodings,
    )


def _generate(configuration: Configuration, proxies: list[Proxy]) -> Generator:
    generator = Generator(configuration.fresh_context())
    for proxy in proxies:
        generator.snapshot_of(proxy)
    return generator


def _take_up(generator: Generator, context: PushContext, proxies: list[Proxy]) -> None:
    generator.advance(context)
    for proxy in proxies:
        generator.snapshot_of(proxy)
