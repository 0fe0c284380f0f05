"""PeerAuthentication: whether a workload's peers must use mutual TLS (security.istio.io)."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import ClassVar

from galley.frozen import FrozenMap, frozen
from galley.kinds.attachment import Attachment, Precedence, RootSelector
from galley.kinds.values import WorkloadSelector, until_identities


class MutualTlsMode(StrEnum):
    """What a workload accepts; UNSET takes the mode of the next wider scope."""

    UNSET = "UNSET"
    DISABLE = "DISABLE"
    PERMISSIVE = "PERMISSIVE"
    STRICT = "STRICT"


@frozen
class MutualTls:
    """Mutual TLS settings."""

    mode: MutualTlsMode = field(
        default=MutualTlsMode.UNSET,
        metadata={
            "unenforced_values": {
                "STRICT": "the mesh issues no identities, so connections would be accepted without mutual TLS"
            },
            **until_identities("STRICT"),
        },
    )


@frozen
class PeerAuthentication:
    """What the workloads that ``selector`` selects accept (none: all of the namespace, or of the mesh).

    The keys of ``port_level_mtls`` are ports of the workload, in decimal.
    """

    attachment: ClassVar[Attachment[PeerAuthentication]] = Attachment(
        Precedence.NARROWEST, selector=lambda spec: spec.selector, root_selector=RootSelector.IGNORED
    )
    selector: WorkloadSelector | None = None
    mtls: MutualTls | None = None
    port_level_mtls: FrozenMap[str, MutualTls] = field(default_factory=FrozenMap)

    @property
    def selects_workloads(self) -> bool:
        """Whether it has a selector that asks for something; an empty one is none."""
        return self.selector is not None and not self.selector.is_empty
