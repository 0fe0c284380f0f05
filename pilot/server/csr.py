"""The certificate service of Istio's agents: signs the key that a workload made itself, for the identity it proved."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any, cast

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from citadel.ca.issuance import IssuanceRequest
from citadel.identity import SpiffeId
from citadel.refusal import Refusal, RefusalCode
from citadel.service import Citadel
from pilot.server.authentication import Authenticator, Context, abort

SERVICE = "istio.v1.auth.IstioCertificateService"
audit = logging.getLogger("pilot.audit")

_LONGEST_SECONDS = 10 * 365 * 24 * 3600
"""More than any authority lives: what is longer need not be told from it."""


class CertificateService:
    """``CreateCertificate``: a signing request in; leaf, intermediates and all roots out."""

    def __init__(self, citadel: Citadel, authenticator: Authenticator) -> None:
        self._citadel = citadel
        self._authenticator = authenticator

    def handler(self) -> grpc.GenericRpcHandler[Any, Any]:
        """For ``add_generic_rpc_handlers``."""
        methods = {"CreateCertificate": grpc.unary_unary_rpc_method_handler(cast(Any, self.create_certificate))}
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def create_certificate(self, message: bytes, context: Context) -> bytes:
        """Answer one call, or end it with a status that says no more than the caller may know."""
        caller = await self._authenticator.authenticate(context)
        if isinstance(caller, Refusal):
            await abort(context, caller)
        result = await self._create(message, caller.identity)
        if isinstance(result, Refusal):
            audit.warning("no certificate for %s from %s: %s", caller.identity, context.peer(), _line(result.reason))
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


def encode_response(chain: tuple[bytes, ...]) -> bytes:
    """The response: leaf first, then each intermediate, and last all roots as one element."""
    return cast(bytes, CertificateResponse(cert_chain=[pem.decode("ascii") for pem in chain]).SerializeToString())


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:256]


def _build_messages() -> tuple[Any, Any]:
    """The two messages of Istio's ``security/v1alpha1/ca.proto``, by their field numbers."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="istio/v1/auth/ca.proto", package="istio.v1.auth", syntax="proto3", dependency=[struct_pb2.DESCRIPTOR.name]
    )
    request = file.message_type.add(name="IstioCertificateRequest")
    once, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED
    request.field.add(name="csr", number=1, type=field.TYPE_STRING, label=once)
    request.field.add(name="validity_duration", number=3, type=field.TYPE_INT64, label=once)
    request.field.add(
        name="metadata", number=4, type=field.TYPE_MESSAGE, label=once, type_name=".google.protobuf.Struct"
    )
    response = file.message_type.add(name="IstioCertificateResponse")
    response.field.add(name="cert_chain", number=1, type=field.TYPE_STRING, label=many)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindFileByName(file.name).message_types_by_name
    return GetMessageClass(found[request.name]), GetMessageClass(found[response.name])


CertificateRequest, CertificateResponse = _build_messages()
