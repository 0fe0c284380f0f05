"""Workloads that services select: WorkloadEntry resources, and Envoys that register themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from galley.frozen import FrozenMap, frozen
from galley.kinds.networking.service_entry import NO_PORTS, WorkloadEntry, WorkloadGroup
from galley.meta import NO_LABELS, Labels, Resource
from pilot.node.locality import Locality
from pilot.registry.catalog import Workload

_NOWHERE = Locality()
_LOCALITY_LABELS = ("topology.istio.io/locality", "istio-locality")


@frozen
class RegisteredWorkload:
    """A workload as its connected proxy describes it; ``group`` names a WorkloadGroup of its namespace, or is ""."""

    id: str
    namespace: str
    address: str
    ports: FrozenMap[str, int] = NO_PORTS
    labels: Labels = NO_LABELS
    network: str = ""
    locality: Locality = Locality()
    service_account: str = ""
    group: str = ""
    serving: bool = True
    """Whether peers may be sent to it: not before its Envoy has its listeners."""
    proxied_ports: tuple[int, ...] | None = None
    """The ports behind the proxy; None for all."""
    identified: bool = True
    """Whether the proxy has proven who it is; always so where nobody can."""

    def is_of_same_owner(self, other: RegisteredWorkload) -> bool:
        """Whether the same has been proven for both."""
        own, others = ((one.identified, one.namespace, one.service_account) for one in (self, other))
        return own == others


def workload_of_entry(
    entry: WorkloadEntry, namespace: str, metadata_labels: Labels = NO_LABELS, name: str = ""
) -> Workload:
    """The workload that a WorkloadEntry describes; labels in its metadata beat those in its spec."""
    labels: Labels = FrozenMap({**entry.labels, **metadata_labels}) if metadata_labels else entry.labels
    return Workload(
        namespace=namespace,
        address=entry.address,
        ports=entry.ports,
        labels=labels,
        network=entry.network,
        locality=_locality(entry.locality, labels),
        weight=max(entry.weight, 1),
        service_account=entry.service_account,
        id=name,
    )


def workload_of_resource(resource: Resource[WorkloadEntry]) -> Workload:
    """``workload_of_entry`` for a WorkloadEntry document."""
    return workload_of_entry(resource.spec, resource.namespace, resource.labels, name=str(resource.key))


def workload_of_registration(registered: RegisteredWorkload, group: Resource[WorkloadGroup] | None) -> Workload:
    """A self-registered workload: the node's own words over its WorkloadGroup.

    Labels are those of the template, overridden by the group's metadata, overridden by the node (Istio's
    auto-registration). One that has proven nothing may name any group, so it has no service account from there, which
    clients would accept.
    """
    spec = group.spec if group else WorkloadGroup()
    template = spec.template or WorkloadEntry()
    labels: Labels = FrozenMap(
        {**template.labels, **(spec.metadata.labels if spec.metadata else {}), **registered.labels}
    )
    locality = registered.locality if registered.locality != Locality() else _locality(template.locality, labels)
    return Workload(
        namespace=registered.namespace,
        address=registered.address,
        ports=FrozenMap({**template.ports, **registered.ports}),
        labels=labels,
        network=registered.network or template.network,
        locality=locality,
        weight=max(template.weight, 1),
        service_account=registered.service_account or (template.service_account if registered.identified else ""),
        id=registered.id,
        serving=registered.serving,
        proxied_ports=registered.proxied_ports,
    )


def _locality(text: str, labels: Mapping[str, str]) -> Locality:
    """An explicit ``region/zone/subzone``, else the locality label."""
    written = text or next((labels[name] for name in _LOCALITY_LABELS if name in labels), "")
    return Locality.parse(written) if written else _NOWHERE


@dataclass
class _Presence:
    """One registered node: its latest words, whether it serves and is well, its open streams, and since when it has
    none."""

    workload: RegisteredWorkload
    serving: bool = False
    healthy: bool = True
    streams: int = 0
    gone_since: float | None = None

    def as_registered(self) -> RegisteredWorkload:
        words, serving = self.workload, self.serving and self.healthy
        return words if words.serving is serving else replace(words, serving=serving)


class Registrations:
    """Which self-registering workloads are there: a state machine without a clock.

    A workload is there from its proxy's first stream until ``grace`` seconds after its last one, so that a
    reconnect is no absence. It serves from the moment when its Envoy has answered its first listeners: sent there
    earlier, a peer would be refused; and not while it is reported unhealthy, which one that leaves does of itself.
    Times are seconds of any monotonic clock. Each method says whether ``workloads`` changed.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._present: dict[str, _Presence] = {}
        self._workloads: tuple[RegisteredWorkload, ...] = ()

    @property
    def workloads(self) -> tuple[RegisteredWorkload, ...]:
        """The workloads that are there, by node id; the same tuple until something changes."""
        return self._workloads

    def present(self, node_id: str) -> RegisteredWorkload | None:
        """The node's latest words, while it is there."""
        presence = self._present.get(node_id)
        return presence.workload if presence else None

    def restore(self, workloads: Iterable[RegisteredWorkload], now: float) -> bool:
        """Workloads of an earlier life of this process are there as if their last stream had closed ``now``: their
        proxies are about to reconnect, and until then nobody should be told that they are gone."""
        for workload in workloads:
            known = _Presence(workload=workload, serving=workload.serving, gone_since=now)
            self._present.setdefault(workload.id, known)
        return self._settle()

    def connect(self, workload: RegisteredWorkload) -> bool:
        """A stream of ``workload`` opened; what it says now replaces what it said before."""
        presence = self._present.setdefault(workload.id, _Presence(workload=workload))
        if not presence.streams and not presence.healthy:
            # It had left, and this is its next life: it is judged anew, and serves once it has its listeners.
            presence.healthy, presence.serving = True, False
        if not presence.workload.is_of_same_owner(workload):
            # Nothing that somebody else has said of this node id holds for whoever it proves to be now.
            presence.healthy, presence.serving = True, False
        presence.workload = workload
        presence.streams += 1
        presence.gone_since = None
        return self._settle()

    def listening(self, node_id: str) -> bool:
        """The node's Envoy has its listeners."""
        presence = self._present.get(node_id)
        if presence is None or presence.serving:
            return False
        presence.serving = True
        return self._settle()

    def report(self, node_id: str, *, healthy: bool) -> bool:
        """The node, or its agent, says how its workload is. This holds until the opposite is said, or it leaves."""
        presence = self._present.get(node_id)
        if presence is None or presence.healthy is healthy:
            return False
        presence.healthy = healthy
        return self._settle()

    def disconnect(self, node_id: str, now: float) -> bool:
        """One of the node's streams closed; unknown nodes are none of ours."""
        presence = self._present.get(node_id)
        if presence is None or presence.streams == 0:
            return False
        presence.streams -= 1
        if presence.streams == 0:
            presence.gone_since = now
        return self.expire(now)

    def expire(self, now: float) -> bool:
        """Forget the workloads that have been without a stream for the whole grace period."""
        for node_id, presence in list(self._present.items()):
            if presence.gone_since is not None and now >= presence.gone_since + self._grace:
                del self._present[node_id]
        return self._settle()

    def next_expiry(self) -> float | None:
        """When ``expire`` is worth calling next; None when everybody is connected."""
        gone = [presence.gone_since for presence in self._present.values() if presence.gone_since is not None]
        return min(gone) + self._grace if gone else None

    def _settle(self) -> bool:
        workloads = tuple(self._present[node_id].as_registered() for node_id in sorted(self._present))
        if workloads == self._workloads:
            return False
        self._workloads = workloads
        return True
