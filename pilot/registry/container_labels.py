"""The labels of a container or a Compose service that are settings of the mesh, and the name of a port without one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from galley.frozen import FrozenMap, frozen
from galley.kinds.networking.service_entry import NO_PORTS
from galley.meta import NO_LABELS, Labels

INJECT_LABEL = "sidecar.istio.io/inject"
PORTS_LABEL = "pilothouse.io/ports"
SERVICE_LABEL = "pilothouse.io/service"
SERVICE_ACCOUNT_LABEL = "pilothouse.io/service-account"
NAMESPACE_LABEL = "pilothouse.io/namespace"
DISCOVER_LABEL = "pilothouse.io/discover"

DEFAULT_NAMESPACE = "default"

_OURS = (PORTS_LABEL, SERVICE_LABEL, SERVICE_ACCOUNT_LABEL, NAMESPACE_LABEL, DISCOVER_LABEL)
_VENDOR_PREFIXES = ("com.", "org.", "io.", "net.", "dev.", "desktop.docker.io/", "pilothouse.io/", "sidecar.istio.io/")
"""Docker's convention for labels of tools and images is a reversed domain name; ours and Istio's are read, not kept."""

_YES = frozenset({"true", "yes", "y", "on"})  # what Istio's injector takes for yes
_NO = frozenset({"false", "no", "n", "off"})

_IS_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?").fullmatch
_IS_NAME = re.compile(r"[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?").fullmatch
"""Kubernetes' rule and the underscore, which Compose allows in the name of a service and its DNS answers."""
_IS_PORT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?").fullmatch
_IS_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?").fullmatch
_IS_LABEL_KEY = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?").fullmatch

_WELL_KNOWN_PORTS = {
    21: "tcp-ftp",
    22: "tcp-ssh",
    25: "tcp-smtp",
    110: "tcp-pop3",
    143: "tcp-imap",
    389: "tcp-ldap",
    443: "https",
    465: "tls-smtps",
    587: "tcp-submission",
    636: "tls-ldaps",
    853: "tls-dns",
    993: "tls-imaps",
    995: "tls-pop3s",
    1433: "tcp-mssql",
    1521: "tcp-oracle",
    1883: "tcp-mqtt",
    2181: "tcp-zookeeper",
    3306: "tcp-mysql",
    4222: "tcp-nats",
    5432: "tcp-postgres",
    5671: "tls-amqps",
    5672: "tcp-amqp",
    6379: "tcp-redis",
    6432: "tcp-pgbouncer",
    7687: "tcp-bolt",
    8443: "https-8443",
    8883: "tls-mqtts",
    9042: "tcp-cassandra",
    9092: "tcp-kafka",
    11211: "tcp-memcached",
    26257: "tcp-cockroach",
    26379: "tcp-sentinel",
    27017: "tcp-mongo",
    61616: "tcp-openwire",
}
"""Databases, queues and mail by their usual ports: in many of them the server speaks first, and to detect the protocol
would only delay them. The prefix says the protocol as in the name of a Kubernetes port."""


@frozen
class ContainerLabels:
    """The settings of a workload that its labels are, with defaults filled in."""

    service: str
    namespace: str = DEFAULT_NAMESPACE
    service_account: str = ""
    """Never empty when made by ``read_container_labels``."""
    ports: FrozenMap[str, int] | None = None
    """Port numbers by Kubernetes port name; None when the label is absent, empty where it is: no port is served."""
    labels: Labels = NO_LABELS
    """The labels of the workload, which selectors ask about; ``app`` is always there."""
    inject: bool | None = None
    """Whether a sidecar is wanted; None without the label."""
    discover: bool = True
    """Whether a registry may make endpoints of the container."""


def read_container_labels(labels: Mapping[str, str], *, default_service: str) -> ContainerLabels:
    """Read the labels of one container, or of one service of a compose file, which is called ``default_service``.

    Raises ValueError with the name of the label and what would be right. A label that Kubernetes could not
    carry (images have such, for example ``maintainer``) is not one of the workload.
    """
    _refuse_misspelled(labels)
    service = _name(labels, SERVICE_LABEL, default_service)
    return ContainerLabels(
        service=service,
        namespace=_namespace(labels),
        service_account=_name(labels, SERVICE_ACCOUNT_LABEL, service),
        ports=_read_ports(labels[PORTS_LABEL]) if PORTS_LABEL in labels else None,
        labels=_workload_labels(labels, service),
        inject=_yes_or_no(labels, INJECT_LABEL),
        discover=_yes_or_no(labels, DISCOVER_LABEL) is not False,
    )


def is_no(labels: Mapping[str, str], label: str) -> bool:
    """Whether ``label`` is there and false; for labels of containers that are not read whole."""
    return labels.get(label, "").strip().lower() in _NO


def name_port(number: int) -> str:
    """The Kubernetes port name of a TCP port of which only the number is known.

    Well-known ports of databases, queues and mail are ``tcp-…`` or ``tls-…``, 443 and 8443 are ``https…``. Any other is
    ``port-NUMBER``, which names no protocol, so that it is detected.
    """
    return _WELL_KNOWN_PORTS.get(number, f"port-{number}")


def name_ports(numbers: Iterable[int]) -> FrozenMap[str, int]:
    """``name_port`` of each number, as the ``ports`` of a workload."""
    return FrozenMap({name_port(number): number for number in numbers})


def _refuse_misspelled(labels: Mapping[str, str]) -> None:
    """Only near misses are refused: a label that a newer version knows must not break this one."""
    for label in labels:
        ours = label.startswith("pilothouse.io/") and label not in _OURS
        if ours and (close := difflib.get_close_matches(label, _OURS, n=1, cutoff=0.88)):
            raise ValueError(f"label {label!r} is unknown; did you mean {close[0]!r}?")


def _name(labels: Mapping[str, str], label: str, default: str) -> str:
    name = labels.get(label, "").strip().lower() or default.lower()
    if not _IS_NAME(name):
        source = f"label {label}" if labels.get(label) else f"without label {label}, the name"
        raise ValueError(
            f"{source} {name!r} is not the name of a service: up to 63 of a-z, 0-9, '-' and '_', for example "
            f"{label}=web"
        )
    return name


def _namespace(labels: Mapping[str, str]) -> str:
    namespace = labels.get(NAMESPACE_LABEL, "").strip() or DEFAULT_NAMESPACE
    if not _IS_NAMESPACE(namespace):
        raise ValueError(
            f"label {NAMESPACE_LABEL} {namespace!r} is not the name of a namespace: up to 63 of a-z, 0-9 and '-'"
        )
    return namespace


def _yes_or_no(labels: Mapping[str, str], label: str) -> bool | None:
    text = labels.get(label)
    if text is None:
        return None
    word = text.strip().lower()
    if word not in _YES and word not in _NO:
        raise ValueError(f'label {label} {text!r} is neither "true" nor "false"')
    return word in _YES


def _read_ports(text: str) -> FrozenMap[str, int]:
    ports: dict[str, int] = {}
    for name, number in _port_entries(text):
        if name in ports:
            raise ValueError(f"label {PORTS_LABEL} {text!r} names two ports {name!r}; names must differ: http, http-2")
        if number in ports.values():
            raise ValueError(f"label {PORTS_LABEL} {text!r} has port {number} twice")
        ports[name] = number
    return FrozenMap(ports) if ports else NO_PORTS


def _port_entries(text: str) -> Iterator[tuple[str, int]]:
    """Pairs of ``name=number,…``; a mere number gets the name that ``name_port`` gives it."""
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, separator, digits = (part.strip() for part in entry.rpartition("="))
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else 0
        if not 1 <= number <= 65535:
            raise ValueError(
                f"label {PORTS_LABEL} {text!r}: {entry!r} is not NAME=NUMBER with a number from 1 to 65535, for "
                f"example {PORTS_LABEL}=http=9080,tcp-db=5432"
            )
        if separator and not _IS_PORT_NAME(name):
            raise ValueError(
                f"label {PORTS_LABEL} {text!r}: {name!r} is not the name of a port: a protocol and a suffix of a-z, "
                "0-9 and '-', for example http, grpc-web, tcp-db"
            )
        yield (name if separator else name_port(number)), number


def _workload_labels(labels: Mapping[str, str], service: str) -> Labels:
    for label in ("app", "version"):
        if not _IS_LABEL_VALUE(labels.get(label, "")):
            raise ValueError(
                f"label {label} {labels[label]!r} cannot be selected by: up to 63 letters, digits, '-', '_' and '.', "
                "with a letter or digit first and last"
            )
    kept = {
        label: value
        for label, value in labels.items()
        if not label.startswith(_VENDOR_PREFIXES) and _IS_LABEL_KEY(label) and _IS_LABEL_VALUE(value)
    }
    kept["app"] = kept.get("app") or service
    return FrozenMap(kept)
