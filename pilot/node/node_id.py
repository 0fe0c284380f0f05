"""Istio's node id: ``type~address~name.namespace~domain``."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from galley.frozen import frozen
from galley.text.wording import shortened

_SEPARATOR = "~"


class NodeError(ValueError):
    """A node that cannot be served; the text says what is wrong with its id or metadata."""


class ProxyKind(StrEnum):
    """The first part of a node id: Istio's node types that are served."""

    SIDECAR = "sidecar"
    GATEWAY = "router"


_KINDS = {kind.value: kind for kind in ProxyKind}


@frozen
class NodeId:
    """The parts of a node id; ``str`` writes it.

    ``address`` is an IP. ``name`` is that of the instance, which may have dots, and ``namespace`` has none: it is ""
    where the id does not say it. ``domain`` is the DNS domain in which the instance looks up short names, as a rule
    ``NAMESPACE.svc.SUFFIX``.
    """

    kind: ProxyKind
    address: str
    name: str
    namespace: str
    domain: str

    def __str__(self) -> str:
        full_name = f"{self.name}.{self.namespace}" if self.namespace else self.name
        return _SEPARATOR.join((self.kind.value, self.address, full_name, self.domain))

    @staticmethod
    def parse(text: str) -> NodeId:
        """The id that ``str`` of the result writes again. NodeError for another form, and for a type not served."""
        parts = text.split(_SEPARATOR)
        if len(parts) != 4 or parts[0] not in _KINDS:
            raise NodeError(
                f"node id {shortened(repr(text), 300)} is not of the form sidecar~IP~NAME.NAMESPACE~DOMAIN or router~…;"
                " write the bootstrap with `pilot bootstrap`"
            )
        kind, address, full_name, domain = parts
        name, _, namespace = full_name.rpartition(".")
        if not name or not namespace:
            name, namespace = full_name, ""
        return NodeId(_KINDS[kind], address, name, namespace, domain)

    @property
    def domain_namespace(self) -> str:
        """The namespace that ``domain`` begins with; "" without a domain."""
        return self.domain.partition(".")[0]

    def at(self, address: str) -> NodeId:
        """The same instance at ``address``, an IP."""
        return replace(self, address=address)
