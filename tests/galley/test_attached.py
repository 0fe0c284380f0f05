"""Attached policies, compared with an oracle that asks each policy afresh and knows no index."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.attached import GATEWAY_API, Target, attach
from galley.frozen import FrozenMap, frozen
from galley.kinds.attachment import Attachment, Precedence, RootSelector
from galley.kinds.networking.gateway import Gateway
from galley.kinds.networking.sidecar import Sidecar
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.kinds.values import AttachedPolicy, PolicyTargetReference, WorkloadSelector
from galley.meta import Labels, Resource
from tests.builders import a_resource, labels

ROOT = "istio-system"


@frozen
class Policy(AttachedPolicy):
    """A policy of no kind in particular."""

    priority: int = 0


def attachment(
    precedence: Precedence = Precedence.TOGETHER, root_selector: RootSelector = RootSelector.WHOLE_MESH
) -> Attachment[Policy]:
    return Attachment(
        precedence,
        selector=lambda spec: spec.selector,
        targets=lambda spec: spec.targets,
        root_selector=root_selector,
        priority=lambda spec: spec.priority,
    )


def a_policy(
    name: str,
    *,
    namespace: str = "a",
    selects: Labels | None = None,
    targets: tuple[PolicyTargetReference, ...] = (),
    priority: int = 0,
    created: str = "",
) -> Resource[Policy]:
    selector = None if selects is None else WorkloadSelector(selects)
    spec = Policy(selector=selector, target_refs=targets, priority=priority)
    return a_resource(spec, name, namespace=namespace, created=created)


def to_gateway(name: str) -> PolicyTargetReference:
    return PolicyTargetReference(GATEWAY_API, "Gateway", name)


def names(*policies: Resource[Policy], kind: Attachment[Policy], namespace: str = "a", **asked: str) -> str:
    """The names of what reaches a workload with label ``app: x``, in order."""
    reaching = attach(policies, kind, ROOT).in_namespace(namespace).reaching(asked or labels(app="x"))
    return " ".join(policy.name for policy in reaching)


MESH_OLD = a_policy("mesh-old", namespace=ROOT, created="2020")
MESH_NEW = a_policy("mesh-new", namespace=ROOT, created="2021")
HERE_OLD, HERE_NEW = a_policy("here-old", created="2018"), a_policy("here-new", created="2019")
X_OLD = a_policy("x-old", selects=labels(app="x"), created="2016")
X_NEW = a_policy("x-new", selects=labels(app="x"), created="2017")
ROOT_X = a_policy("root-x", namespace=ROOT, selects=labels(app="x"), created="2030")
Y, FOREIGN = a_policy("y", selects=labels(app="y")), a_policy("foreign", namespace="b")
ALL = (X_NEW, MESH_NEW, Y, HERE_NEW, FOREIGN, ROOT_X, X_OLD, HERE_OLD, MESH_OLD)


@pytest.mark.parametrize(
    ("precedence", "expected"),
    [
        (Precedence.NARROWEST, "mesh-old here-old root-x x-old"),
        (Precedence.TOGETHER, "mesh-old mesh-new root-x x-old x-new here-old here-new"),
        (Precedence.MERGED, "mesh-old here-old root-x x-old x-new"),
        (Precedence.PRIORITY, "mesh-old mesh-new root-x x-old x-new here-old here-new"),
    ],
)
def test_each_precedence_has_its_order(precedence: Precedence, expected: str) -> None:
    assert names(*ALL, kind=attachment(precedence)) == expected


def test_smaller_priorities_come_first_wherever_they_are_from() -> None:
    late, early = a_policy("late", namespace=ROOT, priority=5), a_policy("early", priority=-1)
    assert names(late, HERE_OLD, early, kind=attachment(Precedence.PRIORITY)) == "early here-old late"


@pytest.mark.parametrize(
    ("root_selector", "in_root", "elsewhere"),
    [
        (RootSelector.IGNORED, "", ""),
        (RootSelector.OWN_NAMESPACE, "root-x", ""),
        (RootSelector.WHOLE_MESH, "root-x", "root-x"),
    ],
)
def test_a_selector_in_the_root_namespace(root_selector: RootSelector, in_root: str, elsewhere: str) -> None:
    kind = attachment(root_selector=root_selector)
    assert names(ROOT_X, kind=kind, namespace=ROOT) == in_root
    assert names(ROOT_X, kind=kind, namespace="a") == elsewhere
    assert names(ROOT_X, kind=kind, namespace="a", app="y") == ""


def test_an_empty_selector_is_none() -> None:
    assert names(a_policy("empty", selects=labels()), kind=attachment(), other="label") == "empty"


def test_targets_are_named_from_their_own_namespace_and_classes_from_the_root() -> None:
    a_class = PolicyTargetReference(GATEWAY_API, "GatewayClass", "istio")
    policies = (
        a_policy("own", targets=(to_gateway("edge"), to_gateway("other"))),
        a_policy("foreign", namespace="b", targets=(to_gateway("edge"),)),
        a_policy("root", namespace=ROOT, targets=(to_gateway("edge"),)),
        a_policy("class", namespace=ROOT, targets=(a_class,)),
        a_policy("misplaced-class", targets=(a_class,)),
        a_policy("service", targets=(PolicyTargetReference("core", "Service", "reviews"),)),
        a_policy("selecting", selects=labels(app="x")),
    )
    here = attach(policies, attachment(Precedence.NARROWEST), ROOT).in_namespace("a")

    def reached(*targets: Target) -> list[str]:
        return [policy.name for policy in here.reaching(labels(app="x"), frozenset(targets))]

    assert reached(Target(GATEWAY_API, "Gateway", "edge")) == ["selecting", "own"]
    assert reached(Target(GATEWAY_API, "GatewayClass", "istio")) == ["selecting", "class"]
    assert reached(Target("", "Service", "reviews")) == ["selecting", "service"]
    assert reached() == ["selecting"], "a plain sidecar stands for nothing"


def test_read_policies_are_found_as_the_resources_were() -> None:
    attached = attach(ALL, attachment(Precedence.NARROWEST), ROOT)
    read = attached.map(lambda policy: policy.name)
    for namespace in ("a", "b", "c", ROOT):
        found = attached.in_namespace(namespace).reaching(labels(app="x"))
        assert read.in_namespace(namespace).reaching(labels(app="x")) == tuple(policy.name for policy in found)
    again = attach([replace(policy) for policy in ALL], attachment(Precedence.NARROWEST), ROOT)
    assert again.map(lambda policy: policy.name).in_namespace("a") == read.in_namespace("a"), "values, not resources"


def test_how_the_kinds_are_attached() -> None:
    assert Sidecar.attachment.root_selector is RootSelector.OWN_NAMESPACE
    assert PeerAuthentication.attachment.root_selector is RootSelector.IGNORED
    assert (Gateway.attachment.precedence, Gateway.attachment.any_namespace) == (Precedence.TOGETHER, True)
    empty = a_resource(Gateway(), "every-router")
    assert attach([empty], Gateway.attachment, ROOT).in_namespace("b").reaching({}) == (empty,)


# The oracle.

NAMESPACES = st.sampled_from(["a", "b", ROOT])
LABELS = st.dictionaries(st.sampled_from(["app", "version"]), st.sampled_from(["x", "y"])).map(FrozenMap)
REFERENCES = st.builds(
    PolicyTargetReference,
    group=st.just(GATEWAY_API),
    kind=st.sampled_from(["Gateway", "GatewayClass"]),
    name=st.sampled_from(["edge", "other"]),
)


@st.composite
def policies(draw: st.DrawFn) -> list[Resource[Policy]]:
    """Policies with different names, some of the same age."""
    count = draw(st.integers(0, 8))
    return [
        a_policy(
            f"p{number}",
            namespace=draw(NAMESPACES),
            selects=draw(st.none() | LABELS),
            targets=tuple(draw(st.just([]) | st.lists(REFERENCES, max_size=2))),
            priority=draw(st.integers(-1, 1)),
            created=draw(st.sampled_from(["", "2020", "2021"])),
        )
        for number in range(count)
    ]


@frozen
class Question:
    """For whom policies are sought."""

    namespace: str
    labels: Labels
    targets: frozenset[Target]


QUESTIONS = st.builds(
    Question,
    namespace=st.sampled_from(["a", "b", "c", ROOT]),
    labels=LABELS,
    targets=st.frozensets(REFERENCES.map(lambda one: Target(one.group, one.kind, one.name)), max_size=2),
)


def expected(known: list[Resource[Policy]], kind: Attachment[Policy], question: Question) -> list[Resource[Policy]]:
    """By the words of Istio's documentation, policy by policy."""
    found: list[tuple[int, bool, Resource[Policy]]] = []
    for policy in sorted(known, key=lambda one: one.age):
        from_root, is_own = policy.namespace == ROOT, policy.namespace == question.namespace
        wanted = policy.spec.selector.match_labels if policy.spec.selector else {}
        if policy.spec.targets:
            named = {(one.kind, one.name) for one in policy.spec.targets}
            mine = {
                (one.kind, one.name)
                for one in question.targets
                if (from_root if one.kind == "GatewayClass" else is_own)
            }
            if named & mine:
                found.append((3, not from_root, policy))
        elif not wanted and (from_root or is_own):
            found.append((0 if from_root else 1, not from_root, policy))
        elif wanted and set(wanted.items()) <= set(question.labels.items()):
            valid = {RootSelector.IGNORED: False, RootSelector.OWN_NAMESPACE: is_own, RootSelector.WHOLE_MESH: True}
            if valid[kind.root_selector] if from_root else is_own:
                found.append((2, not from_root, policy))
    match kind.precedence:
        case Precedence.NARROWEST | Precedence.MERGED:
            found.sort(key=lambda one: one[:2])
            last = 3 if kind.precedence is Precedence.NARROWEST else 1
            groups = [(level, list(group)) for (level, _), group in groupby(found, key=lambda one: one[:2])]
            found = [one for level, group in groups for one in (group[:1] if level <= last else group)]
        case Precedence.TOGETHER:
            found.sort(key=lambda one: one[1])
        case Precedence.PRIORITY:
            found.sort(key=lambda one: (one[2].spec.priority, one[1]))
    return [policy for _, _, policy in found]


@given(policies(), st.sampled_from(Precedence), st.sampled_from(RootSelector), QUESTIONS, st.data())
def test_the_index_finds_what_the_oracle_finds_in_whatever_order_documents_come(
    known: list[Resource[Policy]],
    precedence: Precedence,
    root_selector: RootSelector,
    question: Question,
    data: st.DataObject,
) -> None:
    kind = attachment(precedence, root_selector)
    wanted = expected(known, kind, question)
    for order in (known, data.draw(st.permutations(known))):
        found = attach(order, kind, ROOT).in_namespace(question.namespace)
        assert list(found.reaching(question.labels, question.targets)) == wanted
