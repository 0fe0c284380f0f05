from __future__ import annotations

import pytest

from galley.decoding.messages import message_decoder
from galley.kinds.values import NetworkingWorkloadSelector, WorkloadSelector
from galley.text.compose import compose
from galley.text.diagnostics import Origin
from galley.text.recorder import Recorder
from tests.builders import labels


def decoded(kind: type, text: str) -> WorkloadSelector | list[str]:
    (document,), _ = compose(text.encode(), "a.yaml")
    recorder = Recorder(Origin("a.yaml"))
    selector = message_decoder(kind)(document.root, "selector", recorder)
    return selector if isinstance(selector, WorkloadSelector) else [one.code for one in recorder.diagnostics]


@pytest.mark.parametrize(
    ("kind", "name", "other"),
    [(WorkloadSelector, "matchLabels", "labels"), (NetworkingWorkloadSelector, "labels", "matchLabels")],
)
def test_a_selector_is_one_value_under_the_two_names_that_istio_has_for_its_labels(
    kind: type[WorkloadSelector], name: str, other: str
) -> None:
    selector = decoded(kind, f"{name}: {{app: reviews}}")
    assert isinstance(selector, WorkloadSelector)
    assert selector.match_labels == labels(app="reviews")
    assert selector.selects(labels(app="reviews", version="v1"))
    assert not selector.selects(labels(app="ratings"))
    assert decoded(kind, f"{other}: {{app: reviews}}") == ["unknown-field"]


def test_a_selector_without_labels_asks_for_nothing_and_selects_all() -> None:
    selector = WorkloadSelector()
    assert selector.is_empty
    assert selector.selects(labels())
    assert not WorkloadSelector(labels(app="x")).is_empty
