"""``ledger holders`` as an operator calls it, and as the holder's team does."""

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.cli.main import main
from ledger.domain.catalogue import canonical_document
from ledger.event_log.catalogue_log import write_version
from ledger.order_security import verify_key_of
from ledger.sdk.holder_keys import read_order_key
from ledger.vault import secrets
from tests.support.catalogue import LONG_AGO_MS, small_catalogue
from tests.support.holder_side import compacted_topic
from tests.support.orders import Erasure, holder_of


@pytest.fixture
async def shell(stack: Any, ordered: Erasure, database: str, tmp_path: Path, monkeypatch: Any) -> Erasure:
    """An operator's shell beside a controller whose catalogue names a store and two topics."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEDGER_POSTGRES_DSN", database)
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP", stack.bootstrap)
    for file in secrets.init(tmp_path / "secrets"):
        monkeypatch.setenv(f"LEDGER_{file.name.upper()}_FILE", str(file.path))
    name = ordered.controller.name
    topic: dict[str, Any] = {"kind": "topic", "identifiers": ("subject_id",), "method": "both"}
    holders = {
        "crm": holder_of("crm"),
        "list": holder_of("list", topic=f"holder.{name}.list", **topic),
        "plain": holder_of("plain", topic=f"holder.{name}.plain", **topic),
        "keys": holder_of("keys", topic=f"holder.{name}.keys", **topic | {"method": "tombstone"}),
    }
    document = canonical_document(msgspec.structs.replace(small_catalogue(name), holders=holders))
    await write_version(stack.bootstrap, name, version=1, effective_from_ms=LONG_AGO_MS, document=document)
    await compacted_topic(stack.bootstrap, f"holder.{name}.list")
    await compacted_topic(stack.bootstrap, f"holder.{name}.plain", **{"cleanup.policy": "delete"})
    return ordered


async def test_a_holder_is_registered_listed_rotated_and_revoked(shell: Erasure, capsys: Any) -> None:
    name = shell.controller.name
    code, public, err = await run(capsys, "holders", "keys", "--name", "crm", "--out", "crm.json")
    assert (code, stat.S_IMODE(os.stat("crm.json").st_mode)) == (0, 0o600)
    assert "private keys are in crm.json" in err
    Path("crm.pub").write_text(public)
    private = json.loads(Path("crm.json").read_text())
    assert private["sealing_key"] not in public and private["signing_key"] not in public

    code, out, _ = await run(capsys, "holders", "list", name)
    assert code == 1 and out.count("NOT REGISTERED") == 3 and "the ledger writes its tombstones" in out
    dry = await run(capsys, "holders", "register", name, "crm", "--public", "crm.pub", "--dry-run", "--json")
    assert json.loads(dry[1])["registered"] is False
    for expected in ("is registered", "was registered already"):
        code, out, _ = await run(capsys, "holders", "register", name, "crm", "--public", "crm.pub")
        assert (code, expected in out) == (0, True)

    order_id = await shell.order(holder_of("crm"))
    await shell.change(order_id, "state = 'sent', attempts = 1, next_send_at = now() + interval '3 days'")
    await run(capsys, "holders", "keys", "--name", "crm", "--out", "new.json")
    Path("new.pub").write_text((await run(capsys, "holders", "keys", "--name", "crm", "--out", "n2.json"))[1])
    assert (await run(capsys, "holders", "register", name, "crm", "--public", "new.pub"))[0] == 0
    async with shell.vault.acquire() as connection:
        due = "select next_send_at <= now() from vault.erasure_order where order_id = $1"
        assert await connection.fetchval(due, order_id), "what was sealed to the old key is sent again"
    code, _, err = await run(capsys, "holders", "register", name, "crm", "--public", "crm.pub")
    assert code == 2 and "holder_keys_revoked" in err

    for code, word in ((0, "no keys in use"), (2, "holder_unregistered")):
        done = await run(capsys, "holders", "revoke", name, "crm")
        assert done[0] == code and word in done[1] + done[2]


async def test_what_the_catalogue_does_not_name_or_cannot_forget_is_not_registered(
    shell: Erasure, capsys: Any
) -> None:
    name = shell.controller.name
    for holder, word in (
        ("shop", "holder_unknown"),
        ("plain", "topic_not_compacted"),
        ("keys", "topic_unknown"),
    ):
        _, public, _ = await run(capsys, "holders", "keys", "--name", holder, "--out", f"{holder}.json")
        Path(f"{holder}.pub").write_text(public)
        code, _, err = await run(capsys, "holders", "register", name, holder, "--public", f"{holder}.pub")
        assert code == 2 and word in err
    code, _, err = await run(capsys, "holders", "register", name, "crm", "--public", "shop.pub")
    assert code == 2 and "holder_unknown" in err
    code, _, err = await run(capsys, "holders", "register", name, "crm", "--public", "shop.json")
    assert code == 2 and "holder_keys_malformed" in err


async def test_the_order_key_is_what_holders_read(shell: Erasure, capsys: Any) -> None:
    code, out, _ = await run(capsys, "holders", "order-key")
    Path("ledger.pub").write_text(out)
    own = Path("secrets/order-signing-key")
    assert code == 0
    loaded = secrets.load(*(Path("secrets") / file for file in secrets.SECRET_FILES.values()))
    assert read_order_key("ledger.pub") == verify_key_of(loaded.order_signing_key)
    assert own.read_text().strip() not in out


async def test_an_order_is_given_anew_only_when_it_was_refused(shell: Erasure, capsys: Any) -> None:
    order_id = await shell.order(holder_of("crm"))
    for given, word in (
        ("00" * 16, "order_unknown"),
        ("zz", "order_unknown"),
        (order_id.hex(), "order_not_refused"),
    ):
        code, _, err = await run(capsys, "holders", "order-again", shell.controller.name, given)
        assert code == 2 and word in err
    await shell.change(order_id, "state = 'refused', outcome = 'refused'")
    assert (await run(capsys, "holders", "order-again", shell.controller.name, order_id.hex()))[0] == 0
    assert (await shell.row(order_id))["state"] == "pending"


async def run(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    code = await asyncio.to_thread(main, list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err
