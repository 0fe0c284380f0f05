"""The command ``galley``: looks at configuration without serving it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from galley.commands.flags import add_reading_flags
from galley.commands.report import count, plural, render_json, render_text
from galley.commands.watch import add_watch_parser
from galley.publishing.validate import Validation, validate
from galley.sources.directory import link_notices, read_paths
from galley.text.diagnostics import Severity
from galley.version import add_version_flag

OK, FOUND_ERRORS, USAGE = 0, 1, 2
STDIN = "<stdin>"

_EXAMPLES = """\
examples:
  galley validate config/                  every .yaml, .yml and .json file below config/
  galley validate rules.yaml gateway.yaml  these files, checked together
  kubectl get vs -A -o yaml | galley validate -
  galley validate --fail-on warning config/  for a CI job that wants no warnings either
  galley validate -o json config/ | jq '.[] | select(.severity == "error")'

exit status: 0 nothing is wrong (there may be warnings), 1 there are errors (--fail-on changes that), 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FOUND_ERRORS
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="galley", description="Looks at Istio configuration without serving it.")
    add_version_flag(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_validate(commands)
    add_watch_parser(commands)
    return parser


def _add_validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "validate",
        help="check files and directories, exactly as the server would",
        description="Check configuration files, exactly as the server would.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, a directory, or - for standard input")
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="how diagnostics are written (default: text)"
    )
    parser.add_argument(
        "--fail-on",
        choices=tuple(_FAILING),
        default="error",
        help="what leads to exit status 1: errors, warnings too, or nothing that is found (default: error)",
    )
    add_reading_flags(parser)
    parser.add_argument(
        "--mtls", action="store_true", help="the mesh issues identities, so settings of mutual TLS are enforced"
    )
    parser.set_defaults(run=_run_validate)


def _run_validate(options: argparse.Namespace) -> int:
    state = read_paths([path for path in options.paths if path != "-"])
    for path in state.missing:
        print(f"galley validate: {path}: no such file or directory", file=sys.stderr)
    if state.missing:
        return USAGE
    contents = {path: file.content for path, file in state.files.items()}
    if "-" in options.paths:
        contents[STDIN] = sys.stdin.buffer.read()
    if not contents and not state.unreadable:
        print("galley validate: no .yaml, .yml or .json file in " + ", ".join(options.paths), file=sys.stderr)
        return USAGE
    validation = validate(
        contents,
        unreadable=state.unreadable,
        notices=link_notices(state, follow_links=options.follow_links),
        accept_unenforced=options.accept_unenforced,
        identities=options.mtls,
        domain=options.domain,
    )
    _print(validation, options.output)
    failing = _FAILING[options.fail_on]
    return FOUND_ERRORS if any(one.severity in failing for one in validation.diagnostics) else OK


_FAILING = {
    "error": (Severity.ERROR,),
    "warning": (Severity.ERROR, Severity.WARNING),
    "never": (),
}


def _print(validation: Validation, output: str) -> None:
    if output == "json":
        print(render_json(validation.diagnostics))
        return
    if validation.diagnostics:
        print(render_text(validation.diagnostics, validation.contents, color=_wants_color()), end="\n\n")
    print(summarize(validation))


def summarize(validation: Validation) -> str:
    """The last line of a report: "Found 1 error and 2 warnings in 3 resources of 2 files."."""
    where = f"{plural(len(validation.resources), 'resource')} of {plural(len(validation.contents), 'file')}"
    found = count(validation.diagnostics)
    return f"Found {found} in {where}." if found else f"No problems found in {where}."


def _wants_color() -> bool:
    """Whether standard output is a terminal that takes colour (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


if __name__ == "__main__":
    sys.exit(main())
