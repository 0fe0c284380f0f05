"""What a rule names: short names of services completed, addresses left alone, Gateways with their namespace."""

from __future__ import annotations

import functools
import ipaddress

MESH_GATEWAY = "mesh"
"""The reserved gateway name that means "all sidecars"."""

DEFAULT_DOMAIN = "cluster.local"
"""The DNS domain of a mesh that is given none (Istio's ``--domain``)."""


@functools.lru_cache(maxsize=4096)
def is_ip(text: str) -> bool:
    """Whether ``text`` is an IPv4 or IPv6 address, without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def resolve_host(host: str, namespace: str, domain: str) -> str:
    """The full name, in lower case, of a host as a rule in ``namespace`` of a mesh with ``domain`` writes it.

    A name without a dot is a service of the rule's namespace. Everything else is taken literally, as in Istio
    (``ResolveShortnameToFQDN``): ``reviews.prod`` is not completed, nor is ``*``, nor an address.
    """
    if not host or "." in host or host == "*" or is_ip(host):
        return host.lower()
    return service_host(host, namespace, domain)


def service_host(name: str, namespace: str, domain: str) -> str:
    """The full name of the Kubernetes service ``name``, in lower case: ``name.namespace.svc.domain``."""
    return f"{name}.{namespace}.svc.{domain}".lower()


def resolve_gateway(reference: str, namespace: str) -> str:
    """``namespace/name`` of the Gateway that a rule in ``namespace`` names; ``mesh`` stays ``mesh``.

    References are ``name``, ``./name``, ``namespace/name``, and the legacy form ``name.namespace.svc.cluster.local``.
    """
    if reference == MESH_GATEWAY:
        return reference
    owner, slash, name = reference.partition("/")
    if slash:
        return f"{namespace if owner == '.' else owner}/{name}"
    name, dot, rest = reference.partition(".")
    return f"{rest.partition('.')[0] if dot else namespace}/{name}"
