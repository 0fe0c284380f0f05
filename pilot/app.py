"""The composition root: opens sources and ports, joins the stages, and is the only module that knows everybody."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Iterator, Mapping
from typing import TYPE_CHECKING

from citadel.jwks.key_sets import KeySource
from citadel.jwks.targets import parse_targets
from citadel.state_files import StateError
from galley.commands.report import plural, render_line
from galley.failpoints import failpoint
from galley.publishing.journal import StateInUseError
from galley.publishing.latest import Latest
from galley.publishing.loading import LoadOptions
from galley.publishing.publisher import ConfigReport, ConfigurationRefusedError, PublishOptions, publish
from galley.snapshot import ConfigSnapshot
from galley.sources import ConfigSource
from galley.sources.directory import DirectorySource
from galley.supervision import Supervisor
from galley.version import version
from pilot.admin.http import AdminServer
from pilot.admin.pages import admin_pages
from pilot.controlplane.key_fetching import KeyFetching
from pilot.controlplane.mesh_state import MeshState
from pilot.controlplane.registration_store import RegistrationStore
from pilot.controlplane.registry_feed import RegistryFeed, RegistryFollower
from pilot.controlplane.stopping import stop_on_signals
from pilot.identity.identities import Identities
from pilot.log_lines import configure_logging
from pilot.mesh.context.proxy import Proxy
from pilot.registry.discovery import DiscoveryRegistry
from pilot.registry.docker.discover import DOCKER
from pilot.reports.access_log_service import AccessLogService
from pilot.reports.denial import Denials
from pilot.reports.describe import describe_denials
from pilot.server.ads import AdsServer, start_ads
from pilot.server.descriptors import raise_descriptor_limit
from pilot.server.fleet import Fleet
from pilot.server.transport import ServingPort
from pilot.serving import PilotMesh, Registrar
from pilot.settings import Settings

if TYPE_CHECKING:
    from pilot.registry.docker.follow import DockerFollower

log = logging.getLogger("pilot")

RECONNECT_GRACE = 60.0
"""Seconds that workloads known from before a restart have to reconnect; an Envoy's back-off goes up to 30."""

_SETTLE = 0.005
"""Seconds in which changes of configuration and registrations are gathered into one push."""

_LONGEST_PAUSE = 0.5
"""A push is followed by a pause as long as itself, of this many seconds at most. When a thousand workloads register
at once, a push for each of them would leave no time to accept the others; so they gather while one is under way."""

_STOP_GRACE = 1.0

_COLLECT_EVERY = (50_000, 20, 10)
"""Thresholds of the garbage collector: a push makes many values that stay, and hardly any cycles."""


async def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the result is the exit status."""
    configure_logging()
    raise_descriptor_limit()
    gc.disable()  # until the first configuration is in force
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    try:
        return await ControlPlane(settings).run(stopping)
    except ConfigurationRefusedError as error:
        _log_report(error.report, None)
        log.error("not started: %s; repair the files, or start with --accept-partial", error)
        return 1
    except (StateInUseError, StateError, OSError) as error:
        log.error("not started: %s", error)
        return 2


class ControlPlane:
    """One running control plane: galley's snapshots into pilot's state, pilot's state to the fleet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._configs: Latest[ConfigSnapshot] = Latest()
        self._reports: Latest[ConfigReport] = Latest()
        self._identities = Identities(settings, settings.identity) if settings.identity else None
        self._state = MeshState(
            deregister_after=settings.deregister_after,
            trust_domain=self._identities.trust_domain if self._identities else None,
            registries=(DOCKER,) if settings.docker is not None else (),
            key_fetcher=settings.key_fetcher,
            reports_denials=settings.report_denials,
        )
        self._store = RegistrationStore(settings.state) if settings.state else None
        self._changed = asyncio.Event()
        self._supervisor = Supervisor()
        self._to_write, self._written = asyncio.Event(), self._state.registrations.workloads
        targets = parse_targets(settings.jwks_targets)
        self._keys = KeyFetching(targets, self._know_keys, settings.state, settings.key_fetcher)
        self._docker = self._follow_docker()
        mesh = PilotMesh(self._state, self._identities)
        self._fleet: Fleet[Proxy] = Fleet(mesh, Registrar(self._state, self._changed.set), self._supervisor)
        self._denials = Denials()

    async def run(self, stopping: asyncio.Event) -> int:
        """Serve until ``stopping``. Raises what keeps it from serving: an address in use, refused configuration."""
        if self._store is not None:
            known = await asyncio.to_thread(self._store.read)
            extra_grace = RECONNECT_GRACE - self._settings.deregister_after
            self._state.registrations.restore(known, time.monotonic() + extra_grace)
            self._state.know_keys(await asyncio.to_thread(self._keys.restore))
        engine = self._docker.describe if self._docker else dict
        pages = admin_pages(
            self._state,
            self._fleet,
            self._reports,
            self._supervisor,
            engine=engine,
            key_sets=lambda: self._keys.status,
            denials=lambda query: describe_denials(self._denials, self._state, self._fleet, query),
        )
        admin = AdminServer(self._settings.admin_address, pages, self._settings.admin_hosts)
        try:
            server = await self._start_ads()
        except OSError as error:
            await admin.close()
            raise OSError(f"{error}; name another with --xds-address, or stop what listens there") from None
        try:
            log.info("pilothouse %s: xDS on %s:%d, admin on http://%s:%d", version(), self._settings.xds_address.host,
                     server.port, self._settings.admin_address.host, admin.port)  # fmt: skip
            await _first_to_end(stopping.wait(), *self._stages())
            log.info("stopping")
        finally:
            await server.stop(_STOP_GRACE)
            await admin.close()
            if self._identities is not None:
                self._identities.close()
        return 0

    def _stages(self) -> Iterator[Awaitable[object]]:
        """All that runs until the process stops. A stage that raises is told, and run again; the rest goes on."""
        keep = self._supervisor.keep
        yield publish(self._source(), self._configs, self._reports, self._publish_options(), self._supervisor)
        yield keep("configure", self._take_configuration)
        yield keep("reports", self._log_reports)
        yield keep("rebuild", self._rebuild_forever)
        yield keep("registrations", self._write_registrations)
        yield keep("keys", self._keys.run)
        identities, docker = self._identities, self._docker
        if identities is not None:
            yield keep("identities", lambda: identities.keep_current(self._fleet))
        if docker is not None:
            yield keep("discovery", lambda: self._feed(DOCKER, docker))

    def _source(self) -> ConfigSource:
        """Where configuration comes from. A source of another kind joins the directories in a `MergedSource`, in which
        they are the member ""."""
        settings = self._settings
        return DirectorySource([str(path) for path in settings.config], follow_links=settings.follow_links)

    def _follow_docker(self) -> DockerFollower | None:
        docker = self._settings.docker
        if docker is None:
            return None
        from pilot.registry.docker.follow import DockerFollower  # noqa: PLC0415 - its client library loads slowly

        return DockerFollower(docker.url, projects=docker.projects, networks=docker.networks)

    async def _feed(self, registry: DiscoveryRegistry, follower: RegistryFollower) -> None:
        await RegistryFeed(registry, follower, self._state, self._changed.set).run()

    async def _start_ads(self) -> AdsServer:
        identities = self._identities
        authenticator = identities.authenticator if identities is not None else None
        reports = AccessLogService(self._fleet, self._denials, authenticator).handler()
        return await start_ads(
            identities.ports() if identities is not None else [ServingPort(str(self._settings.xds_address))],
            self._fleet,
            authenticator=authenticator,
            handlers=(reports, *(identities.handlers() if identities is not None else ())),
            limits=self._settings.limits,
        )

    def _publish_options(self) -> PublishOptions:
        settings = self._settings
        return PublishOptions(
            load=LoadOptions(accept_unenforced=settings.accept_unenforced, identities=settings.identity is not None),
            state=str(settings.state) if settings.state else None,
            accept_partial=settings.accept_partial,
            require_complete=settings.require_complete,
            allow_empty=settings.allow_empty,
            domain=settings.domain,
        )

    def _know_keys(self, key_sets: Mapping[KeySource, str]) -> None:
        self._state.know_keys(key_sets)
        self._changed.set()

    async def _take_configuration(self) -> None:
        async for config in self._configs.values():
            failpoint("configure")
            if self._identities is not None:
                self._identities.configure(config.mesh)
            self._keys.configure(config)
            self._state.configure(config)
            self._changed.set()
            self._supervisor.went_well("configure")

    async def _rebuild_forever(self) -> None:
        """Put changes into force, and expire workloads whose Envoys stayed away."""
        while True:
            await self._wait_for_change()
            self._state.registrations.expire(time.monotonic())
            began = time.monotonic()
            if self._rebuild():
                self._fleet.publish()
                _collect_garbage_of_what_follows()
                took = (time.monotonic() - began) * 1000
                log.info("push to %s, context built in %.0f ms", plural(len(self._fleet.connections), "stream"), took)
            self._to_write.set()
            await self._fleet.wait_pushed()
            await asyncio.sleep(min(time.monotonic() - began, _LONGEST_PAUSE))

    def _rebuild(self) -> bool:
        """Whether there is news for proxies. What changed is a change until it is in force."""
        self._changed.clear()
        try:
            failpoint("rebuild")
            is_news = self._state.rebuild()
        except Exception:
            self._changed.set()
            raise
        self._supervisor.went_well("rebuild")
        return is_news

    async def _write_registrations(self) -> None:
        """Keep who is registered on disk. Until that can be done, it is in memory."""
        while True:
            await self._to_write.wait()
            workloads = self._state.registrations.workloads
            if self._store is not None and self._written is not workloads:
                failpoint("registrations")
                await asyncio.to_thread(self._store.write, workloads)
                self._written = workloads
            self._to_write.clear()
            self._supervisor.went_well("registrations")

    async def _wait_for_change(self) -> None:
        expiry = self._state.registrations.next_expiry()
        timeout = None if expiry is None else max(expiry - time.monotonic(), 0.0)
        try:
            async with asyncio.timeout(timeout):  # wait_for of Python 3.11 may lose a cancellation
                await self._changed.wait()
            await asyncio.sleep(_SETTLE)
        except TimeoutError:
            """Somebody's grace period is over."""

    async def _log_reports(self) -> None:
        previous: ConfigReport | None = None
        async for report in self._reports.values():
            failpoint("reports")
            _log_report(report, previous)
            previous = report


def _collect_garbage_of_what_follows() -> None:
    """Start the garbage collector, once: it was off while only things were made that stay.

    The messages' classes and the first configuration are a million objects, which every full collection would walk
    through in vain, for tenths of a second in the middle of a push.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(*_COLLECT_EVERY)
        gc.enable()


async def _first_to_end(*stages: Awaitable[object]) -> None:
    """Run all stages until one ends; cancel the others, and raise what the one that ended raised."""
    tasks = [asyncio.ensure_future(stage) for stage in stages]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _log_report(report: ConfigReport, previous: ConfigReport | None) -> None:
    for diagnostic in report.news(previous):
        log.log(logging.ERROR if diagnostic.is_error else logging.WARNING, "%s", render_line(diagnostic))
    held = f", {plural(len(report.held), 'file')} held back" if report.held else ""
    log.info(
        "configuration %s: %s in %s%s",
        report.version[:12],
        plural(report.resources, "resource"),
        plural(report.units, "file"),
        held,
    )
