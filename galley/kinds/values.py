"""Values that several kinds share, and the field declarations that mark what is read but not translated yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar

from galley.frozen import FrozenMap, frozen
from galley.meta import NO_LABELS, Labels

UNIX_SCHEME = "unix://"
"""An address that begins with it is the path of a Unix domain socket, wherever Istio's API takes addresses."""


def unsupported(default: Any, reason: str = "") -> Any:
    """Declare a field that is read and checked but not translated yet: its presence is a warning with its line."""
    return field(default=default, metadata={"unsupported": reason or "it has no effect yet"})


def unenforced(default: Any, reason: str) -> Any:
    """Declare a security setting that cannot be enforced yet: its presence is an error, for it would leave a door
    open (a warning under ``--accept-unenforced``)."""
    return field(default=default, metadata={"unenforced": reason})


def until_identities(*values: str) -> dict[str, Any]:
    """In a field's metadata: where the mesh issues identities, these values (none: all) need no warning."""
    return {"until_identities": values or True}


def named(name: str, default: Any) -> Any:
    """Declare a field whose name in YAML is not the lowerCamelCase form of the attribute."""
    return field(default=default, metadata={"name": name})


@frozen
class StringMatch:
    """How a string is compared: at most one of the three. None of them set means "any value, but present"."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("exact", "prefix", "regex"),)
    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None

    @property
    def is_presence(self) -> bool:
        """Whether any value matches: nothing set, or the regex ``*`` that Istio reads the same way."""
        return self.exact is None and self.prefix is None and self.regex in (None, "*")


@frozen
class Percent:
    """A percentage, 0 to 100, fractions allowed."""

    value: float = 0.0


@frozen
class PortSelector:
    """Names a port of a service by its number."""

    number: int = 0


@frozen
class Destination:
    """Where a request goes: host (short names relate to the resource's namespace), subset and port."""

    host: str = ""
    subset: str = ""
    port: PortSelector | None = None


@frozen
class WorkloadSelector:
    """Workloads by their labels, which must contain ``match_labels``; without any it selects every workload.

    Istio's ``type.istio.io`` WorkloadSelector, as DestinationRule and the policies write it.
    """

    match_labels: Labels = NO_LABELS

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing, which Istio reads like no selector at all."""
        return not self.match_labels

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether a workload with ``labels`` is selected."""
        return self.match_labels.selects(labels)


@frozen
class NetworkingWorkloadSelector(WorkloadSelector):
    """The same as the older kinds of ``networking.istio.io`` write it: the labels stand under ``labels``."""

    match_labels: Labels = named("labels", NO_LABELS)


@frozen
class PolicyTargetReference:
    """The one resource that a policy is for: Istio's ``type.istio.io`` PolicyTargetReference.

    ``group`` is that of the resource's ``apiVersion``, "" for Kubernetes' core kinds. ``namespace`` is read so that it
    can be refused: Istio knows no references to other namespaces.
    """

    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""


_NO_TARGETS = "no proxy stands for a target yet (Istio's are waypoints and Gateway API gateways), so it reaches nobody"


@frozen
class AttachedPolicy:
    """Base of the specs that say themselves whom they are for: AuthorizationPolicy, RequestAuthentication, Telemetry
    and WasmPlugin. At most one of the three is given; none means the whole namespace, or the mesh.

    A policy for targets would have no effect without anybody knowing, so it is refused; a kind that is not about
    security may declare the two fields again, as ``unsupported``.
    """

    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = unenforced(None, _NO_TARGETS)
    target_refs: tuple[PolicyTargetReference, ...] = unenforced((), _NO_TARGETS)

    @property
    def targets(self) -> tuple[PolicyTargetReference, ...]:
        """The resources it is attached to, however they are written; none when workloads are selected."""
        return (self.target_ref,) if self.target_ref is not None else self.target_refs


class ClientTlsMode(StrEnum):
    """DestinationRule ``tls.mode``."""

    DISABLE = "DISABLE"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"


@frozen
class ClientTlsSettings:
    """TLS that a client's proxy originates. Certificate fields are paths on the proxy's own file system."""

    mode: ClientTlsMode = field(
        default=ClientTlsMode.DISABLE,
        metadata={
            "unenforced_values": {
                "ISTIO_MUTUAL": "the mesh issues no identities, so the connection would be plain text"
            },
            **until_identities("ISTIO_MUTUAL"),
        },
    )
    client_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    credential_name: str = unenforced("", "credentials are not served by SDS yet; name certificate files instead")
    subject_alt_names: tuple[str, ...] = ()
    sni: str = ""
    insecure_skip_verify: bool | None = None
    ca_crl: str = ""


@frozen
class Failover:
    """Traffic of region ``from`` goes to region ``to`` when it has no healthy endpoint."""

    from_region: str = named("from", "")
    to_region: str = named("to", "")


@frozen
class Distribute:
    """Weights (summing to 100) of the localities that traffic of locality ``from`` goes to."""

    from_locality: str = named("from", "")
    to: FrozenMap[str, int] = field(default_factory=FrozenMap)


@frozen
class TcpKeepalive:
    """TCP keepalive of upstream connections; unset values are the operating system's."""

    probes: int = 0
    time: timedelta | None = None
    interval: timedelta | None = None
