"""The golden cases: what each is about, and what of all that a proxy is served it looks at.

A case is a folder ``GROUP/NAME``: ``config.yaml`` as a user writes it, ``expected/``, and ``case.yaml`` with

``description``
    the feature, in a sentence
``shows``
    what is expected, by type (``routes`` …): ``all`` resources, or a list of names, or a mapping of names to the parts
    that matter (virtual hosts of a route configuration, filter chains of a listener; nothing: all of it)
``proxy``
    the xDS node that is served (default: the sidecar of an application ``client``)
``mtls``
    true where the mesh issues identities; with ``identified: false`` to one that has proven none
``jwks_fetch``
    ``envoy`` where each Envoy fetches keys of tokens itself
``without_effect``
    documents, as ``KIND/NAME``, that change nothing of what is shown: just that is the feature, or they only make the
    configuration whole
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from citadel.jwks.key_sets import KeyFetcher
from galley.publishing.validate import Validation, validate
from pilot.envoy.resource_json import snapshot_as_json
from pilot.ir.plan_yaml import plans_by_list
from pilot.mesh.context.proxy import Proxy
from pilot.offline import plan_for, read_node, snapshot_for
from pilot.xds.resources import LISTS, ResourceSnapshot

HERE = Path(__file__).parent
CLIENT = {
    "id": "sidecar~10.0.0.7~client-1.default~default.svc.cluster.local",
    "metadata": {"NAMESPACE": "default", "LABELS": {"app": "client"}},
}
"""The proxy of cases that name none."""

PARTS = {"routes": "virtualHosts", "listeners": "filterChains"}
"""The field whose members a case may choose among, by type of resource."""

_PLAN_PARTS = {"routes": "virtual_hosts", "listeners": "chains"}

_KEYS = frozenset(
    {"description", "shows", "proxy", "mtls", "identified", "jwks_fetch", "report_denials", "without_effect"}
)

Json = dict[str, Any]
Names = Mapping[str, tuple[str, ...]]
"""Names of resources, with the names of their parts that are shown; none: all of them."""


@dataclass(frozen=True)
class Case:
    """One case. ``shows`` has None for all resources of a type."""

    name: str
    documents: tuple[str, ...]
    shows: Mapping[str, Names | None]
    proxy: Proxy
    mtls: bool
    key_fetcher: KeyFetcher
    reports_denials: bool
    without_effect: frozenset[str]

    @property
    def expected(self) -> Path:
        """The folder of what is expected."""
        return HERE / self.name / "expected"

    def validation(self) -> Validation:
        """Its configuration, checked. Raises AssertionError when that has errors."""
        validation = validate({"config.yaml": "\n---\n".join(self.documents).encode()}, identities=self.mtls)
        assert [one for one in validation.diagnostics if one.is_error] == []
        return validation

    def snapshot(self) -> ResourceSnapshot:
        """All that its proxy is served."""
        return snapshot_for(self.validation(), self.proxy, **self._options)

    @property
    def _options(self) -> dict[str, Any]:
        return {"mtls": self.mtls, "key_fetcher": self.key_fetcher, "reports_denials": self.reports_denials}

    def shown(self) -> dict[str, list[Json]]:
        """What it shows of that, as protobuf JSON; what is named and not there is left out."""
        served = snapshot_as_json(self.snapshot())
        return {kind: list(_select(served[kind], names, PARTS.get(kind))) for kind, names in self.shows.items()}

    def planned(self) -> dict[str, list[Any]]:
        """The plans behind what it shows, by the same types and names."""
        plans = plans_by_list(plan_for(self.validation(), self.proxy, **self._options))
        return {
            kind: list(_select_plans(plans[kind], names, _PLAN_PARTS.get(kind))) for kind, names in self.shows.items()
        }

    def without(self, document: str) -> Case:
        """The same with all documents but this one."""
        return replace(self, documents=tuple(one for one in self.documents if one is not document))


def read_cases() -> list[Case]:
    """All cases, by name."""
    return [_read(file.parent) for file in sorted(HERE.glob("*/*/case.yaml"))]


def name_of(resource: Json) -> str:
    """The name under which a resource is served."""
    return str(resource.get("name") or resource["clusterName"])


def read_key(document: str) -> str:
    """``KIND/NAME`` of a YAML document; MeshConfig has no name."""
    read = yaml.safe_load(document)
    name = read.get("metadata", {}).get("name")
    return f"{read['kind']}/{name}" if name else str(read["kind"])


def _read(folder: Path) -> Case:
    about = yaml.safe_load((folder / "case.yaml").read_text())
    name = str(folder.relative_to(HERE))
    assert about["description"], f"{name} says nothing about itself"
    assert about.keys() <= _KEYS, f"{name}: unknown in case.yaml: {about.keys() - _KEYS}"
    assert LISTS.keys() >= about["shows"].keys(), f"{name}: no types: {about['shows'].keys() - LISTS.keys()}"
    return Case(
        name=name,
        documents=tuple((folder / "config.yaml").read_text().split("\n---\n")),
        shows={kind: _read_names(names) for kind, names in about["shows"].items()},
        proxy=replace(read_node(about.get("proxy", CLIENT)), identified=about.get("identified", True)),
        mtls=about.get("mtls", False),
        key_fetcher=KeyFetcher(about.get("jwks_fetch", KeyFetcher.CONTROL_PLANE)),
        reports_denials=about.get("report_denials", False),
        without_effect=frozenset(about.get("without_effect", ())),
    )


def _read_names(written: Any) -> Names | None:
    if written == "all":
        return None
    return {str(name): tuple(written[name] or ()) if isinstance(written, dict) else () for name in written}


def _select(resources: list[Json], names: Names | None, field: str | None) -> Iterator[Json]:
    if names is None:
        yield from resources
        return
    for resource in resources:
        parts = names.get(name_of(resource))
        if parts is None:
            continue
        if field is None or not parts:
            yield resource
        else:
            yield {**resource, field: [part for part in resource[field] if part["name"] in parts]}


def _select_plans(plans: Mapping[str, Any], names: Names | None, field: str | None) -> Iterator[Any]:
    for name, plan in plans.items():
        parts = () if names is None else names.get(name)
        if parts is None:
            continue
        if field is None or not parts:
            yield plan
        else:
            yield replace(plan, **{field: tuple(part for part in getattr(plan, field) if part.name in parts)})
