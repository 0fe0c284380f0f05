"""`pilot dump`: the resources of one proxy, worked out offline, in the JSON that Envoy itself reads."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from galley.report import render_text
from galley.snapshot import build_snapshot
from galley.validate import Validation, read_paths, validate
from pilot.generate import Generator
from pilot.mesh.proxy import NodeError, Proxy, read_proxy
from pilot.mesh.push_context import build_push_context
from pilot.mesh.scoping import registered_workload
from pilot.registry.build import build_catalog
from pilot.registry.catalog import Locality
from pilot.resource_json import LISTS, snapshot_as_json
from pilot.xds.resources import ResourceSnapshot

_EXAMPLES = """\
FILE describes the proxy as an xDS node, in JSON or YAML:

  id: sidecar~10.0.0.7~productpage-1.default~default.svc.cluster.local
  metadata: {NAMESPACE: default, LABELS: {app: productpage}}

The "node" part of a file that `pilot bootstrap` wrote is one, and so is the whole file.

examples:
  pilot dump --config rules/ --node envoy.yaml
  pilot dump --config rules/ --node envoy.yaml --type routes -o yaml
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
    parser.add_argument("-o", "--output", choices=("json", "yaml"), default="json", help="default: json")
    parser.add_argument(
        "--accept-unenforced", action="store_true", help="only warn of security settings that cannot be enforced yet"
    )
    parser.set_defaults(run=run_dump)


def run_dump(args: argparse.Namespace) -> int:
    """Run ``pilot dump``; the result is its exit status."""
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
    )
    if validation.diagnostics:
        print(render_text(validation.diagnostics, validation.files, color=sys.stderr.isatty()), file=sys.stderr)
    if validation.has_errors:
        return 1
    dumped = snapshot_as_json(snapshot_for(validation, proxy))
    chosen = {name: dumped[name] for name in (args.types or LISTS)}
    print(yaml.safe_dump(chosen, sort_keys=False) if args.output == "yaml" else json.dumps(chosen, indent=2))
    return 0


def read_node_file(path: str) -> Proxy:
    """The proxy that a node in JSON or YAML describes. Raises OSError, ValueError or yaml.YAMLError."""
    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    return read_node(yaml.safe_load(text))


def read_node(node: Any) -> Proxy:
    """The proxy of a node, or of a bootstrap that holds one. Raises ValueError."""
    if isinstance(node, Mapping) and isinstance(node.get("node"), Mapping):
        node = node["node"]
    if not isinstance(node, Mapping) or not isinstance(node.get("id"), str):
        raise NodeError("this is not an xDS node: it has no id")
    locality = node.get("locality") or {}
    return read_proxy(
        node_id=node["id"],
        metadata=node.get("metadata") or {},
        locality=Locality(
            region=str(locality.get("region") or ""),
            zone=str(locality.get("zone") or ""),
            sub_zone=str(locality.get("sub_zone") or locality.get("subZone") or ""),
        ),
    )


def snapshot_for(validation: Validation, proxy: Proxy) -> ResourceSnapshot:
    """What ``proxy`` would be served; a node that registers itself counts as connected."""
    registered = registered_workload(proxy)
    config, _ = build_snapshot(validation.resources)
    catalog = build_catalog(config, (registered,) if registered else ())
    return Generator(build_push_context(config, catalog)).snapshot_of(proxy)
