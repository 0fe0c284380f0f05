"""One patch as a value, and the patches of a proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from envoycodec.merge import merge, merge_any
from envoycodec.upb import decode_upb, parse_json
from galley.frozen import FrozenMap, frozen
from galley.kinds.networking.envoy_filter import (
    LISTENER_PARTS,
    PATCHED_MESSAGES,
    ROUTE_PARTS,
    ApplyTo,
    EnvoyConfigObjectMatch,
    EnvoyFilter,
    PatchContext,
    PatchOperation,
)
from galley.meta import Resource, ResourceKey
from pilot.ir.proxy import WithheldPatches

NO_PORTS: FrozenMap[int, int] = FrozenMap()


@frozen
class Patch:
    """One change. ``value`` is an encoded message of the type that ``apply_to`` names, empty where nothing is needed.

    ``ports`` are the numbers by which route configurations of the port that it names are known.
    """

    origin: ResourceKey
    apply_to: ApplyTo
    operation: PatchOperation
    match: EnvoyConfigObjectMatch
    value: bytes = b""
    ports: tuple[int, ...] = ()

    def is_for(self, side: PatchContext) -> bool:
        """Whether it is for that side of a proxy. A gateway is given no patches but its own."""
        return self.match.context in (PatchContext.ANY, PatchContext.GATEWAY, side)

    @property
    def replaces_lists(self) -> bool:
        """Whether a list in the value takes the place of the one that it is merged into."""
        return self.operation is PatchOperation.MERGE_AND_REPLACE_LIST

    def message(self) -> Any:
        """A new message with the value."""
        return decode_upb(PATCHED_MESSAGES[self.apply_to], self.value)

    def merge_into(self, target: Any) -> None:
        """Merge the value into ``target``."""
        merge(target, self.message(), replace_lists=self.replaces_lists)

    def merge_socket_into(self, holder: Any) -> bool:
        """Merge the value's transport socket into that of ``holder``, which both have; another one replaces it. False
        where one of the two has none. As in istiod, it is then all that the patch does."""
        value = self.message()
        if not (value.HasField("transport_socket") and holder.HasField("transport_socket")):
            return False
        if value.transport_socket.name != holder.transport_socket.name:
            holder.transport_socket.CopyFrom(value.transport_socket)
        else:
            configs = holder.transport_socket.typed_config, value.transport_socket.typed_config
            merge_any(*configs, replace_lists=self.replaces_lists)
        return True


Patches = tuple[Patch, ...]


@frozen
class PatchSet:
    """All patches of one proxy, in the order in which they are applied, and those it is not sent again."""

    patches: Patches = ()
    withheld: WithheldPatches = frozenset()

    @cached_property
    def clusters(self) -> Patches:
        """Those of clusters."""
        return self._of({ApplyTo.CLUSTER})

    @cached_property
    def listeners(self) -> Patches:
        """Those of listeners and what is in them; route configurations are, on the inbound side."""
        return self._of(LISTENER_PARTS | ROUTE_PARTS)

    @cached_property
    def routes(self) -> Patches:
        """Those of route configurations and what is in them."""
        return self._of(ROUTE_PARTS)

    def _of(self, kinds: Iterable[ApplyTo]) -> Patches:
        return tuple(patch for patch in self.patches if patch.apply_to in kinds)

    def sent(self, type_url: str, name: str, patches: Patches) -> Patches:
        """Those of ``patches`` with which the proxy has not refused the resource."""
        if not self.withheld:
            return patches
        return tuple(patch for patch in patches if (type_url, name, patch.origin) not in self.withheld)


NO_PATCHES = PatchSet()


def read_patches(resource: Resource[EnvoyFilter], indexes: tuple[int, ...], ports: FrozenMap[int, int]) -> Patches:
    """Those of the patches of ``resource`` at ``indexes``. ``ports`` has the listener's port by the declared one, where
    they differ."""
    found = []
    for index in indexes:
        one = resource.spec.config_patches[index]
        if one.apply_to not in PATCHED_MESSAGES or one.patch is None:
            continue
        number = one.match.route_configuration.port_number if one.match.route_configuration else 0
        value = parse_json(PATCHED_MESSAGES[one.apply_to], one.patch.value) if one.patch.value is not None else b""
        numbers = tuple({number, ports.get(number, number)}) if number else ()
        found.append(Patch(resource.key, one.apply_to, one.patch.operation, one.match, value, numbers))
    return tuple(found)


def apply_to_list(items: list[Any], patch: Patch, found: Callable[[Any], bool], *, is_named: bool) -> list[Any]:
    """``items`` with what ``patch`` adds or removes. ``found`` tells which it is about; where no item ``is_named`` it
    is about none of them: what is inserted comes first or last, and nothing is replaced or removed."""
    operation = patch.operation
    if operation is PatchOperation.REMOVE:
        return [item for item in items if not (is_named and found(item))]
    if operation.merges:
        return items
    place = _place(items, operation, found, is_named=is_named)
    return [*items[: place.start], patch.message(), *items[place.stop :]] if place is not None else items


def _place(
    items: list[Any], operation: PatchOperation, found: Callable[[Any], bool], *, is_named: bool
) -> slice | None:
    """Where something new goes, and what it replaces; None where it has no place."""
    first, last = slice(0, 0), slice(len(items), len(items))
    if operation is PatchOperation.ADD or (operation is PatchOperation.INSERT_AFTER and not is_named):
        return last
    if operation is PatchOperation.INSERT_FIRST or (operation is PatchOperation.INSERT_BEFORE and not is_named):
        return first
    at = next((index for index, item in enumerate(items) if is_named and found(item)), None)
    if at is None:
        return None
    before, behind = (at, at), (at + 1, at + 1)
    return slice(
        *{PatchOperation.INSERT_BEFORE: before, PatchOperation.INSERT_AFTER: behind}.get(operation, (at, at + 1))
    )
