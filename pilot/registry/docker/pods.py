"""Containers that share one network namespace: where it is, which of them is the application, whether all is well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from galley.frozen import frozen
from pilot.registry.container_labels import DISCOVER_LABEL, is_no
from pilot.registry.docker.containers import Container, NetworkAttachment

POD_SUFFIX = "-pod"
SIDECAR_SUFFIX = "-sidecar"
_PROXY_IMAGES = frozenset({"envoy", "pilothouse-agent", "proxyv2"})


@frozen
class NetworkChoice:
    """Which of several networks counts: ``flags`` as the user ranked them, then ``own``, those of the control plane."""

    flags: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


@frozen
class Pod:
    """A network namespace: the container that holds it, and those that joined it (mostly nobody)."""

    holder: Container
    members: tuple[Container, ...] = ()

    @property
    def application(self) -> Container | None:
        """The container whose labels and ports describe the workload.

        The holder itself, unless it is called ``NAME-pod``: then the member called NAME, None while there is none.
        """
        name = self.holder.service_name
        if not name.endswith(POD_SUFFIX):
            return self.holder
        wanted = name.removesuffix(POD_SUFFIX)
        return next((member for member in self.members if member.service_name == wanted), None)

    @property
    def sidecars(self) -> tuple[Container, ...]:
        """The members that are its proxy."""
        return tuple(member for member in self.members if _is_sidecar(member))

    @property
    def unready(self) -> str:
        """Why nobody should be sent there now, or "" when holder, application and sidecar all are well."""
        application = self.application
        if application is None:
            return f"waits for its application {self.holder.service_name.removesuffix(POD_SUFFIX)}"
        if self.holder.unready:
            return self.holder.unready
        return next((why for member in self.members if (why := self._problem(member, application))), "")

    def _problem(self, member: Container, application: Container) -> str:
        if member is not application and _is_excused(member):
            return ""
        if member.unready:
            return f"{member.name} is {member.unready}"
        if member.started < self.holder.started:
            # A container that starts gets a new namespace; those that had joined stay in the old one, without network.
            return f"{member.name} is in a network namespace that is gone: restart it"
        return ""


def pods_of(containers: Iterable[Container]) -> tuple[Pod, ...]:
    """All containers as pods. One that shares the namespace of a container that is gone has no address: no pod.

    Containers of another project and those of ``compose run`` may join a pod without belonging to it.
    """
    everybody = tuple(containers)
    joined: dict[str, list[Container]] = {}
    for container in everybody:
        if container.namespace_of:
            joined.setdefault(container.namespace_of, []).append(container)
    return tuple(
        Pod(
            holder=holder,
            members=tuple(
                one for name in (holder.id, holder.name) for one in joined.get(name, ()) if _belongs(one, holder)
            ),
        )
        for holder in everybody
        if not holder.namespace_of
    )


def choose_address(container: Container, choice: NetworkChoice) -> NetworkAttachment | None:
    """The network by which the container is reached: one that the user named, one that the control plane is in, else
    the first by name; IPv6 only where no network has IPv4. A Compose network is known by its short name as well."""

    def rank(attachment: NetworkAttachment) -> tuple[bool, int, str]:
        short = attachment.network.removeprefix(f"{container.project}_")
        for index, name in enumerate((*choice.flags, *choice.own)):
            if name == attachment.network or (index < len(choice.flags) and name == short):
                return (not attachment.ipv4, index, attachment.network)
        return (not attachment.ipv4, len(choice.flags) + len(choice.own), attachment.network)

    return min((one for one in container.attachments if one.address), key=rank, default=None)


def own_networks(containers: Mapping[str, Container], hints: tuple[str, ...]) -> tuple[str, ...]:
    """The networks of the container that this process runs in; ``hints`` are ids, or beginnings of one. Empty when
    it runs in none of them."""
    own = own_container(containers, hints)
    if own is None:
        return ()
    holder = containers.get(own.namespace_of, own)
    return tuple(attachment.network for attachment in holder.attachments)


def own_container(containers: Mapping[str, Container], hints: tuple[str, ...]) -> Container | None:
    """The container that this process runs in."""
    for hint in hints:
        for container in containers.values():
            if len(hint) >= 12 and container.id.startswith(hint):
                return container
    return None


def _belongs(member: Container, holder: Container) -> bool:
    return member.project == holder.project and not member.one_off


def _is_sidecar(member: Container) -> bool:
    image = member.image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    return member.service_name.endswith(SIDECAR_SUFFIX) or image in _PROXY_IMAGES


def _is_excused(container: Container) -> bool:
    """A step that is done, such as one that writes the capture rules: it ended well, by itself, for good. Or one that
    its label leaves out."""
    if is_no(container.labels, DISCOVER_LABEL):
        return True
    over = container.status == "exited" and container.exit_code == 0
    return over and not (container.killed or container.restarts or _is_sidecar(container))
