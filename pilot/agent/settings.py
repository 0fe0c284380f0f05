"""The settings of an agent, as one frozen value."""

from __future__ import annotations

from pathlib import Path

from galley.frozen import frozen
from pilot.agent.credentials import ServiceAccount
from pilot.agent.drain import DrainPolicy
from pilot.dataplane.bootstrap import BootstrapOptions, PipeAddress, SocketAddress

SOCKET_FILE = "sds.sock"
BOOTSTRAP_FILE = "envoy.json"
LOG_FILE = "envoy.log"


@frozen
class AgentSettings:
    """``bootstrap`` describes the Envoy; its ``xds`` is the port for certificates and ``ca_address`` that for tokens.

    ``directory`` is the agent's own (0700): credentials, socket, bootstrap. ``log_file`` is where Envoy's log
    goes, None the agent's standard error. ``server_name`` is looked
    for in the control plane's certificate, "" means the hosts called. ``lifetime`` of certificates is in
    seconds; 0 leaves it to the control plane. ``override`` is a file that is merged over the bootstrap.
    """

    bootstrap: BootstrapOptions
    ca_address: SocketAddress
    root_cert: Path
    directory: Path
    envoy: Path
    token: Path | None = None
    server_name: str = ""
    lifetime: int = 0
    drain: DrainPolicy = DrainPolicy(longest=5.0, shortest=1.0)
    log_file: Path | None = None
    envoy_arguments: tuple[str, ...] = ()
    override: Path | None = None

    @property
    def service_account(self) -> ServiceAccount:
        """The account by which the workload is known, and its certificate is made."""
        return ServiceAccount(self.bootstrap.namespace, self.bootstrap.service_account)

    @property
    def socket(self) -> PipeAddress:
        """Where Envoy gets its secrets."""
        return PipeAddress(str(self.directory.absolute() / SOCKET_FILE))
