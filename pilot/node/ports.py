"""The ports, the user, the marks and the name by which Envoy, its bootstrap, its capture rules and its plans find one
another.

The numbers are Istio's (istio.io, "Ports used by Istio", and the flags of ``istio-iptables``).
"""

from __future__ import annotations

from typing import Final

OUTBOUND_PORT: Final = 15001
INBOUND_PORT: Final = 15006
"""Where a sidecar takes captured connections, out of its workload and in: MeshConfig's ``proxyListenPort`` and
``proxyInboundListenPort``, whose defaults they are."""
TUNNEL_PORT: Final = 15008
"""Where tunnels of HBONE arrive; never captured."""
DNS_PORT: Final = 15053
"""Where a sidecar answers its application's DNS queries."""

ENVOY_ADMIN_PORT: Final = 15000
AGENT_PORT: Final = 15020
"""Where Istio's agent answers probes and merges metrics; nothing of ours listens there."""
READINESS_PORT: Final = 15021
STATISTICS_PORT: Final = 15090
"""Where Envoy's own statistics are read in Prometheus' form."""
OWN_PORTS: Final = (AGENT_PORT, READINESS_PORT, STATISTICS_PORT)
"""Where a sidecar itself answers. To capture them would be a loop, and no service can be reached there."""

XDS_CLUSTER: Final = "xds-grpc"
"""The name by which an Envoy's bootstrap calls its control plane: Istio's."""
XDS_PORT: Final = 15010
"""Of a control plane: xDS in plain text."""
XDS_TLS_PORT: Final = 15012
"""Of a control plane: xDS over TLS, to whoever shows a token."""
XDS_MTLS_PORT: Final = 15013
"""Of a control plane: xDS over TLS, to whoever shows a certificate. Ours; Istio has one port for both."""
CONTROL_PLANE_ADMIN_PORT: Final = 15014

PROXY_UID: Final = 1337
PROXY_GID: Final = 1337
"""Whose own connections are not captured: the user and the group that the proxy runs as."""
INBOUND_MARK: Final = 1337
"""TPROXY: the mark of packets to and from the inbound proxy; Envoy sets it on connections to its application."""
OUTBOUND_MARK: Final = 1338
"""TPROXY: the mark of what the outbound proxy sends to its own workload."""
ROUTE_TABLE: Final = 133
"""TPROXY: the routing table of marked packets."""

READINESS_PATH: Final = "/healthz/ready"
STATISTICS_PATH: Final = "/stats/prometheus"
