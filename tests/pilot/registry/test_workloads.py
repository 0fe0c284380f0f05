from galley.frozen import FrozenMap
from galley.kinds.networking.service_entry import WorkloadEntry, WorkloadGroup, WorkloadGroupMetadata
from pilot.node.locality import Locality
from pilot.registry.workloads import Registrations, workload_of_entry, workload_of_registration, workload_of_resource
from tests.builders import a_registered_workload, a_resource, a_workload_entry, labels


def test_labels_in_the_metadata_of_a_workload_entry_beat_those_in_its_spec() -> None:
    entry = a_resource(
        WorkloadEntry(address="10.0.0.1", labels=labels(app="a", tier="x")), "w", metadata_labels={"app": "b"}
    )
    assert workload_of_resource(entry).labels == labels(app="b", tier="x")


def test_locality_comes_from_the_field_else_from_the_label() -> None:
    by_label = WorkloadEntry(address="10.0.0.1", labels=FrozenMap({"istio-locality": "eu.west.a"}))
    assert workload_of_entry(by_label, "default").locality == Locality(region="eu", zone="west", sub_zone="a")
    both = WorkloadEntry(address="10.0.0.1", locality="us/east", labels=by_label.labels)
    assert workload_of_entry(both, "default").locality == Locality(region="us", zone="east")


def test_an_unset_weight_counts_as_one() -> None:
    assert workload_of_resource(a_workload_entry()).weight == 1
    assert workload_of_resource(a_workload_entry(weight=7)).weight == 7


def test_the_node_speaks_over_its_group_which_speaks_over_its_template() -> None:
    template = WorkloadEntry(
        labels=labels(app="t", a="t", b="t"),
        ports=FrozenMap({"http": 80, "grpc": 90}),
        weight=3,
        service_account="bookinfo",
        locality="eu/west",
        network="vm",
    )
    group = a_resource(
        WorkloadGroup(metadata=WorkloadGroupMetadata(labels=labels(a="g", b="g")), template=template), "reviews"
    )
    claim = a_registered_workload(
        labels=labels(b="n"), ports=FrozenMap({"http": 8080}), service_account="own", locality=Locality(region="us")
    )
    workload = workload_of_registration(claim, group)
    assert workload.labels == labels(app="t", a="g", b="n")
    assert workload.ports == FrozenMap({"http": 8080, "grpc": 90})
    assert (workload.weight, workload.network, workload.service_account) == (3, "vm", "own")
    assert workload.locality == Locality(region="us")


def test_a_proxy_that_has_proven_nothing_has_no_account_from_a_group_that_it_names() -> None:
    template = WorkloadEntry(labels=labels(app="t"), service_account="bookinfo")
    group = a_resource(WorkloadGroup(template=template), "reviews")
    for identified, account in ((True, "bookinfo"), (False, "")):
        workload = workload_of_registration(a_registered_workload(identified=identified), group)
        assert workload.service_account == account


def test_without_a_group_the_node_alone_speaks() -> None:
    claim = a_registered_workload("10.1.1.1", app="ratings")
    workload = workload_of_registration(claim, None)
    assert (workload.address, workload.labels, workload.weight) == ("10.1.1.1", labels(app="ratings"), 1)


def test_a_workload_is_there_until_its_grace_period_has_passed() -> None:
    registrations = Registrations(grace=5.0)
    workload = a_registered_workload()
    assert registrations.connect(workload)
    registrations.listening(workload.id)
    assert registrations.workloads == (workload,)
    assert not registrations.disconnect(workload.id, now=10.0)
    assert registrations.next_expiry() == 15.0
    assert not registrations.expire(14.9)
    assert registrations.workloads == (workload,)
    assert registrations.expire(15.0)
    assert not registrations.workloads
    assert registrations.next_expiry() is None


def test_a_reconnect_within_the_grace_period_is_no_change() -> None:
    registrations = Registrations(grace=5.0)
    workload = a_registered_workload()
    registrations.connect(workload)
    registrations.listening(workload.id)
    registrations.disconnect(workload.id, now=10.0)
    assert not registrations.connect(workload)
    assert not registrations.expire(100.0)
    assert registrations.workloads == (workload,)


def test_the_last_of_several_streams_counts() -> None:
    registrations = Registrations(grace=0.0)
    workload = a_registered_workload()
    registrations.connect(workload)
    registrations.connect(workload)
    assert not registrations.disconnect(workload.id, now=1.0)
    assert registrations.disconnect(workload.id, now=2.0)
    assert registrations.workloads == ()


def test_what_a_node_says_last_replaces_what_it_said_before() -> None:
    registrations = Registrations(grace=5.0)
    old = a_registered_workload(labels=labels(version="v1"))
    new = a_registered_workload(labels=labels(version="v2"))
    registrations.connect(old)
    registrations.listening(old.id)
    assert registrations.connect(new)
    assert registrations.workloads == (new,)


def test_a_workload_serves_from_when_its_envoy_has_listeners() -> None:
    registrations = Registrations(grace=5.0)
    workload = a_registered_workload()
    registrations.connect(workload)
    assert [one.serving for one in registrations.workloads] == [False]
    assert registrations.listening(workload.id)
    assert [one.serving for one in registrations.workloads] == [True]
    assert not registrations.listening(workload.id), "said twice"
    assert not registrations.listening("nobody")


def test_closing_an_unknown_stream_changes_nothing() -> None:
    registrations = Registrations(grace=0.0)
    assert not registrations.disconnect("nobody", now=1.0)
    registrations.connect(a_registered_workload())
    registrations.disconnect(a_registered_workload().id, now=1.0)
    assert not registrations.disconnect(a_registered_workload().id, now=2.0)


def test_restored_workloads_have_the_grace_period_to_come_back() -> None:
    registrations = Registrations(grace=5.0)
    back, gone = a_registered_workload("10.0.0.1"), a_registered_workload("10.0.0.2")
    assert registrations.restore((back, gone), now=100.0)
    assert registrations.workloads == (back, gone)
    assert not registrations.connect(back)
    assert registrations.expire(105.0)
    assert list(registrations.workloads) == [back]


def test_a_workload_that_is_already_connected_is_not_restored_over() -> None:
    registrations = Registrations(grace=5.0)
    now_says = a_registered_workload(labels=labels(version="v2"))
    registrations.connect(now_says)
    registrations.listening(now_says.id)
    assert not registrations.restore((a_registered_workload(labels=labels(version="v1")),), now=0.0)
    assert not registrations.expire(100.0)
    assert registrations.workloads == (now_says,)


def test_a_workload_that_is_reported_unhealthy_does_not_serve_until_the_opposite_is_said() -> None:
    registrations = Registrations(grace=5.0)
    workload = a_registered_workload()
    registrations.connect(workload)
    registrations.listening(workload.id)
    assert registrations.report(workload.id, healthy=False)
    assert not registrations.report(workload.id, healthy=False)
    assert [one.serving for one in registrations.workloads] == [False]
    assert not registrations.listening(workload.id)
    assert registrations.report(workload.id, healthy=True)
    assert registrations.workloads == (workload,)
    assert not registrations.report("somebody else", healthy=False)


def test_what_another_has_said_of_a_node_id_does_not_hold_for_who_proves_to_be_it() -> None:
    registrations = Registrations(grace=5.0)
    proven = a_registered_workload(service_account="reviews")
    stranger = a_registered_workload(identified=False)
    registrations.connect(stranger)
    registrations.listening(stranger.id)
    registrations.connect(proven)
    assert [one.serving for one in registrations.workloads] == [False]
    registrations.report(proven.id, healthy=False)
    registrations.connect(stranger)
    registrations.connect(proven)
    registrations.listening(proven.id)
    assert registrations.workloads == (proven,)
    registrations.connect(proven)
    assert registrations.workloads == (proven,), "another stream of the same changes nothing"


def test_the_next_life_of_one_that_left_serves_once_it_has_its_listeners() -> None:
    registrations = Registrations(grace=5.0)
    workload = a_registered_workload()
    registrations.connect(workload)
    registrations.listening(workload.id)
    registrations.report(workload.id, healthy=False)
    registrations.disconnect(workload.id, now=10.0)
    assert not registrations.connect(workload)
    assert [one.serving for one in registrations.workloads] == [False]
    assert registrations.listening(workload.id)
    assert registrations.workloads == (workload,)
