"""From containers to what they mean for the mesh."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from galley.frozen import FrozenMap, frozen
from galley.meta import Labels
from pilot.registry.container_labels import (
    DISCOVER_LABEL,
    INJECT_LABEL,
    NAMESPACE_LABEL,
    SERVICE_LABEL,
    ContainerLabels,
    is_no,
    name_ports,
    read_container_labels,
)
from pilot.registry.discovery import DiscoveredInstance, Discovery, DiscoveryRegistry, Finding, Sighting
from pilot.registry.docker.containers import Container
from pilot.registry.docker.pods import NetworkChoice, Pod, choose_address, own_container, own_networks, pods_of

DOCKER = DiscoveryRegistry(name="Docker", instance="Container")

ALL_PROJECTS = "*"

_SIDECAR_PATIENCE = 15.0
"""Seconds until a container without its sidecar is worth a warning; Compose starts the sidecar after it."""


@frozen
class DiscoveryOptions:
    """What the command line says. ``projects`` empty stands for the project that this process is in, if any, else for
    all, as ``*`` does. ``own_hints`` are what may be this process's container id, or begin it."""

    projects: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    own_hints: tuple[str, ...] = ()


def discover(containers: Iterable[Container], options: DiscoveryOptions) -> Discovery:
    """Instances, withdrawn addresses and findings of all containers that count.

    Those count that belong to a Compose project (see ``DiscoveryOptions``), and, unless projects were named, others
    that carry a label of ours.
    """
    by_id = {container.id: container for container in containers}
    own = own_container(by_id, options.own_hints)
    choice = NetworkChoice(flags=options.networks, own=own_networks(by_id, options.own_hints))
    pods = pods_of(by_id.values())
    read = [_read(pod, choice) for pod in pods if _counts(pod, own, options.projects)]
    mixed = _mixed_services(one for one in read if one.settings is not None and one.ports)
    running_at = {address: pod for pod in pods if pod.holder.status == "running" for address in _addresses(pod.holder)}
    return Discovery(
        instances=tuple(instance for one in read if (instance := one.instance(running_at)) is not None),
        withdrawn=frozenset(
            address
            for one in read
            if one.verdict.unready
            for address in one.addresses
            if running_at.get(address, one.pod) is one.pod
        ),
        findings=(*(one.finding for one in read if one.finding is not None), *mixed),
        sightings=tuple(one.sighting for one in read),
    )


@frozen
class _Verdict:
    unready: str = ""
    left_out: str = ""

    @property
    def ready(self) -> bool:
        return not (self.left_out or self.unready)

    def __str__(self) -> str:
        return f"left out: {self.left_out}" if self.left_out else self.unready or "ready"


@frozen
class _Read:
    """One pod with the ``settings`` in its labels; None when those cannot be read, or leave it out."""

    pod: Pod
    settings: ContainerLabels | None
    ports: FrozenMap[str, int]
    address: str
    network: str
    verdict: _Verdict
    finding: Finding | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses; those of a container that is left out by label are none of ours."""
        if self.settings is None and self.finding is None:
            return ()
        return _addresses(self.pod.holder)

    @property
    def awaits_proxy(self) -> bool:
        """A sidecar that is there shows it, and so does the arrangement as a pod before the sidecar is created."""
        arranged = bool(self.pod.sidecars) or self.pod.application is not self.pod.holder
        return arranged and self.settings is not None and self.settings.inject is not False

    def instance(self, running_at: Mapping[str, Pod]) -> DiscoveredInstance | None:
        """``running_at`` tells which pod has an address now; a stopped container only had its own."""
        if self.settings is None or not self.ports:
            return None
        stale = self.pod.holder.status != "running" and any(one in running_at for one in self.addresses)
        return DiscoveredInstance(
            id=f"docker://{self.pod.holder.name}",
            service=self.settings.service,
            namespace=self.settings.namespace,
            address="" if stale else self.address,
            ports=self.ports,
            labels=self.settings.labels,
            ready=not self.verdict.unready,
            awaits_proxy=self.awaits_proxy,
            addresses=() if stale else self.addresses,
        )

    @property
    def sighting(self) -> Sighting:
        settings = self.settings
        waiting = self.awaits_proxy and self.verdict.ready
        return Sighting(
            name=self.pod.holder.name,
            project=self.pod.holder.project,
            service=settings.service if settings else "",
            namespace=settings.namespace if settings else "",
            address=self.address,
            network=self.network,
            verdict="ready, once its sidecar has registered" if waiting else str(self.verdict),
        )


def _addresses(container: Container) -> tuple[str, ...]:
    return tuple(
        address for attachment in container.attachments for address in (attachment.ipv4, attachment.ipv6) if address
    )


def _counts(pod: Pod, own: Container | None, projects: tuple[str, ...]) -> bool:
    holder, application = pod.holder, pod.application or pod.holder
    if holder.one_off or (own is not None and own in (holder, *pod.members)):
        return False
    if ALL_PROJECTS not in projects:
        if projects:
            return holder.project in projects
        if own is not None and own.project and holder.project:
            return holder.project == own.project
    return bool(holder.project) or _is_labelled(holder.labels) or _is_labelled(application.labels)


def _mixed_services(read: Iterable[_Read]) -> Iterator[Finding]:
    """Two projects may each have a ``db``; that both are one service is seldom meant."""
    projects: dict[tuple[str, str], set[str]] = {}
    for one in read:
        if one.settings is not None:
            projects.setdefault((one.settings.service, one.settings.namespace), set()).add(one.pod.holder.project)
    for (service, namespace), names in sorted(projects.items()):
        if len(names) > 1:
            listed = ", ".join(sorted(name or "(none)" for name in names))
            yield Finding(
                f"service {service}.{namespace} has containers of several Compose projects: {listed}. Requests go to "
                f"all of them; choose one with --docker-project, or give each a label {NAMESPACE_LABEL}"
            )


def _is_labelled(labels: Labels) -> bool:
    return INJECT_LABEL in labels or any(label.startswith("pilothouse.io/") for label in labels)


def _read(pod: Pod, choice: NetworkChoice) -> _Read:
    holder, application = pod.holder, pod.application or pod.holder
    labels: Labels = FrozenMap({**holder.labels, **application.labels})
    attachment = choose_address(holder, choice)
    settings, problem = None, ""
    if not is_no(labels, DISCOVER_LABEL):
        try:
            settings = read_container_labels(labels, default_service=application.service_name)
        except ValueError as error:
            problem = str(error)
    ports: FrozenMap[str, int] = FrozenMap()
    if settings is not None:
        ports = settings.ports if settings.ports is not None else name_ports({*holder.exposed, *application.exposed})
    return _Read(
        pod=pod,
        settings=settings,
        ports=ports,
        address=attachment.address if attachment else "",
        network=attachment.network if attachment else "",
        verdict=_Verdict(unready=_unready(pod, attachment is None), left_out=_left_out(settings, problem, ports)),
        finding=_finding(pod, settings, problem),
    )


def _unready(pod: Pod, nowhere: bool) -> str:
    if pod.unready or not nowhere:
        return pod.unready
    return f"without address of its own (network mode {pod.holder.network_mode or 'none'})"


def _left_out(settings: ContainerLabels | None, problem: str, ports: FrozenMap[str, int]) -> str:
    if settings is None:
        return problem or f"by label {DISCOVER_LABEL}"
    return "" if ports else "no port is exposed or published; say pilothouse.io/ports"


def _finding(pod: Pod, settings: ContainerLabels | None, problem: str) -> Finding | None:
    if problem:
        return Finding(f"container {pod.holder.name}: {problem}; the container is left out of the mesh")
    arranged = pod.sidecars or pod.application is not pod.holder
    if settings is None or not settings.inject or arranged or not pod.holder.running:
        return None
    addresses = tuple(attachment.address for attachment in pod.holder.attachments if attachment.address)
    return Finding(
        f"container {pod.holder.name} of service {settings.service} is labelled {INJECT_LABEL}=true and has no "
        "sidecar: it is served in plain text. Compose joins a sidecar to the first of several replicas only; for more "
        f"of them with sidecars write further services with label {SERVICE_LABEL}={settings.service}",
        patience=_SIDECAR_PATIENCE,
        addresses=addresses,
    )
