"""The TLS of Envoy's connection to its control plane: with roots in the bootstrap or a file, or all from an agent."""

from __future__ import annotations

from typing import Any

from galley.hosts.names import is_ip

Json = dict[str, Any]

SDS_CLUSTER = "sds-grpc"
"""Istio's name for the agent's secret discovery service."""
WORKLOAD_SECRET = "default"
ROOTS_SECRET = "ROOTCA"
"""Under these names Istio's agents serve a workload's certificate and the roots (see ``citadel.envoy.secrets``)."""
PUBLISHED_ROOTS = "root-cert.sds.json"
"""The file in which a control plane publishes its roots as SDS."""
_CONTEXT_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


def static_tls_socket(names: tuple[str, ...], roots: str) -> Json:
    """Trust a server that has one of ``names`` and that ``roots`` (PEM) verify; show no certificate."""
    return _tls_socket(names, {"validation_context": {"trusted_ca": {"inline_string": roots}, **_validation(names)}})


def file_tls_socket(names: tuple[str, ...], path: str) -> Json:
    """Trust a server that has one of ``names`` by the roots in ``path``, from now on and whenever that is replaced.

    It is a file of SDS, as the control plane publishes it: Envoy reads a file of PEM once only. It must be there when
    Envoy starts; one that cannot be read later changes nothing.
    """
    source = {"path_config_source": {"path": path}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    return _tls_socket(
        names,
        {
            "combined_validation_context": {
                "default_validation_context": _validation(names),
                "validation_context_sds_secret_config": {"name": ROOTS_SECRET, "sds_config": source},
            },
        },
    )


def agent_tls_socket(names: tuple[str, ...]) -> Json:
    """Show the certificate of the agent behind SDS_CLUSTER, and trust a server of ``names`` by the agent's roots."""
    return _tls_socket(
        names,
        {
            "tls_certificate_sds_secret_configs": [_from_agent(WORKLOAD_SECRET)],
            "combined_validation_context": {
                "default_validation_context": _validation(names),
                "validation_context_sds_secret_config": _from_agent(ROOTS_SECRET),
            },
        },
    )


def _tls_socket(names: tuple[str, ...], proofs: Json) -> Json:
    common = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
        "alpn_protocols": ["h2"],
        **proofs,
    }
    context: Json = {"@type": _CONTEXT_TYPE, "common_tls_context": common}
    hosts = [name for name in names if not is_ip(name)]
    if hosts:
        context["sni"] = hosts[0]
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _validation(names: tuple[str, ...]) -> Json:
    matchers = [{"san_type": "IP_ADDRESS" if is_ip(name) else "DNS", "matcher": {"exact": name}} for name in names]
    return {"match_typed_subject_alt_names": matchers}


def _from_agent(name: str) -> Json:
    """The secret ``name`` of the agent on this host. Until it is there nothing is sent or taken."""
    service = {
        "envoy_grpc": {
            "cluster_name": SDS_CLUSTER,
            "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "2s"}},
        }
    }
    source = {
        "api_config_source": {
            "api_type": "GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [service],
        },
        "resource_api_version": "V3",
        "initial_fetch_timeout": "0s",
    }
    return {"name": name, "sds_config": source}
