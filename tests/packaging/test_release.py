"""What a release is made of follows from the commit alone."""

from __future__ import annotations

import importlib.util
import io
import json
import tarfile
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
EPOCH = 1_700_000_000


def load(name: str) -> ModuleType:
    """The script ``scripts/NAME.py`` as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release = load("release")


def archive(names: list[str], *, mtime: int, uid: int, mode: int) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uid, member.mode, member.uname = len(name), mtime, uid, mode, str(uid)
            tar.addfile(member, io.BytesIO(name.encode()))
    return made.getvalue()


def test_archives_of_one_content_are_equal_to_the_byte() -> None:
    one = archive(["p/b", "p/a"], mtime=1, uid=0, mode=0o600)
    other = archive(["p/a", "p/b"], mtime=2, uid=1000, mode=0o664)
    assert release.normalized(one, EPOCH) == release.normalized(other, EPOCH)
    with tarfile.open(fileobj=io.BytesIO(release.normalized(one, EPOCH))) as tar:
        assert [(m.name, m.mode, m.mtime, m.uid, m.uname) for m in tar] == [
            ("p/a", 0o644, EPOCH, 0, ""),
            ("p/b", 0o644, EPOCH, 0, ""),
        ]


def test_what_can_be_executed_stays_so() -> None:
    script = archive(["p/run"], mtime=1, uid=0, mode=0o700)
    with tarfile.open(fileobj=io.BytesIO(release.normalized(script, EPOCH))) as tar:
        assert [member.mode for member in tar] == [0o755]


def test_builds_that_differ_are_refused_by_name(tmp_path: Path) -> None:
    for place, text in (("one", "a"), ("other", "b")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "same").write_text("x")
        (tmp_path / place / "p.whl").write_text(text)
    with pytest.raises(release.ReleaseError, match=r"differ in p\.whl"):
        release.compare(tmp_path / "one", tmp_path / "other")
    release.compare(tmp_path / "one", tmp_path / "one")


def test_the_sbom_names_what_is_installed_and_is_the_same_each_time() -> None:
    bom = release.sbom(distributions(), EPOCH)
    assert json.dumps(bom) == json.dumps(release.sbom(distributions(), EPOCH))
    names = {one["name"] for one in bom["components"]}
    assert {"grpcio", "pyyaml", "cryptography"} <= names
    assert bom["metadata"]["component"]["name"] == "pilothouse"
    assert all(one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}" for one in bom["components"])


def test_everything_that_is_installed_beside_the_code_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for patterns in project["tool"]["setuptools"]["data-files"].values():
        for pattern in patterns:
            assert list(ROOT.glob(pattern)), pattern


def test_the_sdist_leaves_no_directory_of_the_project_out() -> None:
    grafted = {line.split()[1] for line in (ROOT / "MANIFEST.in").read_text().splitlines() if line.startswith("graft ")}
    packages = {"galley", "citadel", "pilot", "envoycodec"}
    there = {place.name for place in ROOT.iterdir() if place.is_dir() and not place.name.startswith(".")}
    made = {"build", "dist", "site", "htmlcov", "__pycache__"}
    assert {name for name in there - made - packages if not name.endswith(".egg-info")} == grafted
