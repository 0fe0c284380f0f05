"""Who a workload is: trust domains and SPIFFE ids in the form that Istio gives them."""

from __future__ import annotations

import re

from galley.meta import frozen

SCHEME = "spiffe://"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@frozen
class TrustDomain:
    """The realm of one root of trust, such as ``cluster.local``."""

    name: str

    def __post_init__(self) -> None:
        for label in self.name.split("."):
            if not _LABEL.fullmatch(label):
                raise ValueError(f"{self.name!r} is no trust domain: {label!r} is no DNS label")

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def parse(text: str) -> TrustDomain:
        """The trust domain that a configuration names; ``@`` stands for a dot. ValueError unless it is a DNS name."""
        return TrustDomain(text.replace("@", "."))


@frozen
class SpiffeId:
    """The identity of the workloads of one service account: ``spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT``."""

    trust_domain: TrustDomain
    namespace: str
    service_account: str

    def __post_init__(self) -> None:
        for part, value in (("namespace", self.namespace), ("service account", self.service_account)):
            if not value or "/" in value:
                raise ValueError(f"{value!r} is no {part} of a SPIFFE id")

    def __str__(self) -> str:
        return f"{SCHEME}{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"

    @staticmethod
    def parse(text: str) -> SpiffeId:
        """ValueError unless ``text`` has this very form: any other SPIFFE id names nobody in the mesh."""
        if not text.startswith(SCHEME):
            raise ValueError(f"{text!r} does not begin with {SCHEME}")
        match text.removeprefix(SCHEME).split("/"):
            case [domain, "ns", namespace, "sa", account]:
                return SpiffeId(TrustDomain(domain), namespace, account)
        raise ValueError(f"{text!r} is not of the form {SCHEME}DOMAIN/ns/NAMESPACE/sa/ACCOUNT")
