"""``ledger log verify`` as an auditor calls it: with a folder, and nothing else in the world."""

import json
import os
from pathlib import Path

import pytest

from ledger.cli.main import main
from tests.support.archives import flip, small_log, write_archive


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound export, and an environment without a single setting."""
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LEDGER_STATE", str(tmp_path / "nowhere"))
    write_archive(tmp_path / "export", small_log())
    return tmp_path / "export"


def test_a_sound_export_exits_with_0_and_tells_the_standing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", "verify", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["sound"] and document["standing"]["rows"] == 60
    assert main(["log", "verify", str(folder)]) == 0
    page = capsys.readouterr()
    assert f"digest {document['standing']['digest']}" in page.out
    assert page.out.endswith("0 findings\n")
    assert main(["log", "verify", str(folder), "--files-only", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["standing"] is None


def test_a_damaged_export_exits_with_4_and_names_file_offset_and_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "live-00000-000000000025.avro"
    flip(folder / name, -25)
    assert main(["log", "verify", str(folder)]) == 4
    assert f"archive_file_changed: {name}: " in capsys.readouterr().out
    assert main(["log", "verify", str(folder), "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert not document["sound"] and document["standing"] is None
    assert {"code", "file", "offset", "detail"} == set(document["findings"][0])


def test_what_is_no_export_exits_with_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "verify", str(folder.parent)]) == 2
    assert "archive_missing" in capsys.readouterr().err


def test_a_comparison_needs_a_database_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "verify", str(folder), "--against-read-model"]) == 2
    assert "LEDGER_POSTGRES_DSN is not set" in capsys.readouterr().err
