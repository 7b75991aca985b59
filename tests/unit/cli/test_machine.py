"""What is missing on the machine is said in plain words, with the way to install it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.cli.dev.java import find_java, find_maven
from ledger.cli.main import main
from ledger.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[3]


def fake(folder: Path, name: str, says: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    (folder / name).chmod(0o755)


def test_a_machine_without_java_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError) as caught:
        find_java()
    assert caught.value.code == "part_missing"
    assert "Java is not installed" in caught.value.detail
    assert "openjdk-17-jre-headless" in caught.value.detail


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.21", "16"])
def test_a_java_that_is_too_old_is_named_by_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    fake(tmp_path, "java", f'openjdk version "{version}" 2023-10-17')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(ConfigurationError, match="too old"):
        find_java()


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea"])
def test_a_java_that_is_new_enough_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    fake(tmp_path, "java", f'openjdk version "{version}" 2026-01-01')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert find_java() == str(tmp_path / "java")


def test_a_machine_without_maven_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="apt-get install maven"):
        find_maven()


def test_make_tells_everything_that_is_missing_at_once(tmp_path: Path) -> None:
    for tool in ("sed", "head"):
        (tmp_path / tool).symlink_to(Path("/usr/bin") / tool)
    said = subprocess.run(
        ["/bin/bash", str(ROOT / "deploy" / "check-machine.sh"), "no-such-python"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert said.returncode == 1
    for part in ("Python 3.11 or newer is missing", "Java 17 or newer is missing", "Maven is missing"):
        assert part in said.stderr


def test_the_command_line_tells_an_error_in_words_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEDGER_STATE", str(tmp_path))
    assert main(["migrate"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "setting_missing" in told.err
    assert "LEDGER_POSTGRES_DSN" in told.err
    assert "Traceback" not in told.err


def test_an_unknown_command_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-command"]) == 2
    assert "no-such-command" in capsys.readouterr().err


def test_help_names_every_command_without_loading_one() -> None:
    code = "import sys; from ledger.cli.main import main; main(['--help']); print(sorted(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    for name in ("dev", "api", "worker", "migrate", "topics", "audit", "settings"):
        assert f"  {name} " in said.stdout
    for module in ("asyncpg", "aiokafka", "faust", "starlette", "rich", "cryptography"):
        assert f"'{module}'" not in said.stdout


def test_a_reset_is_not_done_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stack").touch()
    assert main(["dev", "reset", "--state", str(tmp_path)]) == 2
    assert "not_confirmed" in capsys.readouterr().err
    assert (tmp_path / "stack").exists()


def test_a_reset_deletes_nothing_in_a_folder_that_holds_no_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "postgres").mkdir()
    assert main(["dev", "reset", "--yes", "--state", str(tmp_path)]) == 2
    assert (tmp_path / "postgres").exists()
    assert "nothing is deleted" in capsys.readouterr().err
