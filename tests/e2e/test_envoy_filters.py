"""EnvoyFilters on real Envoys: one that limits requests, and one that the Envoy refuses, which harms nothing else."""

from __future__ import annotations

from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import service, write
from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.variants import both_variants

LIMIT = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit}
spec:
  workloadSelector: {labels: {app: reviews}}
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.local_ratelimit
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
          value:
            stat_prefix: limit
            token_bucket: {max_tokens: 3, tokens_per_fill: 3, fill_interval: 3600s}
            filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}
            filter_enforced: {default_value: {numerator: 100, denominator: HUNDRED}}
"""

# Well-formed, so that Galley takes it; Envoy knows no negative buffer and no such rule of its validation.
BROKEN = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: broken}
spec:
  workloadSelector: {labels: {app: client}}
  configPatches:
  - applyTo: CLUSTER
    match: {context: SIDECAR_OUTBOUND, cluster: {service: reviews.default.svc.cluster.local}}
    patch: {operation: MERGE, value: {connect_timeout: %s}}
"""
REVIEWS = "outbound|9080||reviews.default.svc.cluster.local"


@both_variants
def test_requests_are_limited_and_a_refused_patch_harms_nothing(mesh: Mesh) -> None:
    mesh.write("services.yaml", write(service("reviews"), service("ratings")))
    mesh.write("broken.yaml", BROKEN % "-1s")
    mesh.serve()
    mesh.workload("reviews", {"app": "reviews"})
    client = mesh.client()

    # The cluster is refused with the patch, and comes again without it.
    client.sidecar.wait_for_endpoint(REVIEWS)
    eventually(lambda: "goes WITHOUT the patches of EnvoyFilter default/broken" in mesh.control_plane.log_tail())
    assert client.call("http://reviews:9080/").status == 200

    # When the file changes it is tried again.
    mesh.write("broken.yaml", BROKEN % "1.5s")
    eventually(lambda: '"connect_timeout": "1.500s"' in client.sidecar.admin("/config_dump"))

    mesh.write("limit.yaml", LIMIT)
    eventually(lambda: client.call("http://reviews:9080/").status == 429, 20)
