"""Telemetry: what proxies report of their traffic, and to whom (telemetry.istio.io)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from galley.frozen import FrozenMap, frozen
from galley.kinds.attachment import Attachment, Precedence
from galley.kinds.values import AttachedPolicy, PolicyTargetReference, unsupported

_NO_TARGETS = "no proxy stands for a target yet, so it reaches nobody"


class WorkloadMode(StrEnum):
    """On which side of its traffic a proxy reports: for its own workload's requests (CLIENT), for those that it is
    sent (SERVER), or for both. A gateway is a client."""

    CLIENT_AND_SERVER = "CLIENT_AND_SERVER"
    CLIENT = "CLIENT"
    SERVER = "SERVER"

    def includes(self, side: WorkloadMode) -> bool:
        """Whether it is about ``side``, which is CLIENT or SERVER."""
        return self in (WorkloadMode.CLIENT_AND_SERVER, side)


@frozen
class ModeSelector:
    """The side that an entry is about."""

    mode: WorkloadMode = WorkloadMode.CLIENT_AND_SERVER


BOTH_SIDES = ModeSelector()


@frozen
class ProviderRef:
    """Names an ``extensionProviders`` entry of MeshConfig, in any case."""

    name: str = ""


@frozen
class LiteralTag:
    """A value that is always the same."""

    value: str = ""


@frozen
class EnvironmentTag:
    """An environment variable of the proxy; ``default_value`` where it has none."""

    name: str = ""
    default_value: str = ""


@frozen
class HeaderTag:
    """A header of the request; ``default_value`` where it has none."""

    name: str = ""
    default_value: str = ""


@frozen
class CustomTag:
    """A tag of one's own in spans; exactly one of the fields says what its value is."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("literal", "environment", "header", "formatter"),)
    literal: LiteralTag | None = None
    environment: EnvironmentTag | None = None
    header: HeaderTag | None = None
    formatter: Any = unsupported(None, "Envoys before 1.37 refuse it; the tag is left out")


CustomTags = FrozenMap[str, CustomTag]
NO_TAGS: CustomTags = FrozenMap()


@frozen
class Tracing:
    """Spans of requests. What is not said is as the entry before says it, or a wider resource.

    ``random_sampling_percentage`` is 0 to 100.
    """

    match: ModeSelector = BOTH_SIDES
    providers: tuple[ProviderRef, ...] = ()
    random_sampling_percentage: float | None = None
    disable_span_reporting: bool | None = None
    custom_tags: CustomTags = NO_TAGS
    use_request_id_for_trace_sampling: bool | None = None
    enable_istio_tags: bool | None = None
    disable_context_propagation: bool | None = unsupported(None, "Envoys before 1.38 cannot; headers are propagated")


@frozen
class Telemetry(AttachedPolicy):
    """What the workloads that it is attached to report; what it does not say is as wider ones say it."""

    attachment: ClassVar[Attachment[Telemetry]] = Attachment(
        precedence=Precedence.MERGED,
        selector=lambda spec: spec.selector,
        targets=lambda spec: spec.targets,
    )
    target_ref: PolicyTargetReference | None = unsupported(None, _NO_TARGETS)
    target_refs: tuple[PolicyTargetReference, ...] = unsupported((), _NO_TARGETS)
    tracing: tuple[Tracing, ...] = ()
    metrics: Any = unsupported(None, "stock Envoys have no istio.stats; their own statistics are as they are")
    access_logging: Any = unsupported(None, "MeshConfig's accessLogFile says where all proxies log")
