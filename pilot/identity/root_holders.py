"""Which proxies have taken up the roots, and why others have not: what a rotation of the root waits for."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock

from citadel.ca.acknowledgements import AWAY_FOR, REFRESH, Acknowledgement, AcknowledgementFiles, roots_id
from citadel.envoy.secrets import ROOTS_SECRET
from citadel.identity import TrustBundle
from citadel.state_files import StateError
from galley.frozen import frozen
from pilot.envoy.secret import roots_version
from pilot.mesh.context.proxy import Proxy
from pilot.server.connection import Connection
from pilot.server.fleet import Fleet
from pilot.xds.resources import SECRET

log = logging.getLogger("pilot")

NOT_YET = "it has not acknowledged the roots"
WITHOUT_STREAM = "its agent has no stream to this control plane, and learns of roots only when it renews"
AWAY = "it went away before it had acknowledged the roots"

RESTART = "(restart)"
PUBLISHED = "(published roots)"
"""What is waited for beside proxies, in the place of a node id."""

RETURN_WITHIN = timedelta(seconds=30)
"""As long after its start a control plane waits for those whom it served before."""


@frozen
class _Seen:
    node: str
    since: datetime
    version: str


class RootHolders:
    """The proxies of one control plane and the roots that they have acknowledged, also of those just away."""

    def __init__(self, expected: int, now: datetime) -> None:
        """``expected`` proxies were there before a restart."""
        self._expected, self._started = expected, now
        self._last: dict[str, _Seen] = {}

    def account(self, fleet: Fleet[Proxy], bundle: TrustBundle, now: datetime) -> Acknowledgement:
        """What is known of ``bundle`` at ``now``. An Envoy that does not ask for the roots needs none; one with an
        agent has them from that; who has no identity takes no part in mutual TLS.
        """
        version = roots_version(bundle)
        agents = {_workload_key(c) for c in fleet.connections if c.proxy.is_agent and c.identity is not None}
        connected: dict[str, _Seen] = {}
        objections: dict[str, tuple[str, str]] = {}
        for connection in fleet.connections:
            if connection.identity is None:
                continue
            acknowledged, objection = _judge(connection, version, agents)
            workload, node = _workload_key(connection), connection.node.id
            if objection:
                objections[workload] = node, objection
            if acknowledged != version or workload not in connected:
                connected[workload] = _Seen(node, now, acknowledged)
        objections |= self._judge_absent(connected, version, now)
        waiting = sorted(objections.values())
        if now - self._started < RETURN_WITHIN and len(connected) < self._expected:
            waiting.append((RESTART, f"not all of the {self._expected} proxies from before it are back"))
        return Acknowledgement(roots_id(bundle), len(connected.keys() - objections.keys()), tuple(waiting))

    def _judge_absent(self, connected: dict[str, _Seen], version: str, now: datetime) -> dict[str, tuple[str, str]]:
        self._last = {
            workload: last for workload, last in self._last.items() if now - last.since <= AWAY_FOR
        } | connected
        return {
            workload: (last.node, AWAY)
            for workload, last in self._last.items()
            if workload not in connected and last.version != version
        }


def _workload_key(connection: Connection[Proxy]) -> str:
    """What an agent and its Envoy have in common: the node id, or where its address was left open what is said for
    it, for the two may be seen at addresses of different families."""
    agent_id = connection.proxy.agent_id
    return f"{agent_id} of {connection.identity}" if agent_id else connection.node.id


def _judge(connection: Connection[Proxy], version: str, agents: set[str]) -> tuple[str, str]:
    """Which roots the proxy has as far as this stream tells, and what is to be said against it."""
    if connection.proxy.has_agent and not connection.proxy.is_agent:
        return (version, "") if _workload_key(connection) in agents else ("", WITHOUT_STREAM)
    acknowledged = connection.acked_version(SECRET, ROOTS_SECRET)
    if acknowledged is None:
        return ("", NOT_YET) if connection.proxy.is_agent else (version, "")
    return acknowledged, "" if acknowledged == version else NOT_YET


class RootReporter:
    """Tells `citadel root` who has the roots, in a file of the state directory."""

    def __init__(self, files: AcknowledgementFiles, now: datetime) -> None:
        self._files = files
        before = files.own(now)
        known = before.acknowledgement if before else Acknowledgement("", 0)
        away = sum(node not in (RESTART, PUBLISHED) for node, _ in known.waiting)
        self._holders = RootHolders(known.holders + away, now)
        self._written: Acknowledgement | None = None
        self._written_at = now
        self._problem = ""
        self._writing = Lock()
        self._closed = False

    async def report(self, fleet: Fleet[Proxy], bundle: TrustBundle, now: datetime, *, unpublished: str = "") -> None:
        """Write it when it changes, and every few seconds as a sign of life. What fails is logged once.

        ``unpublished`` says why the roots are not where Envoys without an agent read them ("": they are).
        """
        account = self._holders.account(fleet, bundle, now)
        if unpublished:
            account = replace(account, waiting=(*account.waiting, (PUBLISHED, unpublished)))
        if account == self._written and now - self._written_at < REFRESH:
            return
        try:
            await asyncio.to_thread(self._write, account, now)
            self._problem = ""
        except (StateError, OSError) as error:
            if str(error) != self._problem:
                self._problem = str(error)
                log.error("it cannot be told who has the roots: %s", error)

    def close(self, now: datetime) -> None:
        """This control plane ends; who it served is kept for its next start. It waits for a report that is being
        written: a task that is cancelled does not end its thread, whose word would be the last."""
        with self._writing:
            self._closed = True
            if self._written is not None:
                try:
                    self._files.write(replace(self._written, ended=True), now)
                except (StateError, OSError) as error:
                    log.error("it cannot be told who has the roots: %s", error)

    def _write(self, account: Acknowledgement, now: datetime) -> None:
        """In a thread."""
        with self._writing:
            if not self._closed:
                self._files.write(account, now)
                self._written, self._written_at = account, now
