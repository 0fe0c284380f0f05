"""RBAC filters: rules about who may do what, for requests and for opaque connections."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

from envoy_data_plane.envoy.config.core.v3 import CidrRange, TypedExtensionConfig
from envoy_data_plane.envoy.config.rbac.v3 import (
    Permission,
    PermissionSet,
    Policy,
    Principal,
    PrincipalAuthenticated,
    PrincipalSet,
    Rbac,
)
from envoy_data_plane.envoy.config.rbac.v3 import RbacAction as ActionMessage
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac as HttpRbac
from envoy_data_plane.envoy.extensions.filters.network.rbac.v3 import Rbac as NetworkRbac
from envoy_data_plane.envoy.extensions.path.match.uri_template.v3 import UriTemplateMatchConfig
from envoy_data_plane.envoy.type.matcher.v3 import PathMatcher

from citadel.access.rbac import (
    AllOf,
    AnyOf,
    Anything,
    ClientAddress,
    Condition,
    DestinationAddress,
    DestinationPort,
    FilterMetadata,
    Header,
    Not,
    Path,
    PathTemplate,
    PeerAddress,
    PeerIdentity,
    RbacAction,
    RbacPlan,
    RbacPolicy,
    RbacRules,
    ServerName,
    TextMatchKind,
)
from citadel.envoy.matchers import render_metadata, render_text_match
from envoycodec.construct import maker
from envoycodec.encode import pack

_cidr_range = maker(CidrRange)
_extension = maker(TypedExtensionConfig)
_permission = maker(Permission)
_permission_set = maker(PermissionSet)
_principal = maker(Principal)
_principal_set = maker(PrincipalSet)
_authenticated = maker(PrincipalAuthenticated)
_policy = maker(Policy)
_rules = maker(Rbac)
_http_rbac = maker(HttpRbac)
_network_rbac = maker(NetworkRbac)
_header_matcher = maker(HeaderMatcher)
_path_matcher = maker(PathMatcher)
_uri_template = maker(UriTemplateMatchConfig)

_ACTIONS = {
    RbacAction.ALLOW: ActionMessage.ALLOW,
    RbacAction.DENY: ActionMessage.DENY,
    RbacAction.LOG: ActionMessage.LOG,
}


def render_http_rbac(plan: RbacPlan) -> HttpRbac:
    """The filter for requests."""
    return _http_rbac(
        rules=_render_rules(plan.rules),
        shadow_rules=_render_rules(plan.shadow_rules),
        shadow_rules_stat_prefix=plan.shadow_prefix,
    )


def render_network_rbac(plan: RbacPlan) -> NetworkRbac:
    """The filter for opaque connections."""
    return _network_rbac(
        rules=_render_rules(plan.rules),
        shadow_rules=_render_rules(plan.shadow_rules),
        shadow_rules_stat_prefix=plan.shadow_prefix,
        stat_prefix="tcp.",
    )


def _render_rules(rules: RbacRules | None) -> Rbac | None:
    if rules is None:
        return None
    return _rules(
        action=_ACTIONS[rules.action], policies={policy.name: _render_policy(policy) for policy in rules.policies}
    )


def _render_policy(policy: RbacPolicy) -> Policy:
    return _policy(
        permissions=[_render_permission(condition) for condition in policy.permissions],
        principals=[_render_principal(condition) for condition in policy.principals],
    )


def _render_permission(condition: Condition) -> Permission:
    match condition:
        case Anything():
            return _permission(any=True)
        case AllOf(conditions):
            return _permission(and_rules=_permission_set(rules=[_render_permission(one) for one in conditions]))
        case AnyOf(conditions):
            return _permission(or_rules=_permission_set(rules=[_render_permission(one) for one in conditions]))
        case Not(negated):
            return _permission(not_rule=_render_permission(negated))
        case _:
            field, render = _PERMISSIONS[type(condition)]
            return _permission(**{field: render(condition)})


def _render_principal(condition: Condition) -> Principal:
    match condition:
        case Anything():
            return _principal(any=True)
        case AllOf(conditions):
            return _principal(and_ids=_principal_set(ids=[_render_principal(one) for one in conditions]))
        case AnyOf(conditions):
            return _principal(or_ids=_principal_set(ids=[_render_principal(one) for one in conditions]))
        case Not(negated):
            return _principal(not_id=_render_principal(negated))
        case _:
            field, render = _PRINCIPALS[type(condition)]
            return _principal(**{field: render(condition)})


def _render_path(path: Path) -> PathMatcher:
    return _path_matcher(path=render_text_match(path.match))


def _render_template(path: PathTemplate) -> TypedExtensionConfig:
    return _extension(name="uri-template", typed_config=pack(_uri_template(path_template=path.template)))


def _render_identity(identity: PeerIdentity) -> PrincipalAuthenticated:
    return _authenticated(principal_name=render_text_match(identity.match))


def _render_header(header: Header) -> HeaderMatcher:
    if header.match.kind is TextMatchKind.PRESENT:
        return _header_matcher(name=header.name, present_match=True)
    return _header_matcher(name=header.name, string_match=render_text_match(header.match))


def _render_cidr(text: str) -> CidrRange:
    network = ip_network(text, strict=False)
    return _cidr_range(address_prefix=str(network.network_address), prefix_len=network.prefixlen)


_Leaves = dict[type[Condition], tuple[str, Callable[[Any], Any]]]

_PERMISSIONS: _Leaves = {
    Header: ("header", _render_header),
    Path: ("url_path", _render_path),
    PathTemplate: ("uri_template", _render_template),
    DestinationPort: ("destination_port", lambda condition: condition.port),
    DestinationAddress: ("destination_ip", lambda condition: _render_cidr(condition.cidr)),
    ServerName: ("requested_server_name", lambda condition: render_text_match(condition.match)),
    FilterMetadata: ("metadata", render_metadata),
}
"""What is asked for: the field of a Permission, and how it is rendered."""

_PRINCIPALS: _Leaves = {
    Header: ("header", _render_header),
    PeerAddress: ("direct_remote_ip", lambda condition: _render_cidr(condition.cidr)),
    ClientAddress: ("remote_ip", lambda condition: _render_cidr(condition.cidr)),
    PeerIdentity: ("authenticated", _render_identity),
    FilterMetadata: ("metadata", render_metadata),
}
"""Who asks, likewise."""
