"""The mesh that is measured: N services as a user would write them, one file a service, and edits of single files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TEAMS = 10
"""Namespaces. Services are dealt out to them ten at a time."""

ROUTE_NAMES = ("80", "8080", "9080", "9090")
"""The route configurations that these services make, by their ports."""

_HTTP_PORTS = (80, 80, 80, 8080, 9080)
_GRPC_PORT = 9090
_TARGET_PORT = 8000

Files = Mapping[str, str]


@dataclass(frozen=True)
class Workload:
    """One replica of a service: what a simulated client says of itself."""

    name: str
    namespace: str
    address: str
    app: str
    version: str


@dataclass(frozen=True)
class Mesh:
    """``services`` services with ``endpoints`` endpoints each, split evenly over versions v1 and v2.

    One in ten has a DestinationRule with two subsets, one in five a VirtualService. One in ten takes its endpoints
    from WorkloadEntries, the others list them; the first ``registering`` have none but what registers itself.
    """

    services: int
    endpoints: int = 10
    registering: int = 0

    def files(self) -> dict[str, str]:
        """Text by path below the configuration directory."""
        return {path: text for index in range(self.services) for path, text in self._files_of(index)}

    def rule_edit(self, edition: int) -> Files:
        """The file of one VirtualService, which says something else for each ``edition``."""
        return {f"rules/{name(0)}.yaml": _rules(0, timeout=1 + edition)}

    def endpoint_edit(self, edition: int) -> Files:
        """The file of one service's WorkloadEntries; the first one's address is another for each ``edition``."""
        return {f"endpoints/{name(7)}.yaml": self._workload_entries(7, moved=edition)}

    def workload(self, replica: int) -> Workload:
        """The ``replica``-th workload of the mesh: all of the first service, then all of the second, and so on."""
        index, place = divmod(replica % (self.services * self.endpoints), self.endpoints)
        return Workload(
            name=f"{name(index)}-{place}",
            namespace=namespace(index),
            address=address(index, place),
            app=name(index),
            version=_version(place),
        )

    def _files_of(self, index: int) -> Iterator[tuple[str, str]]:
        registering = index < self.registering
        selecting = registering or index % 10 == 7
        yield f"services/{name(index)}.yaml", _service(index, () if selecting else tuple(range(self.endpoints)))
        if selecting and not registering:
            yield f"endpoints/{name(index)}.yaml", self._workload_entries(index)
        if index % 5 == 0:
            yield f"rules/{name(index)}.yaml", _rules(index)

    def _workload_entries(self, index: int, moved: int = 0) -> str:
        return "---\n".join(
            f"""\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {name(index)}-{place}, namespace: {namespace(index)}}}
spec:
  address: {address(index, 100 + moved if moved and not place else place)}
  labels: {{app: {name(index)}, version: {_version(place)}}}
"""
            for place in range(self.endpoints)
        )


def write_files(directory: Path, files: Files) -> None:
    """Write each file as an editor saves it: whole, by rename."""
    for path, text in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        temporary.write_text(text)
        temporary.replace(target)


def name(index: int) -> str:
    return f"svc-{index:04}"


def namespace(index: int) -> str:
    return f"team-{index // 10 % TEAMS}"


def host(index: int) -> str:
    return f"{name(index)}.{namespace(index)}.svc.cluster.local"


def address(index: int, place: int) -> str:
    """Up to 250 places a service."""
    return f"10.{16 + (index >> 8)}.{index & 255}.{place + 1}"


def _version(place: int) -> str:
    return f"v{1 + place % 2}"


def _ports(index: int) -> Iterator[str]:
    """One in ten is a TCP service; one in four of the others speaks gRPC too."""
    if index % 10 == 3:
        yield f"{{number: 5432, name: tcp, protocol: TCP, targetPort: {_TARGET_PORT}}}"
        return
    yield f"{{number: {_HTTP_PORTS[index % 5]}, name: http, protocol: HTTP, targetPort: {_TARGET_PORT}}}"
    if index % 4 == 2:
        yield f"{{number: {_GRPC_PORT}, name: grpc, protocol: GRPC, targetPort: {_TARGET_PORT + 1}}}"


def _service(index: int, places: tuple[int, ...]) -> str:
    if places:
        members = "  endpoints:\n" + "".join(
            f"  - {{address: {address(index, place)}, labels: {{app: {name(index)}, version: {_version(place)}}}}}\n"
            for place in places
        )
    else:
        members = f"  workloadSelector: {{labels: {{app: {name(index)}}}}}\n"
    ports = "".join(f"  - {port}\n" for port in _ports(index))
    return f"""\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: {name(index)}
  namespace: {namespace(index)}
spec:
  hosts: [{host(index)}]
  addresses: [10.{200 + (index >> 8)}.{index & 255}.1]
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
{ports}{members}"""


def _rules(index: int, timeout: int = 5) -> str:
    return _subsets(index) + "---\n" + _split(index, timeout) if index % 10 == 0 else _patience(index, timeout)


def _subsets(index: int) -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name(index)}, namespace: {namespace(index)}}}
spec:
  host: {host(index)}
  trafficPolicy:
    connectionPool: {{http: {{http1MaxPendingRequests: 100}}}}
    outlierDetection: {{consecutive5xxErrors: 7, interval: 30s, baseEjectionTime: 60s}}
  subsets:
  - {{name: v1, labels: {{version: v1}}}}
  - name: v2
    labels: {{version: v2}}
    trafficPolicy: {{loadBalancer: {{simple: ROUND_ROBIN}}}}
"""


def _split(index: int, timeout: int) -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name(index)}, namespace: {namespace(index)}}}
spec:
  hosts: [{host(index)}]
  http:
  - match:
    - headers: {{end-user: {{exact: jason}}}}
    route:
    - destination: {{host: {host(index)}, subset: v2}}
  - timeout: {timeout}s
    route:
    - destination: {{host: {host(index)}, subset: v1}}
      weight: 90
    - destination: {{host: {host(index)}, subset: v2}}
      weight: 10
"""


def _patience(index: int, timeout: int) -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name(index)}, namespace: {namespace(index)}}}
spec:
  hosts: [{host(index)}]
  http:
  - match: [{{uri: {{prefix: /api/}}}}]
    timeout: {timeout}s
    retries: {{attempts: 3, perTryTimeout: 1s, retryOn: "5xx,reset"}}
    route: [{{destination: {{host: {host(index)}}}}}]
  - route: [{{destination: {{host: {host(index)}}}}}]
"""
