"""Plans as YAML, for people: what the mesh is to do, before it is said in Envoy's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

import yaml

from galley.frozen import FrozenMap
from galley.meta import ResourceKey
from pilot.ir.cluster import LoadAssignmentPlan
from pilot.ir.proxy import ProxyPlan


def plans_by_list(plan: ProxyPlan) -> dict[str, dict[str, Any]]:
    """What one proxy is to receive, by the lists that a dump of its resources has, and there by name.

    The lists are ``clusters``, ``endpoints``, ``listeners`` and ``routes``.
    """
    return {
        "clusters": _by_name(plan.clusters),
        "endpoints": _by_name(plan.load_assignments),
        "listeners": _by_name(plan.listeners),
        "routes": _by_name(plan.routes),
    }


def _by_name(plans: Iterable[Any]) -> dict[str, Any]:
    latest = {one.cluster_name if isinstance(one, LoadAssignmentPlan) else one.name: one for one in plans}
    return {name: latest[name] for name in sorted(latest)}


def plan_yaml(plan: Any) -> str:
    """``plan`` (one, or several in lists and mappings) as YAML: each plan under its type's name as a tag, with the
    fields that are not as by default. Durations are in seconds, resources of the user are ``KIND NAMESPACE/NAME``.

    Raises yaml.YAMLError when there is something else in it than plans are made of.
    """
    return yaml.dump(plan, Dumper=_PlanDumper, sort_keys=False, width=120, allow_unicode=True)


class _PlanDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Values that occur twice are written twice: plans share them, which means nothing."""
        return True


def _represent(dumper: _PlanDumper, value: Any) -> yaml.Node:
    match value:
        case ResourceKey():
            return dumper.represent_str(str(value))
        case Enum():
            return dumper.represent_data(value.value)
        case bytes():
            return dumper.represent_str(value.decode(errors="backslashreplace"))
        case timedelta():
            return dumper.represent_str(f"{value.total_seconds():g}s")
        case FrozenMap():
            return dumper.represent_dict(dict(value))
        case _ if is_dataclass(value):
            return dumper.represent_mapping(f"!{type(value).__name__}", _set_fields(value), flow_style=False)
    raise yaml.representer.RepresenterError("cannot represent an object", value)


def _set_fields(plan: Any) -> Mapping[str, Any]:
    values = ((field, getattr(plan, field.name)) for field in fields(plan))
    return {field.name: value for field, value in values if value != _default(field)}


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


_PlanDumper.add_representer(bytes, _represent)  # else binary, in base64
_PlanDumper.add_multi_representer(object, _represent)
