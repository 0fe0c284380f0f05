"""The certificate service of Istio's agents: signs the key that a workload made itself, for the identity it proved."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from citadel.ca.issuance import IssuanceRequest
from citadel.certificate_service import METHOD, SERVICE, CertificateRequest, encode_response
from citadel.identity import SpiffeId
from citadel.refusal import Refusal, RefusalCode
from citadel.service import Citadel
from galley.text.wording import printable, shortened
from pilot.server.authentication import Authenticator, Context, abort

audit = logging.getLogger("pilot.audit")

_LONGEST_REASON = 256

_LONGEST_SECONDS = 10 * 365 * 24 * 3600
"""More than any authority lives: what is longer need not be told from it."""


class CertificateService:
    """``CreateCertificate``: a signing request in; leaf, intermediates and all roots out."""

    def __init__(self, citadel: Citadel, authenticator: Authenticator) -> None:
        self._citadel = citadel
        self._authenticator = authenticator

    def handler(self) -> grpc.GenericRpcHandler[Any, Any]:
        """For ``add_generic_rpc_handlers``."""
        methods = {METHOD: grpc.unary_unary_rpc_method_handler(cast(Any, self.create_certificate))}
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def create_certificate(self, message: bytes, context: Context) -> bytes:
        """Answer one call, or end it with a status that says no more than the caller may know."""
        caller = await self._authenticator.authenticate(context)
        if isinstance(caller, Refusal):
            await abort(context, caller)
        result = await self._create(message, caller.identity)
        if isinstance(result, Refusal):
            audit.warning(
                "no certificate for %s from %s: %s",
                caller.identity,
                context.peer(),
                shortened(printable(result.reason), _LONGEST_REASON),
            )
            await abort(context, result)
        return result

    async def _create(self, message: bytes, identity: SpiffeId) -> bytes | Refusal:
        now = self._authenticator.now()
        if refusal := self._citadel.admit_signing(identity, now):
            return refusal
        request = decode_request(message, identity)
        if isinstance(request, Refusal):
            return request
        signed = await asyncio.to_thread(self._citadel.sign, request, now)
        if isinstance(signed, Refusal):
            return signed
        issued, bundle = signed
        audit.info("signed a certificate of %s until %s", identity, f"{issued.not_after:%Y-%m-%dT%H:%M:%SZ}")
        return encode_response((*issued.chain, bundle.pem))


def decode_request(message: bytes, identity: SpiffeId) -> IssuanceRequest | Refusal:
    """The request of a caller who has proven to be ``identity``."""
    asked = CertificateRequest()
    try:
        asked.ParseFromString(message)
    except DecodeError:
        return Refusal(RefusalCode.INVALID_ARGUMENT, "not an IstioCertificateRequest")
    if "ImpersonatedIdentity" in asked.metadata.fields:
        return Refusal(RefusalCode.PERMISSION_DENIED, "it asks for a certificate in the name of another")
    seconds = max(0, min(asked.validity_duration, _LONGEST_SECONDS))
    return IssuanceRequest(identity, asked.csr.encode(), timedelta(seconds=seconds))
