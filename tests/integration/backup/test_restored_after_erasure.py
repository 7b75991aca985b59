"""Last hour's backup, restored after an erasure: the person is in its rows, and stays erased (races.md, D32)."""

import asyncio
import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from ledger.api import keys
from ledger.domain.catalogue import canonical_document
from ledger.event_log.catalogue_log import write_version
from ledger.read_model import pool
from ledger.read_model.migrate import migrate
from ledger.sdk import Ledger, NotFound, Person, email, subject_id
from tests.behaviours.asking import erased, known_as
from tests.integration.backup.conftest import Ledger as Run
from tests.support.catalogue import small_catalogue
from tests.support.databases import fresh_database
from tests.support.live import SHORT_WAITS
from tests.support.services import Stack

NEWSLETTER = {"purpose": "newsletter", "channel": "email"}
OFFERS = {"purpose": "offers", "channel": "email"}
IN_DIRECTORY = "select count(*) from vault.directory where subject_id = $1"
GIVE_UP_SECONDS = 120.0

pytestmark = pytest.mark.slow


async def new_company(stack: Stack, dsn: str) -> tuple[str, str]:
    """A controller with the small catalogue, and a key that may do everything an application does."""
    from ledger.cli.controllers import create_controller

    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    await create_controller(name, size="small", bootstrap=stack.bootstrap, dsn=dsn)
    document = canonical_document(small_catalogue(name))
    now_ms = time.time_ns() // 1_000_000
    await write_version(stack.bootstrap, name, version=1, effective_from_ms=now_ms, document=document)
    connection = await pool.connect(dsn, application_name="test", schema="control")
    try:
        scopes = ["record", "ask", "read", "requests"]
        return name, await keys.create(connection, controller=name, source="shop", scopes=scopes)
    finally:
        await connection.close()


def somebody(name: str) -> Person:
    return email(f"{name}-{secrets.token_hex(8)}@example.com")


async def rows_of(dsn: str, person: bytes) -> int:
    connection = await pool.connect(dsn, application_name="test")
    try:
        return int(await connection.fetchval(IN_DIRECTORY, person))
    finally:
        await connection.close()


async def granted(ledger: Ledger, person: Person) -> None:
    """A grant that counts: tried until the API has learnt of the catalogue."""
    from ledger.errors import Rejected

    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            saved = await ledger.grant(person, **NEWSLETTER, notice="signup@3")
            break
        except Rejected as rejected:
            assert rejected.code == "catalogue_missing" and time.monotonic() < give_up_at, rejected
            await asyncio.sleep(0.1)
    while not (answer := await ledger.check(person, **NEWSLETTER, at_least=saved)):
        assert time.monotonic() < give_up_at, answer


@pytest.mark.timeout(400)
async def test_a_person_erased_after_the_backup_stays_erased_when_it_is_restored(
    own_stack: Any, run_on_own: Run, tmp_path: Path
) -> None:
    anna, bertil = somebody("anna"), somebody("bertil")
    async with fresh_database(own_stack.dsn) as first, fresh_database(own_stack.dsn) as second:
        await migrate(first)
        await migrate(second)
        name, key = await new_company(own_stack, first)
        before = {"LEDGER_POSTGRES_DSN": first, "LEDGER_VAULT_DSN": first, **SHORT_WAITS}
        own_stack.start_fold(**before)
        own_stack.start_reactions(**before)
        api = own_stack.start_api(**before)
        async with Ledger.connect(api.url, key) as ledger:
            for person in (anna, bertil):
                await granted(ledger, person)
            saved = await ledger.unsubscribe(anna, **OFFERS)
            assert not await ledger.check(anna, **OFFERS, at_least=saved)
            was = await known_as(ledger, anna)
            taken = await run_on_own("backup", str(tmp_path / "b"), "--json", dsn=first)
            assert taken.code == 0, taken.err
            request = await erased(ledger, await ledger.request_erasure(anna))
            assert request.is_complete and await rows_of(first, bytes.fromhex(was)) == 0
        own_stack.end_since(0)

        restored = await run_on_own("restore", str(tmp_path / "b"), "--json", dsn=second)
        assert restored.code == 0, restored.err
        assert restored.document["logs"][0]["already_complete"]
        assert await rows_of(second, bytes.fromhex(was)) == 1, "the backup has the person in it"

        after = {"LEDGER_POSTGRES_DSN": second, "LEDGER_VAULT_DSN": second, **SHORT_WAITS}
        api = own_stack.start_api(wait=False, **after)
        async with Ledger.connect(api.url, key) as ledger:
            own_stack.start_fold(**after)
            own_stack.start_reactions(**after)
            # Blocked as soon as anything is answered, and erased again a moment later.
            reasons = await answers_until_forgotten(ledger, anna)
            assert reasons <= {"unavailable", "stale", "blocked", "erased"}, reasons
            by_id = await ledger.check(subject_id(was), **NEWSLETTER)
            assert by_id.reason == "erased"
            assert await rows_of(second, bytes.fromhex(was)) == 0
            assert await ledger.check(bertil, **NEWSLETTER), "nobody else was touched"
            with pytest.raises(NotFound):
                await ledger.request_erasure(anna)
            served = await ledger.notice_served(anna, notice="signup@3")
            came_back = await ledger.check(anna, **OFFERS, at_least=served)
            assert came_back.reason == "suppressed"
            assert (await ledger.check(anna, **NEWSLETTER)).reason == "no_consent"
            assert await known_as(ledger, anna) != was
        replayed = await run_on_own("audit", "replay", "--controller", name, dsn=second)
        assert replayed.code == 0, replayed.out


async def answers_until_forgotten(ledger: Ledger, person: Person) -> set[str]:
    """The reasons of every answer about a person until nobody knows them; not one of them may allow."""
    reasons: set[str] = set()
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while True:
        decision = await ledger.check(person, **NEWSLETTER)
        assert not decision, "not for a moment"
        if decision.reason == "subject_unknown":
            return reasons
        reasons.add(decision.reason)
        assert time.monotonic() < give_up_at, reasons
        await asyncio.sleep(0.05)
