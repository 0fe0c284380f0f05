"""`pilot inject`: add sidecars to a compose file or to Kubernetes manifests, offline."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from pathlib import Path

import yaml

from galley.atomic_write import write_atomically
from galley.frozen import FrozenMap
from galley.text.compose import compose
from pilot.commands.flags.inject import add_inject_flags
from pilot.inject.compose.inject import ComposePlace, inject_compose
from pilot.inject.images import missing_images
from pilot.inject.kubernetes.manifests import inject_kubernetes
from pilot.inject.options import InjectError, InjectOptions, Remark, SidecarKind
from pilot.inject.rules_directory import tell_of_ports, write_services
from pilot.inject.yaml.tree import read_documents, value_of
from pilot.node.metadata import Interception
from pilot.node.ports import XDS_TLS_PORT


def add_inject_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``pilot inject`` to the command."""
    parser = add_inject_flags(subparsers)
    parser.set_defaults(run=run_inject)


def run_inject(args: argparse.Namespace) -> int:
    """Run ``pilot inject``; the result is its exit status."""
    name = "standard input" if args.file == "-" else args.file
    try:
        text = sys.stdin.read() if args.file == "-" else _read(Path(args.file))
        _check_yaml(text, name)
        injected = _inject_kind(args, text, name)
    except InjectError as error:
        return _fail(f"{name}:{error.line}: {error}" if error.line else f"{name}: {error}")
    except (OSError, UnicodeDecodeError) as error:
        return _fail(f"cannot read {name}: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}")
    try:
        return _put_out(args, text, injected, name)
    except OSError as error:
        return _fail(f"cannot write {args.output}: {error.strerror}")


def _inject_kind(args: argparse.Namespace, text: str, name: str) -> str:
    kind = args.kind if args.kind != "auto" else _kind_of(text)
    options = _options(args)
    if kind == "kubernetes":
        result = inject_kubernetes(text, options)
        _tell(name, result.remarks)
        return result.text
    made = inject_compose(text, options, _place(args))
    _tell(name, made.remarks)
    tell_of_ports(made.workloads, _say, addresses=args.dns_capture)
    if args.rules is None and not args.docker:
        _say("no Service documents were written; use --rules DIR, or --docker, so that the mesh knows the services")
    if args.rules is not None and not args.check and not args.diff:
        write_services(args.rules, made.workloads, _say)
    _tell_of_variables(args)
    for missing in missing_images(options):
        _say(missing)
    return made.text


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def _check_yaml(text: str, name: str) -> None:
    """Complain like the control plane does: with the line, and also of keys that are there twice."""
    _, diagnostics = compose(text.encode(), name)
    for found in diagnostics:
        if found.is_error and "tag" not in found.code:
            raise InjectError(found.origin.line, f"{found.message}" + (f"; {found.hint}" if found.hint else ""))
    try:
        read_documents(text)
    except yaml.YAMLError as error:  # pragma: no cover - what the check above lets through
        raise InjectError(1, str(error)) from None


def _kind_of(text: str) -> str:
    values = [value_of(document) for document in read_documents(text)]
    mappings = [value for value in values if isinstance(value, dict)]
    if any("services" in value and "kind" not in value for value in mappings):
        return "compose"
    if any("apiVersion" in value and "kind" in value for value in mappings):
        return "kubernetes"
    raise InjectError(
        1, "this is neither a compose file (no `services`) nor Kubernetes manifests (no `apiVersion` and `kind`)"
    )


def _options(args: argparse.Namespace) -> InjectOptions:
    defaults = InjectOptions()
    xds = args.xds_address or defaults.xds_address
    return InjectOptions(
        image=args.image,
        proxy_image=args.proxy_image,
        agent_image=args.agent_image,
        sidecar=SidecarKind(args.sidecar),
        interception=Interception(args.mode),
        dns_capture=args.dns_capture,
        inject_by_default=args.inject_by_default,
        capture=FrozenMap({name: value for name, value in args.capture.items() if value is not None}),
        rules=_rules_path(args),
        docker=args.docker,
        xds_address=xds,
        ca_address=args.ca_address or f"{xds.rpartition(':')[0]}:{XDS_TLS_PORT}",
        root_config_map=args.root_cert_configmap,
        native_sidecar=args.native_sidecar,
    )


def _source(args: argparse.Namespace) -> Path:
    """The directory of the input, to which its paths are relative."""
    return Path.cwd() if args.file == "-" else Path(args.file).resolve().parent


def _target(args: argparse.Namespace) -> Path:
    """The directory in which the result will be: that of the input, unless it is said."""
    return _source(args) if args.output is None else Path(args.output.resolve().parent)


def _place(args: argparse.Namespace) -> ComposePlace:
    source, target = _source(args), _target(args)
    return ComposePlace(
        read_file=lambda path: _read(source / path),
        prefix="" if source == target else os.path.relpath(source, target),
    )


def _tell_of_variables(args: argparse.Namespace) -> None:
    """Compose looks for .env beside the file that it is given."""
    source, target = _source(args), _target(args)
    if source != target and (source / ".env").is_file() and not (target / ".env").exists():
        variables = os.path.relpath(source / ".env")
        _say(f"docker compose reads .env beside {args.output}, not this one; start it with --env-file {variables}")


def _rules_path(args: argparse.Namespace) -> str:
    """The directory of rules as the compose file names it: relative to where that file will be."""
    if args.rules is None:
        return "./rules"
    base = _target(args)
    path = os.path.relpath(args.rules.resolve(), base)
    return path if path.startswith("..") else f"./{path}"


def _put_out(args: argparse.Namespace, text: str, injected: str, name: str) -> int:
    if args.diff:
        lines = difflib.unified_diff(
            text.splitlines(keepends=True), injected.splitlines(keepends=True), name, f"{name} (injected)"
        )
        sys.stdout.writelines(lines)
    if args.check:
        if text != injected:
            print(f"pilot inject: {name} is not as inject would write it; run pilot inject again", file=sys.stderr)
        return int(text != injected)
    if args.diff:
        return 0
    if args.output is None:
        sys.stdout.write(injected)
    else:
        _write(args.output, injected)
    return 0


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_bytes() == text.encode():
        return
    write_atomically(path, text.encode(), mode=None)


def _tell(name: str, remarks: tuple[Remark, ...]) -> None:
    for remark in remarks:
        _say(f"{name}:{remark.line}: {remark.text}" if remark.line else remark.text)


def _say(text: str) -> None:
    print(f"pilot inject: {text}", file=sys.stderr)


def _fail(text: str) -> int:
    _say(text)
    return 1
