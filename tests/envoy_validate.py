"""Asks real Envoys whether they accept rendered resources, with ``--mode validate`` on a static bootstrap of them.

One run validates any number of resources, so gather them: a run costs about 50 ms.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from envoycodec.upb import to_json_dict
from pilot.dataplane.binary import find_envoy
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, EncodedResource

Json = dict[str, Any]

_ANY = "type.googleapis.com/google.protobuf.Any"
_XDS = "validation-xds"
_FIRST_PORT = 20_000


class RefusedByEnvoyError(AssertionError):
    """Envoy's own words about what it does not accept."""


def to_json(resource: EncodedResource) -> Json:
    """A resource as protobuf JSON, with its type under ``@type``."""
    return to_json_dict(_ANY, resource.any)


def validate_resources(resources: Iterable[EncodedResource], *, envoy: Path | None = None) -> str:
    """Give all resources to one Envoy (default: the installed one) and return what it printed.

    Raises RefusedByEnvoyError when it does not accept them. Route configurations are put inline into listeners of
    their own, load assignments into static clusters.
    """
    return validate_bootstrap(build_bootstrap([to_json(resource) for resource in resources]), envoy=envoy)


def validate_bootstrap(bootstrap: Json, *, envoy: Path | None = None) -> str:
    """The same for a whole bootstrap."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "bootstrap.json")
        file.write_text(json.dumps(bootstrap))
        command: Sequence[str] = [str(envoy or find_envoy()), "--mode", "validate", "-c", str(file), "-l", "warning"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    output = done.stdout + done.stderr
    if done.returncode:
        raise RefusedByEnvoyError(output[-6000:])
    return output


def build_bootstrap(resources: Iterable[Json]) -> Json:
    """A bootstrap with these resources (protobuf JSON with ``@type``) in it, under names and ports of their own: only
    the first cluster of a name keeps it, for listeners that must find it."""
    clusters, listeners = [_xds_cluster()], []
    taken: set[str] = set()
    for index, resource in enumerate(resources):
        content = {key: value for key, value in resource.items() if key != "@type"}
        match resource["@type"]:
            case str(url) if url == CLUSTER:
                name = content["name"]
                clusters.append(
                    {**content, "name": f"{name}#{index}" if name in taken else name, **_service_name(content)}
                )
                taken.add(name)
            case str(url) if url == ENDPOINT:
                clusters.append({"name": f"endpoints#{index}", "connectTimeout": "1s", "loadAssignment": content})
            case str(url) if url == LISTENER:
                listeners.append({**content, "name": f"{content['name']}#{index}", **_moved(content, index)})
            case str(url) if url == ROUTE:
                listeners.append(_listener_of(content, index))
            case other:
                raise ValueError(f"cannot validate a {other}")
    return {
        "node": {"id": "validation", "cluster": "validation"},
        "dynamicResources": {"adsConfig": _ads_config()},
        "staticResources": {"clusters": clusters, "listeners": listeners},
        "layeredRuntime": {"layers": [{"name": "re2", "staticLayer": {"re2.max_program_size.error_level": 32768}}]},
    }


def _service_name(cluster: Json) -> Json:
    """An EDS cluster that is renamed keeps the name that it asks for."""
    eds = cluster.get("edsClusterConfig")
    return {"edsClusterConfig": {"serviceName": cluster["name"], **eds}} if eds else {}


def _moved(listener: Json, index: int) -> Json:
    """Its addresses: a free port of the same protocol."""
    protocol = listener["address"].get("socketAddress", {}).get("protocol", "TCP")
    more = [one["address"]["socketAddress"] for one in listener.get("additionalAddresses", ())]
    return {
        "address": {"socketAddress": {**_address(index)["socketAddress"], "protocol": protocol}},
        "additionalAddresses": [
            {"address": {"socketAddress": {**one, "portValue": _FIRST_PORT + index}}} for one in more
        ],
    }


def _address(index: int) -> Json:
    return {"socketAddress": {"address": "127.0.0.1", "portValue": _FIRST_PORT + index}}


def _listener_of(route_config: Json, index: int) -> Json:
    prefix = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{prefix}.network.http_connection_manager.v3.HttpConnectionManager",
        "statPrefix": "validation",
        "routeConfig": route_config,
        "httpFilters": [
            {
                "name": "envoy.filters.http.router",
                "typedConfig": {"@type": f"{prefix}.http.router.v3.Router"},
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typedConfig": manager}]
    return {"name": f"routes#{index}", "address": _address(index), "filterChains": [{"filters": filters}]}


def _ads_config() -> Json:
    services = [{"envoyGrpc": {"clusterName": _XDS}}]
    return {"apiType": "GRPC", "transportApiVersion": "V3", "grpcServices": services}


def _xds_cluster() -> Json:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": _XDS,
        "type": "STATIC",
        "connectTimeout": "1s",
        "typedExtensionProtocolOptions": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicitHttpConfig": {"http2ProtocolOptions": {}},
            }
        },
    }
