"""Rules of PeerAuthentication."""

from __future__ import annotations

from galley.kinds.checks.scalars import check_selector, is_port
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.meta import Resource
from galley.text.nodes import at_key
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def check_peer_authentication(recorder: Recorder, resource: Resource[PeerAuthentication]) -> None:
    """All that is wrong with one PeerAuthentication: ports are numbers, and only workloads have ports."""
    spec = resource.spec
    if spec.selector is not None:
        check_selector(recorder, "spec.selector.matchLabels", spec.selector.match_labels)
    if spec.port_level_mtls and not spec.selects_workloads:
        what = "needs a selector: ports belong to workloads, not to a namespace"
        recorder.error("spec.portLevelMtls", "missing-selector", what, "add selector: {matchLabels: …}")
    for text in spec.port_level_mtls:
        if not is_port(text):
            what = f"{quoted(text)} is not a port"
            recorder.error(at_key("spec.portLevelMtls", text), "invalid-port", what, "a number from 1 to 65535")
