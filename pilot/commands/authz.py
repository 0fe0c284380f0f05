"""`pilot authz`: which policies apply to a workload, and what they decide about a request."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from citadel.access.rbac import RbacPolicy
from citadel.identity import SpiffeId
from citadel.policy.authorization.decide import AccessVerdict, Decision, decide
from citadel.policy.authorization.evaluate import Request
from citadel.policy.authorization.filters import is_dry_run, plan_rbac
from citadel.policy.authorization.paths import normalize_path
from galley.attached import attach
from galley.commands.report import render_text
from galley.frozen import FrozenMap
from galley.kinds.security.authorization_policy import AuthorizationAction, AuthorizationPolicy
from galley.meta import Resource, origin_at
from galley.publishing.validate import validate
from galley.snapshot import ConfigSnapshot, build_snapshot
from galley.sources.directory import read_paths
from pilot.commands.authz_denials import add_denials_parser
from pilot.commands.authz_policies import add_policies_parser

Policies = tuple[Resource[AuthorizationPolicy], ...]

_EXAMPLES = """\
Without a request: the policies that apply to a workload, in the order in which they count. With one: what they decide
about it, and the rule behind that.

examples:
  pilot authz check --config rules/ --labels app=reviews
  pilot authz check --config rules/ --labels app=reviews --method GET --path /reviews/1 \\
      --from cluster.local/ns/default/sa/productpage
  pilot authz check --config rules/ --labels istio=ingressgateway -n istio-system --host shop.example --path /admin \\
      --client-ip 203.0.113.7 --jwt '{"iss": "https://issuer.example", "sub": "alice"}'
  pilot authz check --config rules/ --labels app=db --port 5432 --tcp -o json

exit status: 0 allowed (or no request described), 1 denied or refused, 2 wrong usage or errors in the configuration
"""
_ORDER = (
    AuthorizationAction.CUSTOM,
    AuthorizationAction.AUDIT,
    AuthorizationAction.DENY,
    AuthorizationAction.ALLOW,
)


def add_authz_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``pilot authz`` to the command."""
    parser = subparsers.add_parser("authz", help="tell which policies decide about a request", description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = commands.add_parser(
        "check",
        help="what the policies in files decide about a workload's requests",
        description="What the AuthorizationPolicies in files decide about a workload's requests.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument(
        "--config", action="append", required=True, metavar="DIR", help="directory or file of configuration; repeatable"
    )
    check.add_argument("-n", "--namespace", default="default", help="of the workload (default: default)")
    check.add_argument("--labels", default="", metavar="K=V,…", help="of the workload")
    _add_request_arguments(check.add_argument_group("the request"))
    check.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    check.set_defaults(run=run_check)
    add_policies_parser(commands)
    add_denials_parser(commands)


def _add_request_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--from", dest="source", metavar="PRINCIPAL", help="td/ns/NAMESPACE/sa/ACCOUNT of the client")
    group.add_argument("--method", help="default: GET")
    group.add_argument("--path", help="as the client sends it (default: /)")
    group.add_argument("--host", help="the authority that is asked for")
    group.add_argument("--header", action="append", metavar="NAME=VALUE", help="repeatable")
    group.add_argument("--jwt", metavar="JSON", help="claims of a verified token")
    group.add_argument("--peer-ip", metavar="IP", help="the address at the other end of the connection")
    group.add_argument("--client-ip", metavar="IP", help="the client's address, as trusted proxies tell it")
    group.add_argument("--destination-ip", metavar="IP", help="the workload's own address")
    group.add_argument("--port", type=int, help="of the workload")
    group.add_argument("--sni", metavar="NAME", help="the name that the client asks for in TLS")
    group.add_argument("--tcp", action="store_true", help="an opaque connection instead of an HTTP request")


_REQUEST = (
    *("source", "method", "path", "host", "header", "jwt", "peer_ip", "client_ip", "destination_ip", "port", "sni"),
    "tcp",
)


def run_check(args: argparse.Namespace) -> int:
    """Run ``pilot authz check``; the result is its exit status."""
    try:
        labels, request = _pairs(args.labels.split(",") if args.labels else []), _request(args)
    except ValueError as error:
        print(f"pilot authz check: {error}", file=sys.stderr)
        return 2
    config = _read(args.config)
    if config is None:
        return 2
    policies = _policies_of(config, args.namespace, labels)
    if not any(getattr(args, name) for name in _REQUEST):
        _show(args.output, {"policies": [_described(policy) for policy in policies]}, _policy_lines(policies))
        return 0
    decision = _decide(config, policies, request)
    _show(args.output, _decided(config, decision), _decision_lines(config, decision, policies))
    return 0 if decision.verdict is AccessVerdict.ALLOWED else 1


def _decide(config: ConfigSnapshot, policies: Policies, request: Request) -> Decision:
    """The decision about the request with its path as the proxies of this mesh normalize it."""
    path = normalize_path(request.path, config.mesh.path_normalization.normalization)
    if request.http and path is None:
        return Decision(AccessVerdict.REFUSED, "proxies take no such path, whatever policies say")
    plans = plan_rbac(policies, http=request.http, trust_domains=_trust_domains(config))
    return decide(plans, replace(request, path=path or request.path))


def _read(paths: list[str]) -> ConfigSnapshot | None:
    state = read_paths(paths)
    for path in state.missing:
        print(f"pilot authz check: {path}: no such file or directory", file=sys.stderr)
    if state.missing:
        return None
    contents = {path: file.content for path, file in state.files.items()}
    validation = validate(contents, unreadable=state.unreadable, identities=True)
    if validation.has_errors:
        print(render_text(validation.diagnostics, validation.contents, color=sys.stderr.isatty()), file=sys.stderr)
        return None
    return build_snapshot(validation.resources)[0]


def _policies_of(config: ConfigSnapshot, namespace: str, labels: dict[str, str]) -> Policies:
    index = attach(config.of(AuthorizationPolicy), AuthorizationPolicy.attachment, config.mesh.root_namespace)
    reaching = index.in_namespace(namespace).reaching(labels)
    return tuple(sorted(reaching, key=lambda policy: _ORDER.index(policy.spec.action)))


def _trust_domains(config: ConfigSnapshot) -> tuple[str, ...]:
    return (config.mesh.trust_domain, *config.mesh.trust_domain_aliases)


def _request(args: argparse.Namespace) -> Request:
    """The request that the flags describe. Raises ValueError."""
    claims = json.loads(args.jwt) if args.jwt else None
    if claims is not None and not isinstance(claims, dict):
        raise ValueError("--jwt must be a JSON object of claims")
    identity = f"spiffe://{args.source.removeprefix('spiffe://')}" if args.source else ""
    if identity:
        SpiffeId.parse(identity)
    for address in (args.peer_ip, args.client_ip, args.destination_ip):
        if address:
            ip_address(address)
    return Request(
        http=not args.tcp,
        method=args.method or "GET",
        authority=args.host or "",
        path=args.path or "/",
        headers=_headers(args.header or []),
        claims=claims,
        identity=identity,
        peer_address=args.peer_ip or "",
        client_address=args.client_ip or "",
        destination_address=args.destination_ip or "",
        port=args.port or 0,
        server_name=args.sni or "",
    )


def _headers(entries: list[str]) -> FrozenMap[str, tuple[str, ...]]:
    """The values of each header, by its name in lower case."""
    values: dict[str, tuple[str, ...]] = {}
    for name, value in map(_pair, entries):
        values[name.lower()] = (*values.get(name.lower(), ()), value)
    return FrozenMap(values)


def _pairs(entries: list[str]) -> dict[str, str]:
    return dict(map(_pair, entries))


def _pair(entry: str) -> tuple[str, str]:
    name, separator, value = entry.partition("=")
    if not separator or not name:
        raise ValueError(f"{entry!r} is not of the form NAME=VALUE")
    return name, value


def _show(output: str, document: Any, lines: list[str]) -> None:
    print(json.dumps(document, indent=2) if output == "json" else "\n".join(lines))


def _described(policy: Resource[AuthorizationPolicy]) -> dict[str, Any]:
    return {
        "policy": f"{policy.namespace}/{policy.name}",
        "action": str(policy.spec.action),
        "dryRun": is_dry_run(policy),
        "rules": len(policy.spec.rules),
        "origin": str(policy.origin),
    }


def _policy_lines(policies: Policies) -> list[str]:
    if not policies:
        return ["No policy applies: every request is allowed."]
    return [
        f"{policy.spec.action:<7} {policy.namespace}/{policy.name}{' (dry run)' if is_dry_run(policy) else ''}"
        f"  {policy.origin}"
        for policy in policies
    ]


def _decided(config: ConfigSnapshot, decision: Decision) -> dict[str, Any]:
    return {
        "verdict": str(decision.verdict),
        "why": decision.why,
        "rule": _rule(config, decision.rule) if decision.rule is not None else None,
        "audited": [_rule(config, rule) for rule in decision.marked],
        "dryRun": [_rule(config, rule) for rule in decision.shadow],
    }


def _rule(config: ConfigSnapshot, rule: RbacPolicy) -> dict[str, str]:
    resource = config.get(rule.origin)
    origin = origin_at(resource, rule.path) if resource is not None else None
    return {"name": rule.name, "origin": str(origin), "field": rule.path}


def _decision_lines(config: ConfigSnapshot, decision: Decision, policies: Policies) -> list[str]:
    lines = [f"{decision.verdict}: {decision.why}"]
    if decision.verdict is AccessVerdict.REFUSED:
        return lines
    if decision.rule is not None:
        lines.append(f"  by {_rule_line(config, decision.rule)}")
    elif decision.verdict is AccessVerdict.DENIED:
        allow = [policy for policy in policies if policy.spec.action is AuthorizationAction.ALLOW]
        lines += [f"  {policy.namespace}/{policy.name}  {policy.origin}" for policy in allow if not is_dry_run(policy)]
    lines += [f"  audited by {_rule_line(config, rule)}" for rule in decision.marked]
    lines += [f"  in a dry run: {_rule_line(config, rule)}" for rule in decision.shadow]
    asked = [policy for policy in policies if policy.spec.action is AuthorizationAction.CUSTOM]
    lines += [f"  an authorization server may be asked first: {one.namespace}/{one.name}" for one in asked]
    return lines


def _rule_line(config: ConfigSnapshot, rule: RbacPolicy) -> str:
    shown = _rule(config, rule)
    return f"{rule.name}  {shown['origin']} {shown['field']}"
