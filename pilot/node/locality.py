"""Where a workload or a proxy runs, as nodes, WorkloadEntries and registrations write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from galley.frozen import frozen


@frozen
class Locality:
    """Region, zone and sub-zone, from coarse to fine (Envoy's ``core.v3.Locality``); parts that are unknown are ""."""

    region: str = ""
    zone: str = ""
    sub_zone: str = ""

    @staticmethod
    def parse(text: str) -> Locality:
        """``region/zone/subzone``, trailing parts optional; dots may stand for slashes in a label's value."""
        parts = (text if "/" in text else text.replace(".", "/")).split("/", 2)
        region, zone, sub_zone = (*parts, "", "")[:3]
        return Locality(region=region, zone=zone, sub_zone=sub_zone)


NOWHERE = Locality()


_LABELS = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")
_WHOLE = ("topology.istio.io/locality", "istio-locality")


def locality_of_labels(labels: Mapping[str, str]) -> Locality:
    """What the labels of a workload say (Istio's order): each part of the topology, else all of them in one label."""
    region, zone, sub_zone = (labels.get(name, "") for name in _LABELS)
    if region or zone or sub_zone:
        return Locality(region, zone, sub_zone)
    return Locality.parse(next((labels[name] for name in _WHOLE if name in labels), ""))


def write_locality(locality: Locality) -> dict[str, str]:
    """``locality`` as the JSON of a node has it: the parts that are known; empty when none is."""
    parts = {"region": locality.region, "zone": locality.zone, "sub_zone": locality.sub_zone}
    return {key: value for key, value in parts.items() if value}


def read_locality(written: Mapping[str, Any]) -> Locality:
    """The locality in the JSON of a node, in the proto's names or in camelCase."""
    return Locality(
        region=str(written.get("region") or ""),
        zone=str(written.get("zone") or ""),
        sub_zone=str(written.get("sub_zone") or written.get("subZone") or ""),
    )
