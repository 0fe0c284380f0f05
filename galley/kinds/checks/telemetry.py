"""Rules of a Telemetry resource, and of the tags that MeshConfig gives to spans as well."""

from __future__ import annotations

from galley.kinds.checks.attachment import check_attachment
from galley.kinds.checks.scalars import check_header_name, check_percent
from galley.kinds.telemetry import CustomTag, CustomTags, ProviderRef, Telemetry
from galley.meta import Resource
from galley.text.nodes import at_key
from galley.text.recorder import Recorder


def check_telemetry(recorder: Recorder, resource: Resource[Telemetry]) -> None:
    """All that is wrong with one Telemetry resource."""
    check_attachment(recorder, "spec", resource.spec)
    for index, tracing in enumerate(resource.spec.tracing):
        path = f"spec.tracing[{index}]"
        _check_providers(recorder, f"{path}.providers", tracing.providers)
        if len(tracing.providers) > 1:
            what = f"has {len(tracing.providers)} entries, of which the first alone counts"
            recorder.warn(f"{path}.providers", "several-providers", what, "keep one")
        check_percent(recorder, f"{path}.randomSamplingPercentage", tracing.random_sampling_percentage)
        check_custom_tags(recorder, f"{path}.customTags", tracing.custom_tags)


def _check_providers(recorder: Recorder, path: str, providers: tuple[ProviderRef, ...]) -> None:
    for index, provider in enumerate(providers):
        if not provider.name:
            recorder.error(f"{path}[{index}].name", "missing-field", "is required")


def check_custom_tags(recorder: Recorder, path: str, tags: CustomTags) -> None:
    """Each tag has a name and says in one way what its value is."""
    for name, tag in tags.items():
        field = at_key(path, name)
        if not name:
            recorder.error(field, "missing-field", "has no name")
        _check_tag(recorder, field, tag)


def _check_tag(recorder: Recorder, field: str, tag: CustomTag) -> None:
    if tag.literal is not None:
        if not tag.literal.value:
            recorder.error(f"{field}.literal.value", "missing-field", "is required")
    elif tag.environment is not None:
        if not tag.environment.name:
            recorder.error(f"{field}.environment.name", "missing-field", "is required")
    elif tag.header is not None:
        if not tag.header.name:
            recorder.error(f"{field}.header.name", "missing-field", "is required")
        else:
            check_header_name(recorder, f"{field}.header.name", tag.header.name)
    elif tag.formatter is None:
        recorder.error(field, "missing-field", "says nothing about the value", "add literal, environment or header")
