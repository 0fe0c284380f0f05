"""An Envoy under test: started from what `pilot bootstrap` writes, and read through its admin interface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pilot.commands.bootstrap import format_bootstrap
from pilot.dataplane.bootstrap import BootstrapOptions
from pilot.dataplane.errors import EnvoyError
from pilot.dataplane.process import EnvoyCommand, EnvoyProcess
from tests.e2e.harness.client import Answer, request
from tests.e2e.harness.conditions import eventually


class Envoy(EnvoyProcess):
    """One Envoy, its node and its files in ``home``."""

    def __init__(self, binary: Path, options: BootstrapOptions, home: Path, *, log_level: str = "warning") -> None:
        home.mkdir(parents=True, exist_ok=True)
        config = home / f"{options.name}.yaml"
        config.write_text(format_bootstrap(options, output_format="yaml"))
        self.options = options
        super().__init__(
            EnvoyCommand(
                binary=binary,
                config=config,
                log_file=home / f"{options.name}.log",
                admin=options.admin,
                log_level=log_level,
                # Access logs and the like reach their files at once, not after Envoy's ten seconds.
                arguments=("--file-flush-interval-msec", "50"),
            )
        )

    def stats(self, pattern: str = "") -> dict[str, int]:
        """Counters and gauges whose name contains the regular expression ``pattern``."""
        found = {}
        for line in self.admin(f"/stats?filter={_quote(pattern)}").splitlines():
            name, _, value = line.rpartition(": ")
            if value.isdecimal():
                found[name] = int(value)
        return found

    def stat(self, name: str) -> int:
        """One counter or gauge; 0 while Envoy does not know it."""
        return self.stats(f"^{_escape(name)}$").get(name, 0)

    def config_dump(self, resource: str = "") -> Any:
        """The configuration dump; ``resource`` such as ``dynamic_active_clusters`` narrows it."""
        query = f"?resource={resource}" if resource else "?include_eds"
        return json.loads(self.admin(f"/config_dump{query}"))

    def clusters(self) -> dict[str, Any]:
        """Each dynamic cluster as Envoy holds it, by name."""
        entries = self.config_dump("dynamic_active_clusters").get("configs", [])
        return {entry["cluster"]["name"]: entry["cluster"] for entry in entries}

    def routes(self) -> dict[str, Any]:
        """Each dynamic route configuration as Envoy holds it, by name."""
        entries = self.config_dump("dynamic_route_configs").get("configs", [])
        return {entry["route_config"]["name"]: entry["route_config"] for entry in entries}

    def listeners(self) -> dict[str, Any]:
        """Each active dynamic listener as Envoy holds it, by name."""
        entries = self.config_dump("dynamic_listeners").get("configs", [])
        return {entry["name"]: entry["active_state"]["listener"] for entry in entries if "active_state" in entry}

    def endpoints(self, cluster: str) -> dict[str, dict[str, Any]]:
        """The endpoints of ``cluster`` by ``host:port``, as `/clusters` shows them; empty when there is none."""
        for entry in json.loads(self.admin("/clusters?format=json")).get("cluster_statuses", []):
            if entry["name"] == cluster:
                return {_host_port(host["address"]): host for host in entry.get("host_statuses", [])}
        return {}

    def versions(self) -> dict[str, str]:
        """What Envoy last accepted of each type: the ``version_info`` in its configuration dump."""
        found: dict[str, str] = {}
        for part in self.config_dump()["configs"]:
            kind = part["@type"].rpartition(".")[2].removesuffix("ConfigDump")
            if "version_info" in part:
                found[kind] = part["version_info"]
        return found

    def wait_for_endpoint(self, cluster: str, count: int = 1, timeout: float = 10.0) -> None:
        """Wait until ``cluster`` has exactly ``count`` endpoints."""
        eventually(lambda: len(self.endpoints(cluster)) == count, timeout, what=f"{count} endpoints in {cluster}")

    def wait_for_route(self, name: str, text: str, timeout: float = 10.0) -> None:
        """Wait until the route configuration ``name`` mentions ``text``."""
        eventually(lambda: text in json.dumps(self.routes().get(name, {})), timeout, what=f"{text!r} in route {name}")

    def get(self, port: int, target: str = "/", **details: Any) -> Answer:
        """Send a request to a listener at this Envoy's own address."""
        return request((self.options.ip, port), target, **details)

    def lines(self) -> Iterator[str]:
        """Its log so far."""
        if self.command.log_file is not None and self.command.log_file.exists():
            yield from self.command.log_file.read_text(errors="replace").splitlines()


def _host_port(address: dict[str, Any]) -> str:
    if "socket_address" in address:
        return f"{address['socket_address']['address']}:{address['socket_address']['port_value']}"
    return str(address.get("pipe", {}).get("path", address))


def _quote(text: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in "%|&#+? ^\\" else c for c in text)


def _escape(name: str) -> str:
    return "".join(f"\\{c}" if c in "\\^$.|?*+()[]{}" else c for c in name)


def keep_dumps(envoy: Envoy, path: Path) -> None:
    """What its admin interface shows, in files that begin with ``path``; nothing when it is gone.

    Without the bootstrap: the token of an Envoy without agent is in it, and that is where Envoy has it from.
    """
    try:
        shown = json.loads(envoy.admin("/config_dump?include_eds"))
        shown["configs"] = [one for one in shown["configs"] if not one["@type"].endswith("BootstrapConfigDump")]
        path.with_suffix(".json").write_text(json.dumps(shown))
        for page in ("certs", "server_info", "clusters"):
            path.with_suffix(f".{page}").write_text(envoy.admin(f"/{page}"))
    except (EnvoyError, ValueError, KeyError):
        return
