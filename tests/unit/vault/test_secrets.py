"""Secret files: made once, never overwritten, never shown, refused when they are unsafe or swapped."""

import os
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError
from ledger.vault import secrets


def paths(folder: Path) -> tuple[Path, ...]:
    return tuple(folder / file for file in secrets.SECRET_FILES.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secrets.init(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_secrets_are_made_for_their_owner_alone(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in paths(folder))


def test_different_secrets_of_256_bits_are_loaded(folder: Path) -> None:
    loaded = secrets.load(*paths(folder))
    values = {getattr(loaded, name) for name in secrets.SECRET_FILES} | {loaded.intake_mac_key}
    assert len(values) == len(secrets.SECRET_FILES) + 1 and {len(value) for value in values} == {32}


def test_a_secret_that_is_there_is_never_overwritten(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    (folder / "sealing-key").unlink()
    files = {file.name: file.created for file in secrets.init(folder)}
    assert files == {name: name == "sealing_key" for name in secrets.SECRET_FILES}
    after = {path: path.read_bytes() for path in folder.iterdir()}
    assert {path for path in before if before[path] != after[path]} == {folder / "sealing-key"}


def test_secrets_are_never_printed(folder: Path) -> None:
    loaded = secrets.load(*paths(folder))
    assert repr(loaded) == f"{loaded}" == "<secrets>"


def test_two_swapped_files_are_refused(folder: Path) -> None:
    pepper, sealing_key, *others = paths(folder)
    with pytest.raises(ConfigurationError) as refusal:
        secrets.load(sealing_key, pepper, *others)
    assert (refusal.value.code, refusal.value.context["secret"]) == ("secret_malformed", "pepper")


def test_a_file_that_others_can_read_is_refused(folder: Path) -> None:
    (folder / "pepper").chmod(0o604)
    with pytest.raises(ConfigurationError) as refusal:
        secrets.load(*paths(folder))
    assert (refusal.value.code, refusal.value.context["secret"]) == ("secret_unsafe", "pepper")


def test_a_file_that_is_missing_is_named(folder: Path) -> None:
    (folder / "key-encryption-key").unlink()
    with pytest.raises(ConfigurationError) as refusal:
        secrets.load(*paths(folder))
    assert (refusal.value.code, refusal.value.context["secret"]) == ("secret_missing", "key_encryption_key")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ledger-pepper-v1:",
        b"ledger-pepper-v1:c2hvcnQ=",
        b"\xff\xfe",
        b"ledger-pepper-v1:???",
        os.urandom(32),
    ],
    ids=["empty", "no secret", "short secret", "no text", "no base64", "bare bytes"],
)
def test_a_damaged_file_is_refused_without_showing_it(folder: Path, content: bytes) -> None:
    (folder / "pepper").write_bytes(content)
    with pytest.raises(ConfigurationError) as refusal:
        secrets.load(*paths(folder))
    assert refusal.value.code == "secret_malformed"
    assert "c2hvcnQ" not in refusal.value.diagnostics()


def test_a_fingerprint_tells_secrets_and_their_use_apart() -> None:
    value = bytes(32)
    assert secrets.fingerprint("pepper", value) != secrets.fingerprint("sealing_key", value)
    assert secrets.fingerprint("pepper", value) != secrets.fingerprint("pepper", b"\1" * 32)
