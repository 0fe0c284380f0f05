"""Builds the packages of the commit that is checked out into ``dist/``, and checks them; publishes nothing.

    python scripts/release.py [--out dist]

They are built twice, in different directories, and must be equal to the byte: all that goes into them is the commit,
with its time as the time of everything. Then each is installed into an environment of its own and used. Beside them
come an SBOM (CycloneDX) of what an installation holds, and ``SHA256SUMS``.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "pkg:pypi/pilothouse")


class ReleaseError(Exception):
    """The packages are not what they should be; the message says why."""


def main() -> int:
    """Run the command; the result is its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="default: dist")
    # In the environment into which a package has been installed: what it holds.
    parser.add_argument("--sbom", type=int, metavar="EPOCH", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.sbom is not None:
        print(json.dumps(sbom(distributions(), flags.sbom), indent=2))
        return 0
    try:
        release(flags.out)
    except (ReleaseError, subprocess.CalledProcessError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def release(out: Path) -> None:
    """Build, compare, try and describe. Raises ReleaseError."""
    if changed := _output("git", "status", "--porcelain", "--untracked-files=no"):
        raise ReleaseError(f"there are changes that no commit has:\n{changed}")
    epoch = int(_output("git", "log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory(prefix="release-") as temporary:
        place = Path(temporary)
        first, second = (build(place / name, epoch) for name in ("one", "another place"))
        compare(first, second)
        say("both builds are equal")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(first, out)
        for package in sorted(out.iterdir()):
            python = try_package(package, place / f"try-{package.suffix.strip('.')}")
            say(f"{package.name} can be installed and used")
        bom = _output(str(python), __file__, "--sbom", str(epoch))
        (out / "sbom.cdx.json").write_text(bom + "\n")
    sums = [f"{digest(file)}  {file.name}" for file in sorted(out.iterdir())]
    (out / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    say(f"in {out}:\n  " + "\n  ".join(sums))


def build(place: Path, epoch: int) -> Path:
    """Wheel and sdist of the commit, built in ``place``; the directory with both."""
    source, out = place / "source", place / "dist"
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(source, filter="data")
    say(f"building in {place.name!r}")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(out)],
        cwd=source,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    for sdist in out.glob("*.tar.gz"):
        sdist.write_bytes(normalized(sdist.read_bytes(), epoch))
    return out


def normalized(sdist: bytes, epoch: int) -> bytes:
    """The same archive with its files in order of their names, owned by nobody in particular, as old as the commit."""
    files: list[tuple[tarfile.TarInfo, bytes]] = []
    with tarfile.open(fileobj=io.BytesIO(sdist), mode="r:gz") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            files.append((member, content.read() if content else b""))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, content in sorted(files, key=lambda file: file[0].name):
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = epoch
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(made.getvalue(), mtime=epoch)


def compare(first: Path, second: Path) -> None:
    """Raises ReleaseError unless both directories hold the same."""
    one, other = ({file.name: digest(file) for file in place.iterdir()} for place in (first, second))
    if one != other:
        differing = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
        raise ReleaseError(f"two builds of one commit differ in {', '.join(differing)}")


def try_package(package: Path, place: Path) -> Path:
    """Install ``package`` into an environment of its own and use its commands. The interpreter of that environment."""
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    python = place / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", str(package)], check=True)
    rules = place / "rules.yaml"
    rules.write_text("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{name: http, port: 80}]}\n")
    node = place / "node.yaml"
    _run(place, "pilot", "bootstrap", "sidecar", "--name", "a", "--ip", "10.0.0.1", "--output", str(node))
    _run(place, "galley", "validate", str(rules))
    _run(place, "pilot", "dump", "--config", str(rules), "--node", str(node))
    _run(place, "citadel", "init", "--state", str(place / "state"))
    for name in ("systemd/pilothouse.service", "systemd/pilothouse-agent.service", "rules/mesh.yaml"):
        if not (place / "share" / "pilothouse" / name).exists():
            raise ReleaseError(f"{package.name} installs no share/pilothouse/{name}")
    return python


def _run(place: Path, program: str, *arguments: str) -> None:
    subprocess.run([str(place / "bin" / program), *arguments], cwd=place, check=True, stdout=subprocess.DEVNULL)


def sbom(installed: Iterable[Distribution], epoch: int) -> Mapping[str, Any]:
    """A CycloneDX document of ``installed``, in order of names; the same for the same packages."""
    components = sorted((_component(one) for one in installed), key=lambda one: str(one["name"]))
    serial = uuid.uuid5(NAMESPACE, json.dumps(components))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).isoformat(),
            "component": next((one for one in components if one["name"] == "pilothouse"), {}),
        },
        "components": [one for one in components if one["name"] not in {"pilothouse", "pip", "setuptools"}],
    }


def _component(one: Distribution) -> dict[str, Any]:
    name, version = one.metadata["Name"].lower().replace("_", "-"), one.version
    found = one.metadata.get("License-Expression") or one.metadata.get("License") or ""
    license_name = found.splitlines()[0][:80] if found else ""
    return {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        **({"licenses": [{"license": {"name": license_name}}]} if license_name else {}),
    }


def digest(file: Path) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"release: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
