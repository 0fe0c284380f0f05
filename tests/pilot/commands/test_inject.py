from __future__ import annotations

import io
from pathlib import Path

import pytest

from pilot.__main__ import main

COMPOSE = "# mine\nservices:\n  web:\n    image: nginx\n    ports: ['80:80']\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "docker-compose.yml"
    path.write_text(COMPOSE)
    return path


def test_it_writes_a_file_and_the_services_beside_it(file: Path, tmp_path: Path) -> None:
    out, rules = tmp_path / "mesh.yml", tmp_path / "rules"
    assert main(["inject", "-f", str(file), "-o", str(out), "--rules", str(rules)]) == 0
    assert out.read_text().startswith("# mine\nservices:\n")
    assert "./rules:/rules:ro" in out.read_text()
    assert "name: web" in (rules / "services.yaml").read_text()
    before = out.stat().st_mtime_ns, (rules / "services.yaml").stat().st_mtime_ns
    assert main(["inject", "-f", str(out), "-o", str(out), "--rules", str(rules)]) == 0
    assert before == (out.stat().st_mtime_ns, (rules / "services.yaml").stat().st_mtime_ns)


def test_it_reads_standard_input_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("services:\n  a: {image: own}\n"))
    assert main(["inject", "-f", "-"]) == 0
    told = capsys.readouterr()
    assert "a-sidecar:" in told.out
    assert "service a: no port is known" in told.err
    assert "use --rules DIR, or --docker" in told.err


def test_check_and_diff_write_nothing(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["inject", "-f", str(file), "--rules", str(tmp_path / "rules")]
    assert main([*arguments, "--check"]) == 1
    assert main([*arguments, "--diff"]) == 0
    assert "+  web-pod:" in capsys.readouterr().out
    assert file.read_text() == COMPOSE
    assert not (tmp_path / "rules").exists()
    assert main([*arguments, "-o", str(file)]) == 0
    assert main([*arguments, "--check"]) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("services: [\n", "docker-compose.yml:2: "),
        ("services:\n  a: {image: x}\n  a: {image: y}\n", "docker-compose.yml:3: "),
        ("hello: 1\n", "docker-compose.yml:1: this is neither"),
    ],
)
def test_a_bad_file_is_told_with_its_line(file: Path, capsys: pytest.CaptureFixture[str], text: str, says: str) -> None:
    file.write_text(text)
    assert main(["inject", "-f", str(file)]) == 1
    told = capsys.readouterr()
    assert says in told.err
    assert told.out == ""


def test_a_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inject", "-f", str(tmp_path / "none.yml")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_services_that_cannot_be_told_apart_are_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("services:\n  a: {image: postgres}\n  b: {image: postgres}\n")
    assert main(["inject", "-f", str(file)]) == 0
    assert "services a, b all serve port 5432" in capsys.readouterr().err
    assert main(["inject", "-f", str(file), "--dns-capture"]) == 0
    assert "all serve port" not in capsys.readouterr().err


def test_a_capture_flag_that_is_none_is_wrong_usage(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["inject", "-f", str(file), "--exclude-outbound-ports", "x"])
    assert caught.value.code == 2
    assert "is not a port" in capsys.readouterr().err
