"""The credentials of a bootstrap: the roots by which the control plane is known, and the token that is shown to it."""

from __future__ import annotations

import argparse
from pathlib import Path

from pilot.dataplane.bootstrap import Address, SocketAddress, XdsTls
from pilot.dataplane.xds_tls import PUBLISHED_ROOTS as SDS_FILE


def read_xds_tls(args: argparse.Namespace) -> XdsTls | None:
    """What the flags say; None for plain text. ValueError, with a sentence for the user, when they contradict."""
    citadel: Path | None = getattr(args, "citadel", None)
    if citadel is not None and args.token is not None:
        raise ValueError("--citadel makes a token, and --token gives one; keep one of them")
    roots_file: str = getattr(args, "root_cert_sds", "")
    if roots_file:
        _check_roots_file(roots_file, args.root_cert)
        token = _mint(args, citadel) if citadel else _read_token(args.token)
        return XdsTls("", _server_names(args), token, roots_file=roots_file)
    root_cert: Path | None = args.root_cert or (_roots_file_of(citadel) if citadel else None)
    if root_cert is None:
        if args.token is not None or args.xds_san:
            raise ValueError(
                "--token and --xds-san need --root-cert or --root-cert-sds: no token goes to a server that proves"
                " nothing"
            )
        return None
    names = _server_names(args)
    roots = _read_roots(root_cert)
    return XdsTls(roots, names, _mint(args, citadel) if citadel else _read_token(args.token))


def _check_roots_file(path: str, root_cert: Path | None) -> None:
    if root_cert is not None:
        raise ValueError(
            "--root-cert writes the roots down for good, --root-cert-sds has them followed; keep one of them"
        )
    if not path.startswith("/") or not path.endswith(".json"):
        raise ValueError(
            f"--root-cert-sds {path}: give the absolute path, as Envoy sees it, of the file {SDS_FILE} that the control"
            " plane publishes; Envoy reads a file of certificates once only"
        )


def _server_names(args: argparse.Namespace) -> tuple[str, ...]:
    xds: Address = args.xds_address
    names = tuple(args.xds_san) or ((xds.host,) if isinstance(xds, SocketAddress) else ())
    if not names:
        raise ValueError("--root-cert with a Unix socket needs --xds-san: which name is in the server's certificate")
    return names


def _read_roots(path: Path) -> str:
    roots = _read("--root-cert", path)
    if "-----BEGIN CERTIFICATE-----" not in roots or "PRIVATE KEY" in roots:
        raise ValueError(f"--root-cert {path} is no file of certificates in PEM")
    return roots


def _read_token(path: Path | None) -> str:
    if path is None:
        return ""
    token = _read("--token", path).strip()
    if not token.isprintable() or " " in token:
        raise ValueError(f"--token {path} holds no token")
    return token


def _mint(args: argparse.Namespace, state: Path) -> str:
    from pilot.commands.flags.authority import mint_token  # noqa: PLC0415 - see there

    return mint_token(state, namespace=args.namespace, service_account=args.service_account, ttl=args.token_ttl)


def _roots_file_of(state: Path) -> Path:
    from pilot.commands.flags.authority import roots_file_of  # noqa: PLC0415 - see there

    return roots_file_of(state)


def _read(flag: str, path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise ValueError(f"{flag}: cannot read {path}: {reason}") from error
