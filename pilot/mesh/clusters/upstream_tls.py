"""From a DestinationRule's ``tls`` to the TLS that a client's proxy originates."""

from __future__ import annotations

from citadel.ir import KeyPairFiles, UpstreamTls
from galley.kinds.values import ClientTlsMode, ClientTlsSettings

_ORIGINATING = (ClientTlsMode.SIMPLE, ClientTlsMode.MUTUAL)


def upstream_tls(
    settings: ClientTlsSettings, service_names: tuple[str, ...] = (), *, http2: bool = False
) -> UpstreamTls | None:
    """The TLS of ``settings``; None for plain text.

    ``service_names`` are the subjectAltNames of the service, expected unless the settings name others. Without
    identities ISTIO_MUTUAL is plain text, and credential names are passed over: Galley refuses both, or warns when told
    to accept them.
    """
    if settings.mode not in _ORIGINATING:
        return None
    pair = KeyPairFiles(certificate=settings.client_certificate, private_key=settings.private_key)
    presents = settings.mode is ClientTlsMode.MUTUAL and pair.certificate and pair.private_key
    return UpstreamTls(
        sni=settings.sni,
        ca_file=settings.ca_certificates or None,
        crl_file=settings.ca_crl,
        client_certificate=pair if presents else None,
        subject_alt_names=settings.subject_alt_names or service_names,
        insecure_skip_verify=bool(settings.insecure_skip_verify),
        alpn=("h2",) if http2 else (),
    )
