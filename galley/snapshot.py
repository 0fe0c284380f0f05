"""ConfigSnapshot: all accepted resources at one moment, indexed, immutable and named by a hash of their content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, TypeVar, cast

from galley.hosts.names import DEFAULT_DOMAIN
from galley.kinds.mesh_config import MeshConfig
from galley.meta import Resource, ResourceKey
from galley.text.diagnostics import Diagnostic, Severity

T = TypeVar("T")


class ConfigSnapshot:
    """A consistent set of resources, at most one for each key. Build it with ``build_snapshot``.

    ``version`` is a hash of what the resources say; it does not depend on which file or line says it, nor on the
    order of files.
    """

    __slots__ = ("_by_key", "_by_type", "_digests", "_domain", "_mesh", "_version")

    def __init__(
        self,
        by_key: Mapping[ResourceKey, Resource[Any]],
        by_type: Mapping[type[Any], tuple[Resource[Any], ...]],
        digests: Mapping[ResourceKey, bytes],
        domain: str = DEFAULT_DOMAIN,
    ) -> None:
        self._by_key = by_key
        self._by_type = by_type
        self._digests = digests
        self._domain = domain
        self._version = _version_of(digests)
        meshes = self.of(MeshConfig)
        self._mesh = meshes[0].spec if meshes else MeshConfig()

    @property
    def version(self) -> str:
        """Equal for equal content, across processes and restarts."""
        return self._version

    @property
    def mesh(self) -> MeshConfig:
        """The oldest MeshConfig resource, which the decoder fills with Istio's defaults; the defaults when absent."""
        return self._mesh

    @property
    def domain(self) -> str:
        """The DNS domain of the mesh, with which short names of services are completed."""
        return self._domain

    def of(self, spec_type: type[T]) -> tuple[Resource[T], ...]:
        """All resources with a spec of this type, oldest first (``Resource.age``)."""
        return cast("tuple[Resource[T], ...]", self._by_type.get(spec_type, ()))

    def get(self, key: ResourceKey) -> Resource[Any] | None:
        """The resource with this key, if any."""
        return self._by_key.get(key)

    def __iter__(self) -> Iterator[Resource[Any]]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def changed_since(self, previous: ConfigSnapshot) -> frozenset[ResourceKey]:
        """Keys of the resources that were added, removed, or say something else than in ``previous``."""
        if previous._version == self._version:
            return frozenset()
        mine, theirs = self._digests, previous._digests
        changed = {key for key, digest in mine.items() if theirs.get(key) != digest}
        return frozenset(changed | (theirs.keys() - mine.keys()))

    def digest_of(self, resource: Resource[Any]) -> bytes | None:
        """The content hash of ``resource`` when this very object is in the snapshot."""
        return self._digests[resource.key] if self._by_key.get(resource.key) is resource else None

    def __repr__(self) -> str:
        return f"ConfigSnapshot({self._version}, {len(self._by_key)} resources)"


def build_snapshot(
    resources: Iterable[Resource[Any]], previous: ConfigSnapshot | None = None, *, domain: str = DEFAULT_DOMAIN
) -> tuple[ConfigSnapshot, tuple[Diagnostic, ...]]:
    """Index ``resources``. Of several with one key the oldest stays, and each other one is an error.

    ``domain`` is the DNS domain of the mesh. ``previous`` only saves work: content hashes of resources that it holds
    are taken over, and ``of`` returns the same tuple object as before for a kind in which nothing changed.
    """
    by_key: dict[ResourceKey, Resource[Any]] = {}
    diagnostics = []
    for resource in sorted(resources, key=_precedence):
        first = by_key.setdefault(resource.key, resource)
        if first is not resource:
            diagnostics.append(duplicate_resource(resource, first))
    digests = {key: _digest(resource, previous) for key, resource in by_key.items()}
    return ConfigSnapshot(by_key, _group(by_key.values(), previous), digests, domain), tuple(diagnostics)


def duplicate_resource(resource: Resource[Any], first: Resource[Any]) -> Diagnostic:
    """The diagnostic about a second resource with the key of ``first``."""
    message = f"{resource.key} is already defined at {first.origin}"
    hint = "keep one of the two, or give one another name or namespace"
    return Diagnostic(Severity.ERROR, "duplicate-resource", message, resource.origin, hint)


def _precedence(resource: Resource[Any]) -> tuple[Any, ...]:
    origin = resource.origin
    return (*resource.age, resource.key.kind, origin.file, origin.line, origin.column)


def _group(
    resources: Iterable[Resource[Any]], previous: ConfigSnapshot | None
) -> dict[type[Any], tuple[Resource[Any], ...]]:
    groups: dict[type[Any], list[Resource[Any]]] = {}
    for resource in resources:
        groups.setdefault(type(resource.spec), []).append(resource)
    by_type = {}
    for spec_type, members in groups.items():
        before = previous.of(spec_type) if previous is not None else ()
        same = len(before) == len(members) and all(a is b for a, b in zip(before, members, strict=True))
        by_type[spec_type] = before if same else tuple(members)
    return by_type


def _digest(resource: Resource[Any], previous: ConfigSnapshot | None) -> bytes:
    known = previous.digest_of(resource) if previous is not None else None
    return known if known is not None else digest_content(resource)


def digest_content(resource: Resource[Any]) -> bytes:
    """A hash of all that a resource says. Reprs of the frozen values hold every field, and maps in sorted order."""
    content = (resource.key, resource.labels, resource.annotations, resource.created, resource.spec)
    return sha256(repr(content).encode()).digest()


def _version_of(digests: Mapping[ResourceKey, bytes]) -> str:
    version = sha256()
    for digest in sorted(digests.values()):
        version.update(digest)
    return version.hexdigest()[:16]
