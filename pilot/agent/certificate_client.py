"""The call by which an agent has its key certified, and what it shows for that."""

from __future__ import annotations

from typing import Protocol

import grpc
import grpc.aio

from citadel.certificate_service import METHOD, SERVICE, CertificateRequest, CertificateResponse
from citadel.identity import BearerToken, Svid
from galley.frozen import frozen

CALL_SECONDS = 10.0


@frozen
class Proof:
    """What an agent shows, and to whom: a token or its certificate, to a server that ``roots`` (PEM) verify."""

    evidence: BearerToken | Svid
    roots: bytes


class SigningError(Exception):
    """No certificate. ``is_refusal`` when the control plane did not take the proof: another one may be taken."""

    def __init__(self, message: str, *, is_refusal: bool = False) -> None:
        super().__init__(message)
        self.is_refusal = is_refusal


class CertificateSigner(Protocol):
    """Who signs for an agent."""

    async def sign(self, csr: bytes, proof: Proof, lifetime: int) -> tuple[str, ...]:
        """The elements of the answer to ``csr`` (PEM), for ``lifetime`` seconds or, with 0, as usual.

        Raises SigningError.
        """
        ...


@frozen
class CertificateClient:
    """Calls `istio.v1.auth.IstioCertificateService` at ``token_address`` with a token, at ``mtls_address`` with a
    certificate. ``server_name`` is expected in the server's certificate; "" stands for the host called.
    """

    token_address: str
    mtls_address: str
    server_name: str = ""

    async def sign(self, csr: bytes, proof: Proof, lifetime: int) -> tuple[str, ...]:
        """See `CertificateSigner`. Each call has a connection of its own: there is one in half a lifetime."""
        request = CertificateRequest(csr=csr.decode("ascii"), validity_duration=lifetime).SerializeToString()
        metadata: tuple[tuple[str, str], ...] = ()
        match proof.evidence:
            case BearerToken() as token:
                address, credentials = self.token_address, grpc.ssl_channel_credentials(proof.roots)
                metadata = (("authorization", f"Bearer {token.reveal()}"),)
            case Svid() as svid:
                address = self.mtls_address
                credentials = grpc.ssl_channel_credentials(proof.roots, svid.private_key.reveal(), svid.chain_pem)
        options = [("grpc.ssl_target_name_override", self.server_name)] if self.server_name else []
        # Without a pool of its own, gRPC might hand a connection with the last certificate to this call.
        # The control plane is not reached through the proxy that the environment names for the web.
        options_of_channel = [*options, ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        try:
            async with grpc.aio.secure_channel(address, credentials, options=options_of_channel) as channel:
                call = channel.unary_unary(f"/{SERVICE}/{METHOD}", None, None)
                answer = await call(request, metadata=metadata, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            refused = error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
            raise SigningError(f"{address}: {error.code().name}: {error.details()}", is_refusal=refused) from error
        return tuple(CertificateResponse.FromString(answer).cert_chain)
