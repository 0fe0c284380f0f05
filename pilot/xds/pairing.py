"""Endpoints that know their cluster: the version of a load assignment tells for which cluster it was sent."""

from __future__ import annotations

from pilot.xds.resources import EncodedResource, ResourceSet


def pair_endpoints(endpoints: ResourceSet, clusters: ResourceSet) -> ResourceSet:
    """Load assignments whose versions tell for which version of their cluster they were sent.

    A new or changed cluster warms until it gets a load assignment sent after it, even an unchanged one (xDS protocol,
    "Resource warming"). With the cluster's version in the assignment's own that is no special case: a changed cluster
    changes its assignment, and an Envoy which lost the stream between the two is seen to lack the second. Clusters
    made here take their assignment by their own name.
    """
    # Proxies of one scope have the same endpoints and, beside inbound clusters of their own, the same clusters for
    # them: only those may tell one pairing from another.
    served = clusters.select(endpoints.name_set)
    return endpoints.derive(("paired", served.version), lambda: _pair(endpoints, served))


def _pair(endpoints: ResourceSet, clusters: ResourceSet) -> ResourceSet:
    return ResourceSet(endpoints.type_url, (pair_endpoint(r, clusters.get(r.name)) for r in endpoints))


def pair_endpoint(endpoint: EncodedResource, cluster: EncodedResource | None) -> EncodedResource:
    """``endpoint`` with the version of ``cluster`` after its own; one that was paired before is paired anew."""
    if cluster is None:
        return endpoint
    version = f"{endpoint.version.partition('@')[0]}@{cluster.version}"
    return EncodedResource(endpoint.name, version, endpoint.any, endpoint.origins)


def keep_paired(endpoints: ResourceSet, clusters: ResourceSet) -> ResourceSet:
    """Of the ``endpoints`` that a client kept, those which were sent for the very ``clusters`` that it kept.

    Another cluster warms still, and will not do with what was sent before it, even if it is changed back.
    """
    served = clusters.select(endpoints.name_set)

    def keep() -> ResourceSet:
        return endpoints.without({r.name for r in endpoints if not _is_paired(r, served.get(r.name))})

    return endpoints.derive(("kept with", served.version), keep)


def _is_paired(endpoint: EncodedResource, cluster: EncodedResource | None) -> bool:
    return cluster is None or endpoint.version == pair_endpoint(endpoint, cluster).version
