"""`pilot dump`: the resources of one proxy, worked out offline, in the JSON that Envoy itself reads."""

from __future__ import annotations

import argparse
import json
import sys

import yaml

from galley.commands.flags import add_reading_flags
from galley.commands.report import render_text
from galley.publishing.validate import validate
from galley.sources.directory import read_paths
from pilot.commands.flags.jwks import add_key_fetcher_flag
from pilot.ir.plan_yaml import plan_yaml, plans_by_list
from pilot.xds.resources import LISTS

_EXAMPLES = """\
FILE describes the proxy as an xDS node, in JSON or YAML:

  id: sidecar~10.0.0.7~productpage-1.default~default.svc.cluster.local
  metadata: {NAMESPACE: default, LABELS: {app: productpage}}

The "node" part of a file that `pilot bootstrap` wrote is one, and so is the whole file.

examples:
  pilot dump --config rules/ --node envoy.yaml
  pilot dump --config rules/ --node envoy.yaml --type routes -o yaml
  pilot dump --config rules/ --node envoy.yaml --type listeners -o plan
  pilot bootstrap gateway --name ingress --labels istio=ingressgateway | pilot dump --config rules/ --node -

exit status: 0 done, 1 the configuration has errors (they are written to standard error), 2 wrong usage
"""


def add_dump_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``pilot dump`` to the command."""
    parser = subparsers.add_parser(
        "dump",
        help="print what one proxy would be served, offline",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", action="append", required=True, metavar="DIR", help="directory or file of configuration; repeatable"
    )
    parser.add_argument("--node", required=True, metavar="FILE", help="the proxy's xDS node, - for standard input")
    parser.add_argument(
        "--type", action="append", choices=tuple(LISTS), dest="types", help="only these resources; repeatable"
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("json", "yaml", "plan"),
        default="json",
        help="default: json; plan is YAML of what the resources are made from, with the defaults left out",
    )
    add_reading_flags(parser)
    parser.add_argument(
        "--mtls",
        action="store_true",
        help="as by a control plane that issues identities, in the trust domain that MeshConfig names",
    )
    parser.add_argument(
        "--report-denials",
        action="store_true",
        help="as by pilot serve, whose proxies report to it what policies refuse; left out here by default",
    )
    add_key_fetcher_flag(parser)
    parser.set_defaults(run=run_dump)


def run_dump(args: argparse.Namespace) -> int:
    """Run ``pilot dump``; the result is its exit status."""
    # Imports all of Envoy's messages, which --help need not wait for.
    from pilot.envoy.resource_json import snapshot_as_json  # noqa: PLC0415
    from pilot.offline import plan_for, read_node_file, snapshot_for  # noqa: PLC0415

    state = read_paths(args.config)
    for path in state.missing:
        print(f"pilot dump: {path}: no such file or directory", file=sys.stderr)
    if state.missing:
        return 2
    try:
        proxy = read_node_file(args.node)
    except (OSError, ValueError, yaml.YAMLError) as error:
        print(f"pilot dump: --node {args.node}: {error}", file=sys.stderr)
        return 2
    validation = validate(
        {path: file.content for path, file in state.files.items()},
        unreadable=state.unreadable,
        accept_unenforced=args.accept_unenforced,
        identities=args.mtls,
        domain=args.domain,
    )
    if validation.diagnostics:
        print(render_text(validation.diagnostics, validation.contents, color=sys.stderr.isatty()), file=sys.stderr)
    if validation.has_errors:
        return 1
    options = {"mtls": args.mtls, "key_fetcher": args.key_fetcher, "reports_denials": args.report_denials}
    if args.output == "plan":
        plans = plans_by_list(plan_for(validation, proxy, **options))
        print(plan_yaml({name: list(plans[name].values()) for name in (args.types or LISTS) if name in plans}))
        return 0
    dumped = snapshot_as_json(snapshot_for(validation, proxy, **options))
    chosen = {name: dumped[name] for name in (args.types or LISTS)}
    print(yaml.safe_dump(chosen, sort_keys=False) if args.output == "yaml" else json.dumps(chosen, indent=2))
    return 0
