"""Which connected proxies have taken up the roots, and why others have not: what a rotation of the root waits for."""

from __future__ import annotations

from citadel.ca.acknowledgements import Acknowledgement, roots_id
from citadel.envoy.secrets import ROOTS_SECRET
from citadel.identity import TrustBundle
from pilot.mesh.proxy import Proxy
from pilot.secrets import roots_version
from pilot.server.fleet import Connection, Fleet
from pilot.xds.resources import SECRET

NOT_YET = "it has not acknowledged the roots"
WITHOUT_STREAM = "its agent has no stream to this control plane, and learns of roots only when it renews"


def account_roots(fleet: Fleet[Proxy], bundle: TrustBundle) -> Acknowledgement:
    """What is known of ``bundle`` in ``fleet``. An Envoy that does not ask for the roots needs none; one with an agent
    has them from that.
    """
    version = roots_version(bundle)
    agents = {c.node.id for c in fleet.connections if c.proxy.is_agent}
    holders: set[str] = set()
    waiting: dict[str, str] = {}
    for connection in fleet.connections:
        if connection.identity is None:
            continue
        objection = _objection(connection, version, agents)
        if objection:
            waiting[connection.node.id] = objection
        elif not connection.proxy.is_agent:
            holders.add(connection.node.id)
    return Acknowledgement(roots_id(bundle), len(holders - waiting.keys()), tuple(sorted(waiting.items())))


def _objection(connection: Connection[Proxy], version: str, agents: set[str]) -> str:
    if connection.proxy.has_agent and not connection.proxy.is_agent:
        return "" if connection.node.id in agents else WITHOUT_STREAM
    acknowledged = connection.acknowledged(SECRET, ROOTS_SECRET)
    if acknowledged is None:
        return NOT_YET if connection.proxy.is_agent else ""
    return "" if acknowledged == version else NOT_YET
