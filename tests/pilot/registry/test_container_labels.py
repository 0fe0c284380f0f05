"""Labels of containers: what they say, what they default to, and what is refused."""

from __future__ import annotations

import pytest

from pilot.registry.catalog import Protocol
from pilot.registry.container_labels import ContainerLabels, name_port, name_ports, read_container_labels
from pilot.registry.protocol import kubernetes_protocol


def read(labels: dict[str, str], default_service: str = "web") -> ContainerLabels:
    return read_container_labels(labels, default_service=default_service)


def test_without_labels_everything_is_called_after_the_service() -> None:
    settings = read({}, default_service="Reviews")
    assert settings == ContainerLabels(service="reviews", service_account="reviews", labels=settings.labels)
    assert dict(settings.labels) == {"app": "reviews"}
    assert settings.namespace == "default"
    assert settings.ports is None
    assert settings.inject is None
    assert settings.discover


def test_labels_say_who_the_workload_is() -> None:
    settings = read(
        {
            "pilothouse.io/service": "reviews",
            "pilothouse.io/namespace": "shop",
            "pilothouse.io/service-account": "bookinfo-reviews",
            "pilothouse.io/ports": " http=9080, tcp-db=5432 ,",
            "sidecar.istio.io/inject": "true",
            "pilothouse.io/discover": "false",
        },
        default_service="reviews-v2",
    )
    assert (settings.service, settings.namespace, settings.service_account) == ("reviews", "shop", "bookinfo-reviews")
    assert settings.ports is not None
    assert dict(settings.ports) == {"http": 9080, "tcp-db": 5432}
    assert settings.inject is True
    assert not settings.discover


def test_the_service_account_defaults_to_the_labelled_service() -> None:
    assert read({"pilothouse.io/service": "reviews"}, default_service="reviews-v2").service_account == "reviews"


def test_an_empty_ports_label_says_that_there_are_none() -> None:
    assert read({"pilothouse.io/ports": ""}).ports == name_ports(())


def test_a_port_without_a_name_is_named_by_its_number() -> None:
    ports = read({"pilothouse.io/ports": "5432,9080"}).ports
    assert ports is not None
    assert dict(ports) == {"tcp-postgres": 5432, "port-9080": 9080}


def test_labels_of_vendors_images_and_ours_are_not_those_of_the_workload() -> None:
    settings = read(
        {
            "app": "reviews",
            "version": "v2",
            "team": "blue",
            "app.kubernetes.io/name": "reviews",
            "topology.istio.io/locality": "eu.north",
            "com.docker.compose.service": "reviews",
            "org.opencontainers.image.version": "1.2",
            "io.buildah.version": "1",
            "desktop.docker.io/wsl-distro": "x",
            "pilothouse.io/service": "reviews",
            "sidecar.istio.io/inject": "true",
            "maintainer": "Somebody <somebody@example.com>",
            "traefik.http.routers.x.rule": "Host(`x`)",
        }
    )
    assert dict(settings.labels) == {
        "app": "reviews",
        "version": "v2",
        "team": "blue",
        "app.kubernetes.io/name": "reviews",
        "topology.istio.io/locality": "eu.north",
    }


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", " true "])
def test_yes(word: str) -> None:
    assert read({"sidecar.istio.io/inject": word}).inject is True


@pytest.mark.parametrize("word", ["false", "no", "OFF"])
def test_no(word: str) -> None:
    assert read({"sidecar.istio.io/inject": word}).inject is False


@pytest.mark.parametrize(
    ("label", "value", "complaint"),
    [
        ("sidecar.istio.io/inject", "maybe", 'neither "true" nor "false"'),
        ("sidecar.istio.io/inject", "", 'neither "true" nor "false"'),
        ("pilothouse.io/discover", "0", 'neither "true" nor "false"'),
        ("pilothouse.io/ports", "http", "NAME=NUMBER"),
        ("pilothouse.io/ports", "http=", "NAME=NUMBER"),
        ("pilothouse.io/ports", "http=0", "from 1 to 65535"),
        ("pilothouse.io/ports", "http=65536", "from 1 to 65535"),
        ("pilothouse.io/ports", "http=-1", "from 1 to 65535"),
        ("pilothouse.io/ports", "http=8 0", "from 1 to 65535"),
        ("pilothouse.io/ports", "http=٩", "from 1 to 65535"),
        ("pilothouse.io/ports", "=80", "not the name of a port"),
        ("pilothouse.io/ports", "HTTP=80", "not the name of a port"),
        ("pilothouse.io/ports", "http=80,http=81", "two ports 'http'"),
        ("pilothouse.io/ports", "http=80,tcp=80", "port 80 twice"),
        ("pilothouse.io/service", "a.b", "not the name of a service"),
        ("pilothouse.io/service", "x" * 64, "not the name of a service"),
        ("pilothouse.io/service-account", "a/b", "not the name of a service"),
        ("pilothouse.io/namespace", "A", "not the name of a namespace"),
        ("pilothouse.io/namespace", "under_score", "not the name of a namespace"),
        ("version", "v 2", "cannot be selected by"),
        ("app", "-x", "cannot be selected by"),
    ],
)
def test_a_malformed_value_is_refused_by_the_name_of_its_label(label: str, value: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        read({label: value})
    assert label in str(raised.value)
    assert complaint in str(raised.value)


def test_a_misspelled_label_is_refused_and_an_unknown_one_is_not() -> None:
    with pytest.raises(ValueError, match=r"'pilothouse\.io/port' is unknown; did you mean 'pilothouse\.io/ports'\?"):
        read({"pilothouse.io/port": "http=80"})
    read({"pilothouse.io/something-new": "x"})


def test_a_name_that_can_be_no_service_is_refused_with_the_label_that_helps() -> None:
    with pytest.raises(ValueError, match=r"without label pilothouse\.io/service, the name 'a\.b'"):
        read({}, default_service="a.b")
    assert read({}, default_service="my_db").service == "my_db"


@pytest.mark.parametrize(
    ("number", "protocol"),
    [
        (5432, Protocol.TCP), (3306, Protocol.TCP), (6379, Protocol.TCP), (27017, Protocol.TCP), (5672, Protocol.TCP),
        (9092, Protocol.TCP), (11211, Protocol.TCP), (22, Protocol.TCP), (443, Protocol.HTTPS), (8443, Protocol.HTTPS),
        (5671, Protocol.TLS), (80, Protocol.AUTO), (8080, Protocol.AUTO), (9080, Protocol.AUTO),
    ],
)  # fmt: skip
def test_the_number_alone_says_the_protocol_or_leaves_it_to_be_detected(number: int, protocol: Protocol) -> None:
    name = name_port(number)
    assert kubernetes_protocol(transport="TCP", app_protocol="", name=name, number=number) is protocol
