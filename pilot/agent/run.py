"""An agent's life: credentials first, then the socket with the secrets, then Envoy; on SIGTERM all of it in reverse."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom

from citadel.state_files import StateError
from pilot.agent.certificate_client import CertificateClient, SigningError
from pilot.agent.control_stream import ControlPlaneAddress, ControlStream, agent_node
from pilot.agent.credential_files import CredentialFiles
from pilot.agent.credentials import Credentials, secrets_of
from pilot.agent.drain import drain
from pilot.agent.enrolment import Enrolment, JoinFiles
from pilot.agent.envoy_command import prepare_envoy
from pilot.agent.host_process import READY, STOPPING, notify, reap_as_init
from pilot.agent.reload import reload_forever
from pilot.agent.secret_service import SecretService
from pilot.agent.settings import AgentSettings
from pilot.dataplane.errors import EnvoyDiedError, EnvoyNotReadyError
from pilot.dataplane.hot_restart import remove_shared_memory
from pilot.dataplane.process import EnvoyProcess, end_leftover
from pilot.dataplane.supervisor import EnvoySupervisor, backoff

log = logging.getLogger("pilot.agent")

_LONGEST_SLEEP = 3600.0
_READY_SECONDS = 60.0
_REPORT_SECONDS = 1.0


async def run_agent(settings: AgentSettings) -> None:
    """Run until SIGTERM or SIGINT. Raises StateError, OSError or EnvoyError when it cannot even begin.

    The control plane is told first, so that peers go elsewhere; then Envoy is drained (``settings.drain``). Another
    signal ends that at once.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    files = CredentialFiles(settings.directory)
    enrolment = _open_enrolment(settings, files)
    joining = asyncio.create_task(_join(enrolment, files))
    if not await _ends_before(stop, joining):
        joining.cancel()
        return
    service = SecretService(secrets_of(joining.result()))
    await service.start(Path(settings.socket.path))
    renewing = asyncio.create_task(_renew_forever(enrolment, files, service), name="renewal")
    stream = _open_stream(settings, enrolment, files, service)
    streaming = asyncio.create_task(stream.run(), name="control stream")
    try:
        await _run_envoy(settings, stop, (renewing, streaming), stream)
    finally:
        renewing.cancel()
        streaming.cancel()
        await asyncio.gather(streaming, return_exceptions=True)
        await service.stop()
    log.info("stopped")


def _open_enrolment(settings: AgentSettings, files: CredentialFiles) -> Enrolment:
    """With the credentials of an earlier life, if they are still good."""
    client = CertificateClient(str(settings.ca_address), str(settings.bootstrap.xds), settings.server_name)
    enrolment = Enrolment(
        settings.service_account,
        client,
        JoinFiles(settings.root_cert, settings.token),
        random=SystemRandom().random,
        lifetime=settings.lifetime,
    )
    try:
        saved = files.load(settings.service_account, _now())
    except ValueError as objection:
        log.warning("the credentials in %s are of no use: %s", files.directory, objection)
        saved = None
    if saved is not None:
        enrolment.resume(saved, _now())
    elif settings.token is None:
        raise StateError(f"there are no valid credentials in {files.directory}, and no --token to get some")
    return enrolment


async def _join(enrolment: Enrolment, files: CredentialFiles) -> Credentials:
    """The credentials to start with, whenever the control plane gives some."""
    failures = 0
    while enrolment.credentials is None:
        try:
            _keep(await enrolment.renew(_now()), files)
        except SigningError as error:
            pause = backoff(failures)
            failures += 1
            log.warning("no certificate yet, next try in %.1f s: %s", pause, error)
            await asyncio.sleep(pause)
    return enrolment.credentials


async def _renew_forever(enrolment: Enrolment, files: CredentialFiles, service: SecretService) -> None:
    while True:
        due = enrolment.next_due()
        assert due is not None, "the schedule of one who has joined"
        left = (due - _now()).total_seconds()
        if left > 0:
            await asyncio.sleep(min(left, _LONGEST_SLEEP))  # a clock that is set must not leave us asleep
            continue
        try:
            credentials = await enrolment.renew(_now())
        except SigningError as error:
            log.warning("the certificate is not renewed: %s", error)
            continue
        service.publish(secrets_of(credentials))
        _keep(credentials, files)


def _open_stream(
    settings: AgentSettings, enrolment: Enrolment, files: CredentialFiles, service: SecretService
) -> ControlStream:
    def current() -> Credentials:
        assert enrolment.credentials is not None, "the credentials of one who has joined"
        return enrolment.credentials

    async def trust(roots: bytes) -> None:
        await take_up_roots(roots, enrolment, files, service)

    control_plane = ControlPlaneAddress(str(settings.bootstrap.xds), settings.server_name)
    return ControlStream(control_plane, agent_node(settings.bootstrap), current, trust)


async def take_up_roots(roots: bytes, enrolment: Enrolment, files: CredentialFiles, service: SecretService) -> None:
    """Trust ``roots`` (PEM) from now on and after a restart. ValueError when that cannot be, and why."""
    credentials = enrolment.credentials
    assert credentials is not None, "the credentials of one who has joined"
    if roots != credentials.bundle.pem:
        try:
            credentials = enrolment.trust(roots, _now())
        except ValueError as objection:
            log.warning("the certificate is not of the new roots, renewing it: %s", objection)
            try:
                credentials = await enrolment.renew(_now())
            except SigningError as error:
                raise ValueError(f"nor can it be renewed: {error}") from error
        log.info("%d roots are trusted", len(credentials.bundle.roots))
        service.publish(secrets_of(credentials))
    if not files.hold(credentials) and not _keep(credentials, files):
        # Were they acknowledged, a restart would come back with roots that nobody signs by any more.
        raise ValueError(f"the roots cannot be saved in {files.directory}")


def _keep(credentials: Credentials, files: CredentialFiles) -> bool:
    """Whether they could be saved."""
    svid = credentials.svid
    log.info("certificate of %s until %s", svid.id, f"{svid.not_after:%Y-%m-%dT%H:%M:%SZ}")
    try:
        files.save(credentials)
    except OSError as failure:
        log.error("the credentials cannot be saved, a restart will need a token: %s", failure)
        return False
    return True


async def _run_envoy(
    settings: AgentSettings, stop: asyncio.Event, chores: Sequence[asyncio.Task[None]], stream: ControlStream
) -> None:
    command = prepare_envoy(settings)
    if await asyncio.to_thread(end_leftover, command):
        log.warning("ended an Envoy that had outlived its agent")
    supervisor = EnvoySupervisor(EnvoyProcess(command), on_death=_tell_death)
    reap_as_init(lambda: supervisor.process.pid)
    supervisor.start()
    telling = asyncio.create_task(asyncio.to_thread(_tell_readiness, supervisor.process))
    reloading = asyncio.create_task(reload_forever(supervisor, settings.override), name="reload")
    try:
        await work_until(stop, chores)
        stop.clear()
        notify(STOPPING)
        if settings.drain.longest:
            try:
                async with asyncio.timeout(_REPORT_SECONDS):
                    await stream.report_leaving()
            except TimeoutError:
                log.warning("the control plane cannot be told that this workload leaves")
            await drain(supervisor.process, stop, settings.drain)
    finally:
        reloading.cancel()
        await asyncio.gather(reloading, return_exceptions=True)
        await asyncio.to_thread(supervisor.stop)
        await telling
        if restart := supervisor.process.command.hot_restart:
            remove_shared_memory(restart.base_id)


def _tell_readiness(process: EnvoyProcess) -> None:
    try:
        process.wait_ready(_READY_SECONDS)
    except EnvoyNotReadyError as error:
        log.warning("%s", error)
    except EnvoyDiedError:
        return  # the supervisor tells
    else:
        log.info("Envoy is ready")
        notify(READY)


def _tell_death(reason: str, pause: float) -> None:
    log.error("Envoy died, next start in %.2f s: %s", pause, reason)


async def work_until(stop: asyncio.Event, chores: Iterable[asyncio.Task[None]]) -> None:
    """Returns when ``stop`` is set. Raises what has ended one of the ``chores``, which only an error of ours does."""
    watched = tuple(chores)
    if await _ends_before(stop, *watched):
        for chore in watched:
            if chore.done():
                chore.result()


async def _ends_before(stop: asyncio.Event, *tasks: asyncio.Task[Credentials] | asyncio.Task[None]) -> bool:
    """Whether one of ``tasks`` ends before ``stop`` is set."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return any(task.done() for task in tasks)


def _now() -> datetime:
    return datetime.now(UTC)
