"""TLS settings of a Gateway's server → the decision what to present and what to ask for."""

from __future__ import annotations

from citadel.ir import KeyPairFiles, ServerTls
from galley.kinds.networking.gateway import ServerTlsMode, ServerTlsSettings


def can_terminate(tls: ServerTlsSettings) -> bool:
    """Whether there is a certificate on file, and whatever verifies clients where they must be verified.

    Credentials by name are not served yet; a server that asks for one stays closed rather than half open.
    """
    if tls.credential_name or tls.credential_names or not _key_pairs(tls):
        return False
    verifies = tls.mode in (ServerTlsMode.MUTUAL, ServerTlsMode.OPTIONAL_MUTUAL)
    return not verifies or bool(tls.ca_certificates) or bool(tls.insecure_skip_verify)


def plan_server_tls(tls: ServerTlsSettings) -> ServerTls:
    """TLS that a server terminates, from certificate files. OPTIONAL_MUTUAL verifies what a client presents."""
    verifies = tls.mode in (ServerTlsMode.MUTUAL, ServerTlsMode.OPTIONAL_MUTUAL)
    return ServerTls(
        certificates=_key_pairs(tls),
        require_client_certificate=tls.mode is ServerTlsMode.MUTUAL,
        ca_file=tls.ca_certificates if verifies else "",
        crl_file=tls.ca_crl if verifies else "",
        subject_alt_names=tls.subject_alt_names if verifies else (),
        verify_certificate_spki=tls.verify_certificate_spki if verifies else (),
        verify_certificate_hash=tls.verify_certificate_hash if verifies else (),
        insecure_skip_verify=verifies and bool(tls.insecure_skip_verify),
        min_version=tls.min_protocol_version,
        max_version=tls.max_protocol_version,
        cipher_suites=tls.cipher_suites,
    )


def _key_pairs(tls: ServerTlsSettings) -> tuple[KeyPairFiles, ...]:
    listed = tuple((one.server_certificate, one.private_key) for one in tls.tls_certificates)
    return tuple(
        KeyPairFiles(certificate=certificate, private_key=key)
        for certificate, key in (listed or ((tls.server_certificate, tls.private_key),))
        if certificate and key
    )
