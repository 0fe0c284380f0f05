"""Gateway: the ports that a gateway proxy listens on, and for which hosts (networking.istio.io)."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import ClassVar

from galley.frozen import frozen
from galley.kinds.attachment import Attachment, Precedence
from galley.kinds.values import WorkloadSelector, unenforced, unsupported, until_identities
from galley.meta import NO_LABELS, Labels


@frozen
class ServerPort:
    """A port: number, protocol (``HTTP``, ``HTTPS``, ``GRPC``, ``HTTP2``, ``TCP``, ``TLS``, …) and name."""

    number: int = 0
    protocol: str = ""
    name: str = ""
    target_port: int = unsupported(0, "it is deprecated and ignored; the gateway's Service maps ports")


class ServerTlsMode(StrEnum):
    """How a server terminates, or passes on, TLS."""

    PASSTHROUGH = "PASSTHROUGH"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    AUTO_PASSTHROUGH = "AUTO_PASSTHROUGH"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"
    OPTIONAL_MUTUAL = "OPTIONAL_MUTUAL"


class TlsProtocol(StrEnum):
    """A TLS version; TLS_AUTO leaves it to Envoy."""

    TLS_AUTO = "TLS_AUTO"
    TLSV1_0 = "TLSV1_0"
    TLSV1_1 = "TLSV1_1"
    TLSV1_2 = "TLSV1_2"
    TLSV1_3 = "TLSV1_3"


@frozen
class TlsCertificate:
    """A key pair as paths on the gateway's own file system."""

    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""


@frozen
class ServerTlsSettings:
    """TLS of a server. File fields are paths on the gateway's own file system."""

    https_redirect: bool = False
    mode: ServerTlsMode = field(
        default=ServerTlsMode.PASSTHROUGH,
        metadata={
            "unsupported_values": {
                "ISTIO_MUTUAL": "the mesh issues no identities, so this server is not opened",
                "AUTO_PASSTHROUGH": "connections are not routed by mesh SNI yet, so this server is not opened",
            },
            **until_identities("ISTIO_MUTUAL"),
        },
    )
    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    ca_crl: str = ""
    credential_name: str = unsupported("", "credentials are not served by SDS yet, so this server is not opened")
    credential_names: tuple[str, ...] = unsupported(
        (), "credentials are not served by SDS yet, so this server is not opened"
    )
    ca_cert_credential_name: str = unenforced("", "client certificates would not be verified")
    tls_certificates: tuple[TlsCertificate, ...] = ()
    subject_alt_names: tuple[str, ...] = ()
    verify_certificate_spki: tuple[str, ...] = ()
    verify_certificate_hash: tuple[str, ...] = ()
    min_protocol_version: TlsProtocol = TlsProtocol.TLS_AUTO
    max_protocol_version: TlsProtocol = TlsProtocol.TLS_AUTO
    cipher_suites: tuple[str, ...] = ()
    ecdh_curves: tuple[str, ...] = unsupported((), "Envoy's own choice of curves is used")
    insecure_skip_verify: bool | None = None


@frozen
class Server:
    """One port with its hosts (``host``, ``namespace/host``, ``./host``, ``*/host``) and TLS."""

    port: ServerPort | None = None
    bind: str = ""
    hosts: tuple[str, ...] = ()
    tls: ServerTlsSettings | None = None
    default_endpoint: str = unsupported("", "Istio does not implement it either")
    name: str = ""


@frozen
class Gateway:
    """Servers of the gateway proxies whose labels contain ``selector``."""

    attachment: ClassVar[Attachment[Gateway]] = Attachment(
        Precedence.TOGETHER, selector=lambda spec: WorkloadSelector(spec.selector), any_namespace=True
    )
    servers: tuple[Server, ...] = ()
    selector: Labels = NO_LABELS
