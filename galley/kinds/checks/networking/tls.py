"""TLS settings of servers (Gateway, Sidecar ingress) and of clients (DestinationRule)."""

from __future__ import annotations

import re

from galley.kinds.networking.gateway import ServerTlsMode, ServerTlsSettings, TlsProtocol
from galley.kinds.values import ClientTlsMode, ClientTlsSettings
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_OLD = (TlsProtocol.TLSV1_0, TlsProtocol.TLSV1_1)
_PASSED_ON = (ServerTlsMode.PASSTHROUGH, ServerTlsMode.AUTO_PASSTHROUGH)
_VERIFYING = (ServerTlsMode.MUTUAL, ServerTlsMode.OPTIONAL_MUTUAL)
_HASH = re.compile(r"[0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}")
_SPKI = re.compile(r"[A-Za-z0-9+/]{43}=")
_LONGEST_SNI = 255
_ORDER = [TlsProtocol.TLSV1_0, TlsProtocol.TLSV1_1, TlsProtocol.TLSV1_2, TlsProtocol.TLSV1_3]


def check_server_tls(recorder: Recorder, path: str, tls: ServerTlsSettings) -> None:
    """Certificates as the mode needs them, from one source only."""
    sources = _certificate_sources(tls)
    if tls.mode is ServerTlsMode.ISTIO_MUTUAL:
        if sources or tls.ca_certificates:
            what = "ISTIO_MUTUAL uses the mesh's own certificates; it takes no others"
            recorder.error(path, "conflicting-certificates", what)
    elif tls.mode in _PASSED_ON:
        if sources or tls.ca_certificates:
            what = f"has certificates, which {tls.mode} never uses"
            recorder.warn(path, "unused-certificates", what, "write `mode: SIMPLE` to terminate TLS here")
    else:
        _check_terminating(recorder, path, tls, sources)
    _check_pins(recorder, path, tls)
    _check_versions(recorder, path, tls)


def _check_pins(recorder: Recorder, path: str, tls: ServerTlsSettings) -> None:
    """Which client certificates are let in, in the two forms that Envoy reads."""
    pins = (
        ("verifyCertificateHash", tls.verify_certificate_hash, _HASH, "SHA-256 in hexadecimal, with colons or without"),
        ("verifyCertificateSpki", tls.verify_certificate_spki, _SPKI, "SHA-256 in base64"),
    )
    for name, values, form, meaning in pins:
        for index, value in enumerate(values):
            if not form.fullmatch(value):
                recorder.error(f"{path}.{name}[{index}]", "invalid-hash", f"must be a {meaning}, not {quoted(value)}")


def _certificate_sources(tls: ServerTlsSettings) -> list[str]:
    given = {
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "serverCertificate and privateKey": tls.server_certificate or tls.private_key,
        "tlsCertificates": tls.tls_certificates,
    }
    return [name for name, value in given.items() if value]


def _check_terminating(recorder: Recorder, path: str, tls: ServerTlsSettings, sources: list[str]) -> None:
    has_credential = bool(tls.credential_name or tls.credential_names)
    if len(sources) > 1:
        recorder.error(path, "conflicting-certificates", f"names {' and '.join(sources)}", "keep one of them")
    if not has_credential:
        _check_files(recorder, path, tls)
    if tls.mode in _VERIFYING and not (has_credential or tls.ca_certificates or tls.ca_cert_credential_name):
        what = f"needs caCertificates for mode {tls.mode}, to verify clients"
        recorder.error(f"{path}.caCertificates", "missing-certificate", what)
    if tls.ca_crl and (tls.mode is ServerTlsMode.SIMPLE or has_credential):
        what = "is only possible with MUTUAL and certificates from files"
        recorder.error(f"{path}.caCrl", "conflicting-certificates", what)
    if len(tls.tls_certificates) > 2:
        what = "has more than two certificates; one RSA and one ECDSA certificate are of use"
        recorder.warn(f"{path}.tlsCertificates", "too-many-certificates", what)


def _check_files(recorder: Recorder, path: str, tls: ServerTlsSettings) -> None:
    if tls.tls_certificates:
        for index, pair in enumerate(tls.tls_certificates):
            inner = f"{path}.tlsCertificates[{index}]"
            if not pair.server_certificate or not pair.private_key:
                recorder.error(inner, "missing-certificate", "needs serverCertificate and privateKey")
        return
    for name, value in (("serverCertificate", tls.server_certificate), ("privateKey", tls.private_key)):
        if not value:
            hint = "a path on the gateway's file system"
            recorder.error(f"{path}.{name}", "missing-certificate", f"is required for mode {tls.mode}", hint)


def _check_versions(recorder: Recorder, path: str, tls: ServerTlsSettings) -> None:
    low, high = tls.min_protocol_version, tls.max_protocol_version
    if low in _ORDER and high in _ORDER and _ORDER.index(low) > _ORDER.index(high):
        recorder.error(f"{path}.minProtocolVersion", "invalid-tls-version", f"{low} is above maxProtocolVersion {high}")
    if low in _OLD and not tls.cipher_suites:
        what = f"{low} needs cipherSuites: Envoy's default ciphers work with TLS 1.2 and newer only"
        recorder.warn(f"{path}.minProtocolVersion", "invalid-tls-version", what)
    seen: set[str] = set()
    for index, cipher in enumerate(tls.cipher_suites):
        if cipher in seen:
            recorder.warn(f"{path}.cipherSuites[{index}]", "duplicate-cipher", f"names {cipher} again")
        seen.add(cipher)


def check_client_tls(recorder: Recorder, path: str, tls: ClientTlsSettings) -> None:
    """Certificates as the mode needs them; verification either wanted or not."""
    if tls.credential_name:
        files = {
            "clientCertificate": tls.client_certificate,
            "privateKey": tls.private_key,
            "caCertificates": tls.ca_certificates,
            "caCrl": tls.ca_crl,
        }
        for name, value in files.items():
            if value:
                what = "excludes credentialName, which brings all certificates"
                recorder.error(f"{path}.{name}", "conflicting-certificates", what)
    elif tls.mode is ClientTlsMode.MUTUAL:
        for name, value in (("clientCertificate", tls.client_certificate), ("privateKey", tls.private_key)):
            if not value:
                recorder.error(f"{path}.{name}", "missing-certificate", "is required for mode MUTUAL")
    if len(tls.sni.encode()) > _LONGEST_SNI:
        recorder.error(f"{path}.sni", "invalid-host", f"must not be longer than {_LONGEST_SNI} bytes")
    elif not tls.sni.isprintable():
        recorder.error(f"{path}.sni", "invalid-host", f"{quoted(tls.sni)} has characters that no name has")
    if tls.insecure_skip_verify:
        for name, given in (("caCertificates", tls.ca_certificates), ("subjectAltNames", tls.subject_alt_names)):
            if given:
                what = "is of no use with insecureSkipVerify: true"
                recorder.error(f"{path}.{name}", "conflicting-certificates", what, "keep one of the two")
