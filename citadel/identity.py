"""Who a workload is: trust domains and SPIFFE ids in the form that Istio gives them, and what proves them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NoReturn

from galley.frozen import frozen
from galley.trust_domain import wrong_with_trust_domain

SCHEME = "spiffe://"
# SPIFFE-ID, section 2.2: letters, digits, dot, dash and underscore; no segment is "." or "..".
_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,253}")


@frozen
class TrustDomain:
    """The realm of one root of trust, such as ``cluster.local``."""

    name: str

    def __post_init__(self) -> None:
        if wrong := wrong_with_trust_domain(self.name):
            raise ValueError(f"{self.name!r} is no trust domain: it {wrong}")

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def parse(text: str) -> TrustDomain:
        """The trust domain that a configuration names; ``@`` stands for a dot. ValueError unless it is a DNS name."""
        return TrustDomain(text.replace("@", "."))


@frozen
class SpiffeId:
    """The identity of the workloads of one service account: ``spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT``.

    ValueError for a namespace or account that a SPIFFE id cannot have.
    """

    trust_domain: TrustDomain
    namespace: str
    service_account: str

    def __post_init__(self) -> None:
        for part, value in (("namespace", self.namespace), ("service account", self.service_account)):
            if _SEGMENT.fullmatch(value) is None:
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


class PrivateKey:
    """A private key as PEM (PKCS #8). It is seen only by whoever calls ``reveal``; no print, log or pickle shows it."""

    __slots__ = ("_pem",)

    def __init__(self, pem: bytes) -> None:
        self._pem = pem

    def reveal(self) -> bytes:
        """The PEM text itself. Hand it to nobody but its owner."""
        return self._pem

    def __repr__(self) -> str:
        return "PrivateKey(redacted)"

    def __eq__(self, other: object) -> bool:
        return self._pem == other._pem if isinstance(other, PrivateKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._pem)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled or copied")


class BearerToken:
    """A token as its holder presents it. It is seen only by whoever calls ``reveal``; no print or log shows it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The token itself. Hand it to nobody but its owner."""
        return self._text

    def __repr__(self) -> str:
        return "BearerToken(redacted)"

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, BearerToken) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is not pickled or copied")


@frozen
class Svid:
    """A workload's certificate and its key.

    ``chain`` is PEM, one certificate each: the leaf, then what leads to a root, without the root. Times are UTC.
    """

    id: SpiffeId
    chain: tuple[bytes, ...]
    private_key: PrivateKey
    not_before: datetime
    not_after: datetime

    @property
    def chain_pem(self) -> bytes:
        """The certificates of the chain as one PEM file, the leaf first."""
        return b"".join(self.chain)


@frozen
class TrustBundle:
    """The roots by which certificates of a trust domain are verified: PEM, one certificate each, sorted, none twice."""

    trust_domain: TrustDomain
    roots: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not self.roots:
            raise ValueError(f"a trust bundle of {self.trust_domain} without roots")
        object.__setattr__(self, "roots", tuple(sorted(set(self.roots))))

    @property
    def pem(self) -> bytes:
        """The roots as one PEM file."""
        return b"".join(self.roots)
