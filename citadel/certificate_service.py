"""Istio's certificate service as agents and authorities speak it: its name, its one method and the two messages."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2
from google.protobuf.message_factory import GetMessageClass

SERVICE = "istio.v1.auth.IstioCertificateService"
METHOD = "CreateCertificate"


def encode_response(chain: tuple[bytes, ...]) -> bytes:
    """The response: leaf first, then each intermediate, and last all roots as one element."""
    return cast(bytes, CertificateResponse(cert_chain=[pem.decode("ascii") for pem in chain]).SerializeToString())


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
