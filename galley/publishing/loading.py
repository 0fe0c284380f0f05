"""One unit's bytes to what they mean: its resources, or all that is wrong with it. Pure, and the same for every
command: what ``galley validate`` accepts, the server accepts."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field, replace
from typing import Any

from galley.decoding.documents import decode_file
from galley.failpoints import failpoint
from galley.meta import Resource
from galley.publishing.time_budget import OverBudgetError, within
from galley.sources import Unit
from galley.text.compose import DEFAULT_LIMITS, Limits
from galley.text.diagnostics import Diagnostic, Origin, Severity
from galley.text.wording import printable, shortened

log = logging.getLogger(__name__)

FAULT = "internal-error"
"""The code of an error that is not the file's. What it is about is judged again at the next occasion."""


CPU_SECONDS = 10.0
"""Of CPU, for one unit. A file of the largest size takes about one."""

_SMALL = 16 << 10
"""Bytes of a unit that needs no watch: whatever grows with the square of so little is no danger."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How units are judged. ``accept_unenforced`` makes security settings that are not enforced yet warnings;
    ``identities`` tells that the mesh issues identities, so that those about mutual TLS are enforced."""

    limits: Limits = DEFAULT_LIMITS
    accept_unenforced: bool = False
    identities: bool = False


DEFAULT_OPTIONS = LoadOptions()


@dataclass(frozen=True, slots=True, eq=False)
class LoadedUnit:
    """A unit that has been composed, decoded and checked."""

    unit: Unit
    resources: tuple[Resource[Any], ...] = field(repr=False)
    diagnostics: tuple[Diagnostic, ...]

    @property
    def is_acceptable(self) -> bool:
        """Whether nothing in the unit is an error."""
        return not any(diagnostic.is_error for diagnostic in self.diagnostics)

    @property
    def is_judged(self) -> bool:
        """Whether what is said of the unit is about its content, and holds as long as that stays."""
        return not any(diagnostic.code == FAULT for diagnostic in self.diagnostics)


def load_unit(unit: Unit, options: LoadOptions = DEFAULT_OPTIONS, *, previous: LoadedUnit | None = None) -> LoadedUnit:
    """Compose, decode and check one unit. Never raises on any content: a fault of ours is an error of the unit, so that
    it takes no other along.

    Resources that stand in ``previous`` with the same text at the same lines are taken over as the same objects.
    """
    try:
        failpoint(f"load-{os.path.basename(unit.id)}")
        if len(unit.content) < _SMALL:
            loaded = _load(unit, options)
        else:
            loaded = within(CPU_SECONDS, lambda: _load(unit, options))
    except OverBudgetError:
        loaded = LoadedUnit(unit=unit, resources=(), diagnostics=(_too_slow(unit),))
    except Exception as error:
        log.exception("%s cannot be judged", unit.id)
        loaded = LoadedUnit(unit=unit, resources=(), diagnostics=(_fault(unit, error),))
    return loaded if previous is None else _take_over(loaded, previous)


def _too_slow(unit: Unit) -> Diagnostic:
    message = f"judging this file takes more than {CPU_SECONDS:g} s of CPU, and all others would wait for it"
    return Diagnostic(Severity.ERROR, "too-slow", message, Origin(unit.id), "make several files of it")


def _fault(unit: Unit, error: Exception) -> Diagnostic:
    what = shortened(printable(f"{type(error).__name__}: {error}"), 300)
    message = f"this file cannot be judged, for a fault in Pilothouse: {what}"
    hint = "please report it with the file; the log has the whole way to it"
    return Diagnostic(Severity.ERROR, FAULT, message, Origin(unit.id), hint)


def _load(unit: Unit, options: LoadOptions) -> LoadedUnit:
    resources, diagnostics = decode_file(
        unit.content,
        unit.id,
        limits=options.limits,
        accept_unenforced=options.accept_unenforced,
        identities=options.identities,
    )
    return LoadedUnit(unit=unit, resources=resources, diagnostics=diagnostics)


def _take_over(loaded: LoadedUnit, previous: LoadedUnit) -> LoadedUnit:
    known = {resource.key: resource for resource in previous.resources}
    return replace(loaded, resources=tuple(_same(resource, known.get(resource.key)) for resource in loaded.resources))


def _same(resource: Resource[Any], known: Resource[Any] | None) -> Resource[Any]:
    if known is None or known.tree is None or known.origin != resource.origin or known.tree != resource.tree:
        return resource
    return known
