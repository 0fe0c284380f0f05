"""The filters that decide who is let in: names and settings, as Citadel renders them.

Their messages are a ninth of what a control plane imports, and a mesh without policies needs none: this module is
imported with the first plan of such a filter.
"""

from __future__ import annotations

from typing import assert_never

import betterproto2

from citadel.access.ext_authz import ExtAuthzPlan
from citadel.access.jwt import JwtPlan
from citadel.access.rbac import RbacPlan
from citadel.envoy.ext_authz import render_http_ext_authz, render_network_ext_authz
from citadel.envoy.jwt import render_jwt
from citadel.envoy.rbac import render_http_rbac, render_network_rbac


def render_http_access(plan: ExtAuthzPlan | JwtPlan | RbacPlan) -> tuple[str, betterproto2.Message]:
    """The filter for requests."""
    match plan:
        case ExtAuthzPlan():
            return "envoy.filters.http.ext_authz", render_http_ext_authz(plan)
        case JwtPlan():
            return "envoy.filters.http.jwt_authn", render_jwt(plan)
        case RbacPlan():
            return "envoy.filters.http.rbac", render_http_rbac(plan)
        case _:
            assert_never(plan)


def render_network_access(plan: ExtAuthzPlan | RbacPlan) -> tuple[str, betterproto2.Message]:
    """The filter for opaque connections."""
    match plan:
        case ExtAuthzPlan():
            return "envoy.filters.network.ext_authz", render_network_ext_authz(plan)
        case RbacPlan():
            return "envoy.filters.network.rbac", render_network_rbac(plan)
        case _:
            assert_never(plan)
