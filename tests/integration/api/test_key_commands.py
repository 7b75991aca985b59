"""``ledger api-keys`` and ``ledger secrets`` as an operator calls them."""

import asyncio
import json
from pathlib import Path

import pytest

from ledger.cli.main import main
from ledger.read_model import pool
from ledger.vault import secrets

KEY_FILES = {f"LEDGER_{name.upper()}_FILE": file for name, file in secrets.SECRET_FILES.items()}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def operator(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's shell beside a database with one controller."""
    monkeypatch.setenv("LEDGER_POSTGRES_DSN", database)

    async def make_controller() -> None:
        connection = await pool.connect(database, application_name="test")
        await connection.execute("insert into control.controller (name, size) values ('klingit', 'small')")
        await connection.close()

    asyncio.run(make_controller())


CREATE = (
    "api-keys",
    "create",
    "--controller",
    "klingit",
    "--source",
    "shop",
    "--scope",
    "record",
    "--scope",
    "ask",
)


@pytest.mark.services
@pytest.mark.usefixtures("operator")
class TestApiKeys:
    def test_the_key_alone_is_on_standard_output(self, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, err = run(capsys, *CREATE)
        assert code == 0
        assert out.startswith("lk_") and len(out.split()) == 1
        assert "not shown again" in err and out.strip() not in err

    def test_a_key_is_created_listed_without_itself_and_revoked(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        made = json.loads(run(capsys, *CREATE, "--expires-in-days", "30", "--json")[1])
        code, listed, _ = run(capsys, "api-keys", "list", "--controller", "klingit", "--json")
        [row] = json.loads(listed)
        assert (code, row["prefix"], row["scopes"]) == (0, made["prefix"], ["ask", "record"])
        assert made["api_key"] not in listed
        assert run(capsys, "api-keys", "revoke", made["prefix"])[0] == 0
        assert "revoked" in run(capsys, "api-keys", "list")[1]

    def test_an_unknown_controller_scope_or_prefix_is_told_in_words(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, out, err = run(capsys, *CREATE[:3], "nobody", *CREATE[4:])
        assert (code, out) == (2, "") and "controller_unknown" in err and "ledger controllers create" in err
        assert run(capsys, *CREATE[:-1], "everything")[0] == 2
        assert "api_key_unknown" in run(capsys, "api-keys", "revoke", "zzzzzzzz")[2]


@pytest.mark.services
def test_a_database_that_is_down_is_exit_code_three(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_POSTGRES_DSN", "postgresql://nobody@127.0.0.1:1/none")
    code, out, err = run(capsys, *CREATE)
    assert (code, out) == (3, "") and "postgres_unavailable" in err


def test_secrets_are_made_once_and_shown_by_fingerprint_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "secrets"
    code, out, _ = run(capsys, "secrets", "init", str(folder), "--json")
    assert (code, [file["created"] for file in json.loads(out)]) == (0, [True] * len(KEY_FILES))
    before = [path.read_bytes() for path in sorted(folder.iterdir())]
    code, out, _ = run(capsys, "secrets", "init", str(folder))
    assert (code, out.count("was there")) == (0, len(KEY_FILES))
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == before
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    for name, file in KEY_FILES.items():
        monkeypatch.setenv(name, str(folder / file))
    code, out, err = run(capsys, "secrets", "show", "--json")
    loaded = secrets.load(*(folder / file for file in KEY_FILES.values()))
    assert json.loads(out) == {name: value.hex() for name, value in loaded.fingerprints().items()}
    for secret in before:
        assert secret.decode().strip().split(":")[1] not in out + err


def test_secrets_show_names_the_setting_that_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    code, _, err = run(capsys, "secrets", "show")
    assert code == 2 and "LEDGER_PEPPER_FILE" in err


def test_every_example_in_the_help_is_a_command_that_parses(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ("api-keys", "create"),
        ("api-keys", "list"),
        ("api-keys", "revoke"),
        ("secrets", "init"),
        ("secrets", "show"),
    ):
        code, out, _ = run(capsys, *words, "--help")
        [example] = [line for line in out.splitlines() if line.strip().startswith("Example: ledger ")]
        assert code == 0 and example.split()[2:4] == list(words)
