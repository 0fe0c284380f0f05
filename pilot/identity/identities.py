"""Identity in a running control plane: its ports, who may connect, what each proxy holds, and renewal in time."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from citadel.attestation import build_oidc_issuer
from citadel.ca.acknowledgements import AcknowledgementFiles
from citadel.identity import SpiffeId, TrustBundle, TrustDomain
from citadel.service import Citadel, CitadelOptions
from citadel.state_files import StateError
from galley.failpoints import failpoint
from galley.kinds.mesh_config import MeshConfig
from pilot.identity.published_roots import RootsPublisher
from pilot.identity.root_holders import RootReporter
from pilot.identity.secrets import Secrets
from pilot.mesh.context.proxy import Proxy
from pilot.node.node_id import NodeId
from pilot.server.authentication import Authenticator
from pilot.server.csr import CertificateService
from pilot.server.fleet import Fleet
from pilot.server.served_mesh import IdentityError
from pilot.server.transport import ServingPort, server_credentials
from pilot.settings import IdentitySettings, Settings
from pilot.xds.resources import ResourceSet

log = logging.getLogger("pilot")

_LOOK_EVERY = 1.0
"""Seconds between looks at the authority's files: how soon a step of a root's rotation is noticed."""
_SHORTEST_PAUSE = 0.02


class Identities:
    """Citadel and what it means for the xDS ports. Raises StateError or OSError when it cannot be opened."""

    def __init__(self, settings: Settings, identity: IdentitySettings) -> None:
        self._settings, self._identity = settings, identity
        self._citadel = Citadel(_options(settings, identity), _now())
        self.secrets = Secrets(self._citadel)
        self.authenticator = Authenticator(self._citadel.attestor)
        self._problem = ""
        self._publisher = RootsPublisher(identity.public_directory)
        self._publisher.publish(self._citadel.bundle)
        name = f"{socket.gethostname()}_{settings.xds_address}"
        self._reporter = RootReporter(AcknowledgementFiles(identity.citadel, name), _now())

    @property
    def trust_domain(self) -> TrustDomain:
        """The authority's own, whatever MeshConfig says."""
        return self._citadel.trust_domain

    @property
    def bundle(self) -> TrustBundle:
        """The roots that are served now."""
        return self._citadel.bundle

    def configure(self, mesh: MeshConfig) -> None:
        """Take up what MeshConfig says of trust domains. The authority's own stays."""
        if mesh.trust_domain not in (MeshConfig().trust_domain, str(self.trust_domain)):
            log.warning("MeshConfig's trustDomain %s is not that of the authority; identities are of %s",
                        mesh.trust_domain, self.trust_domain)  # fmt: skip
        self._citadel.trust_aliases(tuple(map(TrustDomain, mesh.trust_domain_aliases)))

    def ports(self) -> tuple[ServingPort, ...]:
        """The xDS ports, that of the tokens first."""
        ports = [
            ServingPort(str(self._settings.xds_address), server_credentials(self._citadel, client_certificates=False))
        ]
        if self._identity.mtls_address is not None:
            credentials = server_credentials(self._citadel, client_certificates=True)
            ports.append(ServingPort(str(self._identity.mtls_address), credentials))
        if self._identity.plaintext_address is not None:
            ports.append(ServingPort(str(self._identity.plaintext_address)))
        return tuple(ports)

    def secrets_of(self, proxy: Proxy, identity: SpiffeId) -> ResourceSet | None:
        """What ``proxy``, whose stream has proven ``identity``, gets of type Secret.

        An agent has made a key of its own: it gets the roots, and its Envoy nothing.
        """
        if proxy.is_agent:
            return self.secrets.roots()
        return None if proxy.has_agent else self.secrets.of(identity)

    def handlers(self) -> Sequence[grpc.GenericRpcHandler[Any, Any]]:
        """The services beside xDS."""
        return (CertificateService(self._citadel, self.authenticator).handler(),)

    async def keep_current(self, fleet: Fleet[Proxy]) -> None:
        """Renew certificates and follow the authority's files, for ever. Only what is new is pushed, to its owner."""
        log.info("xDS over TLS as %s, identities of %s", ", ".join(self._settings.server_names), self.trust_domain)
        for warning in self._citadel.warnings(_now()):
            log.warning("%s", warning)
        while True:
            await asyncio.sleep(self._pause(_now()))
            failpoint("identities")
            is_new = await self._follow_authority()
            if self._publisher.lacks(self._citadel.bundle):
                await asyncio.to_thread(self._publisher.publish, self._citadel.bundle)
            in_use = fleet.identities  # only now: who connected meanwhile must not be forgotten
            renewed = self._citadel.renew(in_use, _now())
            self.secrets.retain(in_use)
            changed = in_use if is_new else {*renewed, *self.secrets.lacking}
            if renewed:
                log.info("renewed %d certificates", len(renewed))
            if changed:
                fleet.publish_secrets(changed)
            await self._reporter.report(fleet, self._citadel.bundle, _now(), unpublished=self._publisher.problem)

    def close(self) -> None:
        """This control plane ends: what it said of its proxies holds no longer."""
        self._reporter.close(_now())

    def _pause(self, now: datetime) -> float:
        due = self._citadel.next_due()
        left = _LOOK_EVERY if due is None else (due - now).total_seconds()
        return min(max(left, _SHORTEST_PAUSE), _LOOK_EVERY)

    async def _follow_authority(self) -> bool:
        """Whether the roots or the signer are new. What cannot be used is told once and changes nothing."""
        is_new = False
        try:
            if await asyncio.to_thread(self._citadel.refresh, _now()):
                self._citadel.adopt(_now())
                is_new = True
                log.info("the authority of %s changed: %d roots are trusted",
                         self.trust_domain, len(self._citadel.bundle.roots))  # fmt: skip
            self._citadel.renew_server_certificate(_now())
            self._problem = ""
        except (StateError, OSError) as error:
            if str(error) != self._problem:
                self._problem = str(error)
                log.error("the authority stays as it was: %s", error)
        return is_new


def bind_proxy(proxy: Proxy, identity: SpiffeId | None) -> Proxy:
    """``proxy`` as a workload of the identity that its stream has proven. IdentityError when it claims another.

    Its id must be of that namespace, too: registrations are known by it. Whoever has proven nothing takes part in no
    mutual TLS.
    """
    if identity is None:
        return replace(proxy, identified=False)
    node_id = NodeId.parse(proxy.id)
    is_own = (
        proxy.namespace == identity.namespace
        and proxy.service_account in ("", identity.service_account)
        and node_id.namespace == identity.namespace
        and node_id.domain_namespace in ("", identity.namespace)
    )
    if not is_own:
        raise IdentityError(
            f"{identity} claims node {proxy.id} with namespace {proxy.namespace!r}"
            f" and service account {proxy.service_account!r}"
        )
    return replace(proxy, service_account=identity.service_account)


def _options(settings: Settings, identity: IdentitySettings) -> CitadelOptions:
    issuers = []
    for name, file in identity.oidc_issuers:
        try:
            issuers.append(build_oidc_issuer(name, file.read_text()))
        except ValueError as error:
            raise StateError(f"{file}: {error}") from None
    return CitadelOptions(
        state=identity.citadel,
        server_names=settings.server_names,
        trust_domain=TrustDomain.parse(identity.trust_domain) if identity.trust_domain else None,
        cacerts=identity.cacerts,
        workload_ttl=timedelta(seconds=identity.certificate_ttl),
        oidc_issuers=tuple(issuers),
    )


def _now() -> datetime:
    return datetime.now(UTC)
