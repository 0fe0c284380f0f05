import pytest

from pilot.inject.capture_flags import capture_flags, interception_of
from pilot.node.metadata import Interception

PREFIX = "traffic.sidecar.istio.io/"


def test_annotations_beat_what_holds_for_all() -> None:
    given = {f"{PREFIX}excludeOutboundPorts": "25, 587", "app": "web"}
    assert capture_flags(given, {"excludeOutboundPorts": "1", "includeInboundPorts": "*"}) == [
        "--include-inbound-ports=*",
        "--exclude-outbound-ports=25,587",
    ]


def test_an_empty_list_is_one_too() -> None:
    assert capture_flags({f"{PREFIX}includeInboundPorts": ""}, {}) == ["--include-inbound-ports="]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("excludeInboundPorts", "x", "excludeInboundPorts: 'x' is not a port"), ("excludeInbound", "1", "did you mean")],
)
def test_a_bad_annotation_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        capture_flags({PREFIX + name: value}, {})


def test_the_mode_of_a_workload_beats_that_of_all() -> None:
    assert (
        interception_of({"sidecar.istio.io/interceptionMode": "tproxy"}, Interception.REDIRECT) is Interception.TPROXY
    )
    with pytest.raises(ValueError, match="neither"):
        interception_of({"sidecar.istio.io/interceptionMode": "NONE"}, Interception.REDIRECT)
