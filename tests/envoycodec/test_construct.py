from __future__ import annotations

import datetime
from typing import Any

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import Cluster, ClusterLbPolicy
from envoy_data_plane.envoy.config.core.v3 import Metadata, SocketAddress
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment, LocalityLbEndpoints
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration

from envoycodec.construct import maker

new_cluster = maker(Cluster)
new_metadata = maker(Metadata)


@pytest.mark.parametrize("cls", [Cluster, Metadata, SocketAddress, ClusterLoadAssignment, RouteConfiguration])
def test_defaults_are_those_of_the_validated_constructor(cls: Any) -> None:
    made, validated = maker(cls)(), cls()
    assert made == validated
    assert vars(made) == vars(validated)
    assert {name: type(value) for name, value in vars(made).items()} == {
        name: type(value) for name, value in vars(validated).items()
    }


def test_a_made_message_equals_a_validated_one() -> None:
    values: dict[str, Any] = {
        "name": "a",
        "lb_policy": ClusterLbPolicy.LEAST_REQUEST,
        "connect_timeout": datetime.timedelta(seconds=1),
        "metadata": Metadata(),
    }
    made, validated = new_cluster(**values), Cluster(**values)
    assert made == validated
    assert repr(made) == repr(validated)
    assert bytes(made) == bytes(validated)


def test_unknown_fields_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Cluster has no field alt_nmae, nmae"):
        new_cluster(nmae="a", alt_nmae="b")  # type: ignore[call-arg]


def test_positional_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="keyword arguments only"):
        new_cluster([])


def test_containers_are_not_shared_between_messages() -> None:
    first, second = new_cluster(), new_cluster()
    first.health_checks.append(object())  # type: ignore[arg-type]
    assert second.health_checks == []
    one, other = new_metadata(), new_metadata()
    one.filter_metadata["a"] = object()  # type: ignore[assignment]
    assert other.filter_metadata == {}


def test_given_containers_are_kept_as_they_are() -> None:
    localities = [LocalityLbEndpoints()]
    assert maker(ClusterLoadAssignment)(endpoints=localities).endpoints is localities


def test_a_maker_is_made_without_reading_the_class() -> None:
    class Unreadable:
        def __init__(self, *, name: str = "") -> None:
            raise AssertionError("not to be called")

    make = maker(Unreadable)
    with pytest.raises(TypeError, match="dataclass"):
        make(name="a")
