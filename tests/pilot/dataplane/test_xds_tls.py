"""A bootstrap asks an agent for the very names that agents and control planes serve, without importing either."""

from citadel.envoy import mesh_tls, secrets
from pilot.dataplane import xds_tls


def test_the_names_are_those_that_are_served() -> None:
    assert (xds_tls.WORKLOAD_SECRET, xds_tls.ROOTS_SECRET) == (secrets.WORKLOAD_SECRET, secrets.ROOTS_SECRET)
    assert xds_tls.SDS_CLUSTER == mesh_tls.AGENT_CLUSTER
