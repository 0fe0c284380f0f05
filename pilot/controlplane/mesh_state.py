"""The newest truth about the mesh: configuration and workloads, registered and discovered, as one context."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from citadel.identity import TrustDomain
from citadel.jwks.key_sets import KeyFetcher, KeySource
from galley.meta import Resource
from galley.snapshot import ConfigSnapshot
from pilot.controlplane.refused_patches import RefusedPatches
from pilot.generate import Generator
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import build_push_context
from pilot.mesh.context.scoping import registered_workload
from pilot.registry.build import build_catalog
from pilot.registry.discovery import NOTHING_DISCOVERED, Discovery, DiscoveryRegistry
from pilot.registry.workloads import RegisteredWorkload, Registrations
from pilot.xds.resources import ResourceSnapshot

_NOTHING = ResourceSnapshot(())


class MeshState:
    """Joins configuration and registrations. Changes are cheap to note; ``rebuild`` does the work for all of them.

    ``trust_domain`` is that of the identities which workloads are given; without any, all traffic is plain text.
    Times are seconds of one monotonic clock. Nothing is generated before the first configuration, and before
    each of ``registries`` has told what it found: Envoys that know more would be told that most of it is gone. A
    service that several of them know is one (see `pilot.registry.merge`), those named earlier counting first.
    """

    def __init__(
        self,
        *,
        deregister_after: float,
        trust_domain: TrustDomain | None = None,
        registries: Iterable[DiscoveryRegistry] = (),
        key_fetcher: KeyFetcher = KeyFetcher.CONTROL_PLANE,
        reports_denials: bool = False,
    ) -> None:
        self.registrations = Registrations(deregister_after)
        self._trust_domain = trust_domain
        self._config: ConfigSnapshot | None = None
        self._discovered: dict[DiscoveryRegistry, Discovery | None] = dict.fromkeys(registries)
        self._key_sets: Mapping[KeySource, str] = {}
        self._key_fetcher = key_fetcher
        self._reports_denials = reports_denials
        self._generator: Generator | None = None
        self._known: frozenset[str] = frozenset()
        self._agents: dict[str, tuple[bool, str, str, str]] = {}
        self._refused, self._refused_since = RefusedPatches(), False

    @property
    def config(self) -> ConfigSnapshot | None:
        """The configuration in force; None before the first."""
        return self._config

    @property
    def generator(self) -> Generator | None:
        """Generates from the newest context; None before the first configuration."""
        return self._generator

    def configure(self, config: ConfigSnapshot) -> None:
        """Take up a configuration; ``rebuild`` puts it into force."""
        self._config = config

    def discovered(self, registry: DiscoveryRegistry) -> Discovery:
        """What ``registry`` found last; nothing before it has told, and from one that there is not."""
        return self._discovered.get(registry) or NOTHING_DISCOVERED

    def discover(self, registry: DiscoveryRegistry, discovery: Discovery) -> None:
        """Take up all that one of the registries found; ``rebuild`` puts it into force.

        Raises KeyError for a registry that the state was not made with: nobody would have waited for it.
        """
        if registry not in self._discovered:
            raise KeyError(registry.name)
        self._discovered[registry] = discovery

    def know_keys(self, key_sets: Mapping[KeySource, str]) -> None:
        """Take up all key sets that were fetched; ``rebuild`` puts them into force."""
        self._key_sets = dict(key_sets)

    def connect(self, proxy: Proxy) -> bool:
        """A stream of ``proxy`` opened. Whether that changes who is there."""
        workload = registered_workload(proxy)
        if workload is None:
            return False
        if proxy.agent_id:
            self._agents[proxy.id] = _of_agent(proxy)
        return self.registrations.connect(workload)

    def listening(self, proxy: Proxy) -> bool:
        """``proxy`` has answered listeners. Whether that changes who serves."""
        return proxy.self_register and self._may_speak_for(proxy.id, proxy) and self.registrations.listening(proxy.id)

    def report(self, proxy: Proxy, *, healthy: bool) -> bool:
        """``proxy``, or the agent beside it, says how the workload is. Whether that changes who serves."""
        agent = _of_agent(proxy)
        node_id = next((node_id for node_id, known in self._agents.items() if known == agent), proxy.id)
        return self._may_speak_for(node_id, proxy) and self.registrations.report(node_id, healthy=healthy)

    def _may_speak_for(self, node_id: str, proxy: Proxy) -> bool:
        """A node id is nobody's secret: what is said of a workload counts only from one that has proven the same."""
        registered, own = self.registrations.present(node_id), registered_workload(replace(proxy, self_register=True))
        return registered is not None and own is not None and own.is_of_same_owner(registered)

    def refuse(
        self, proxy: Proxy, type_url: str, refused: Iterable[tuple[str, Iterable[Hashable]]]
    ) -> tuple[tuple[str, Resource[Any]], ...]:
        """``proxy`` has refused resources, each given by its name and what it was made from. What it is sent no longer:
        the names of those that EnvoyFilters have changed, each with the EnvoyFilter. See `RefusedPatches`."""
        if self._generator is None:
            return ()
        found = self._refused.refuse(proxy.id, type_url, refused, self._generator.context.config)
        self._refused_since = self._refused_since or bool(found)
        return found

    def disconnect(self, proxy: Proxy, now: float) -> bool:
        """A stream of ``proxy`` closed. Whether that changes who is there already."""
        self._refused.forget(proxy.id)
        return proxy.self_register and self.registrations.disconnect(proxy.id, now)

    def rebuild(self) -> bool:
        """Bring the context up to date. Whether there is news for proxies."""
        discovered = {registry: found for registry, found in self._discovered.items() if found is not None}
        if self._config is None or len(discovered) < len(self._discovered):
            return False
        previous = self._generator.context if self._generator else None
        refused, self._refused_since = self._refused_since, False
        workloads: tuple[RegisteredWorkload, ...] = self.registrations.workloads
        catalog = build_catalog(self._config, workloads, previous.catalog if previous else None, discovered)
        self._known = frozenset(workload.id for workload in workloads)
        self._agents = {node_id: agent for node_id, agent in self._agents.items() if node_id in self._known}
        if (
            previous is not None
            and catalog is previous.catalog
            and self._config is previous.config
            and self._key_sets == previous.key_sets
        ):
            return refused
        context = build_push_context(
            self._config,
            catalog,
            previous,
            trust_domain=self._trust_domain,
            key_sets=self._key_sets,
            key_fetcher=self._key_fetcher,
            reports_denials=self._reports_denials,
        )
        if self._generator is None:
            self._generator = Generator(context)
        else:
            self._generator.advance(context)
        return True

    def snapshot_of(self, proxy: Proxy) -> ResourceSnapshot | None:
        """All that ``proxy`` may receive now.

        None before the first configuration, and for a proxy whose workload has registered since the last ``rebuild``:
        it would be told that it serves nothing. Nothing for an agent, whose Envoy has a stream of its own.
        """
        if proxy.is_agent:
            return _NOTHING
        if self._generator is None or (proxy.self_register and proxy.id not in self._known):
            return None
        return self._generator.snapshot_of(proxy, self._refused.withheld(proxy.id, self._generator.context.config))


def _of_agent(proxy: Proxy) -> tuple[bool, str, str, str]:
    """What an agent and its Envoy have in common, and nobody who has proven something else."""
    return proxy.identified, proxy.namespace, proxy.service_account, proxy.agent_id
