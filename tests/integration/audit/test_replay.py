"""Replay on the real stack: nothing differs when all is well, and whatever was tampered with is found."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from ledger.domain.events import (
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    Envelope,
    NoticeServed,
    ObjectionRaised,
    PreferenceSet,
    Scope,
    SubjectEvent,
)
from ledger.event_log.codec import encode
from tests.integration.audit.conftest import Company, Outcome

Ledger = Callable[..., Awaitable[Outcome]]
NEWSLETTER = Scope(purpose="om.newsletter", channel="email")


def envelope(company: Company, **changed: Any) -> Envelope:
    fields = {
        "event_id": secrets.token_bytes(16),
        "act_id": secrets.token_bytes(16),
        "controller": company.name,
    }
    return Envelope(**{**fields, "source": "test", "waited_ms": 0, **changed})


def grant(company: Company, **changed: Any) -> ConsentGiven:
    return ConsentGiven(envelope=envelope(company, **changed), scope=NEWSLETTER, notice="activities@2")


def withdrawal(company: Company, **changed: Any) -> ConsentWithdrawn:
    return ConsentWithdrawn(envelope=envelope(company, **changed), scope=NEWSLETTER)


def some_of_everything(company: Company) -> list[SubjectEvent]:
    return [
        NoticeServed(envelope=envelope(company), notice="activities@2", language="sv"),
        grant(company),
        ConsentRefused(envelope=envelope(company), scope=Scope(purpose="om.survey", channel="email")),
        PreferenceSet(envelope=envelope(company), scope=Scope(channel="phone"), direction="out"),
        ObjectionRaised(
            envelope=envelope(company), scope=Scope(purpose="om.improve"), episode_id=secrets.token_bytes(16)
        ),
        withdrawal(company),
    ]


async def a_morning(company: Company, people: int = 30) -> list[bytes]:
    """People who say some of everything, with repeats, a conflict, broken records and foreign ones between."""
    subjects = [secrets.token_bytes(16) for _ in range(people)]
    for subject_id in subjects:
        for event in some_of_everything(company):
            await company.say(subject_id, event)
    once = grant(company)
    again = msgspec.structs.replace(once.envelope, may_be_repeat=True)
    await company.say(subjects[0], once)
    await company.say(subjects[0], msgspec.structs.replace(once, envelope=again))
    await company.say(subjects[1], once)
    await company.say(subjects[1], withdrawal(company, event_id=once.envelope.event_id, may_be_repeat=True))
    await company.say_raw(subjects[2], b"\x00random")
    await company.say_raw(subjects[2], encode(grant(company)) + b"trailing")
    await company.say(subjects[3], grant(company, controller="somebody-else"))
    await company.folded()
    return subjects


async def replayed(ledger: Ledger, company: Company, *more: str) -> Outcome:
    return await ledger("audit", "replay", "--controller", company.name, "--json", *more)


async def scratch_schemas(company: Company) -> list[str]:
    rows = await company.database.fetch("select nspname from pg_namespace where nspname like 'replay\\_%'")
    return [row["nspname"] for row in rows]


async def test_a_folded_log_replays_to_the_same_rows(company: Company, ledger: Ledger) -> None:
    await a_morning(company)
    outcome = await replayed(ledger, company)
    assert outcome.code == 0, outcome
    report = outcome.document
    assert report["difference_count"] == {
        table: 0 for table in ("position", "catalogue", "quarantine", "standing", "history")
    }
    assert report["clean"] and report["differences"] == []
    assert report["outcomes"] == {"conflicting": 1, "counted": 183, "quarantined": 3, "repeat": 1}
    assert report["records"] == report["rows"]["history"] == 188
    assert report["rows"]["standing"] > 150
    assert report["rows"]["catalogue"] == 1
    assert await scratch_schemas(company) == []


async def test_the_page_for_people_tells_records_rate_rows_and_the_verdict(
    company: Company, ledger: Ledger
) -> None:
    await a_morning(company, people=4)
    outcome = await ledger("audit", "replay", "--controller", company.name)
    assert outcome.code == 0
    assert "replayed 32 records of 1 controllers in" in outcome.out
    assert "records/s" in outcome.out
    assert outcome.out.rstrip().endswith("0 differences, 0 reused event ids")
    assert "Replaying" in outcome.err


TAMPERINGS = {
    "a row changed": (
        "update read_model.standing set value = 'given' where controller_id = $1 and subject_id = $2 and value = 'withdrawn'",
        "standing",
        "value is 'given', the log says 'withdrawn'",
    ),
    "a row deleted": (
        "delete from read_model.standing where controller_id = $1 and subject_id = $2 and value = 'withdrawn'",
        "standing",
        "missing in the live read model, the log has it",
    ),
    "a row added": (
        (
            "insert into read_model.standing (controller_id, subject_id, row_key, shape, voice, kind, purpose, value, rank_ms,"
            " rank_seq) values ($1, $2, gen_random_uuid(), 'yes', 'person', 'consent', 'om.offer', 'given', 5, 0)"
        ),
        "standing",
        "in the live read model, but nothing on the log accounts for it",
    ),
    "a record's outcome changed": (
        (
            "update read_model.history set outcome = 'repeat'"
            " where controller_id = $1 and subject_id = $2 and event_type = 'NoticeServed'"
        ),
        "history",
        "outcome is 'repeat', the log says 'counted'",
    ),
    "a record's body changed": (
        (
            "update read_model.history set body = 'x'"
            " where controller_id = $1 and subject_id = $2 and event_type = 'NoticeServed'"
        ),
        "history",
        "its body is not the one on the log",
    ),
    "a doubt removed": (
        "delete from read_model.quarantine where controller_id = $1 and reason = 'trailing_bytes' and $2::uuid is not null",
        "quarantine",
        "missing in the live read model, the log has it",
    ),
    "a catalogue rewritten": (
        (
            "update read_model.catalogue set document = replace(document, 'consent', 'contract') where controller_id = $1"
            " and $2::uuid is not null"
        ),
        "catalogue",
        "its body is not the one on the log",
    ),
}


@pytest.mark.parametrize("tampering", list(TAMPERINGS)[:3])
async def test_what_was_tampered_with_is_found_and_told(
    company: Company, ledger: Ledger, tampering: str
) -> None:
    statement, table, words = TAMPERINGS[tampering]
    subjects = await a_morning(company, people=4)
    done = await company.database.execute(statement, await company.controller_id(), subjects[0].hex())
    assert done.split()[-1] == "1"
    outcome = await replayed(ledger, company)
    assert outcome.code == 1
    assert {name: count for name, count in outcome.document["difference_count"].items() if count} == {
        table: 1
    }
    page = await ledger("audit", "replay", "--controller", company.name)
    assert page.code == 1
    assert words in page.out
    assert "1 differences, 0 reused event ids" in page.out


async def test_every_kind_of_tampering_is_found_beside_the_others(company: Company, ledger: Ledger) -> None:
    subjects = await a_morning(company, people=4)
    controller_id = await company.controller_id()
    for number, (statement, _, _) in enumerate(TAMPERINGS.values()):
        await company.database.execute(statement, controller_id, subjects[number % 4].hex())
    page = await ledger("audit", "replay", "--controller", company.name)
    assert page.code == 1
    for _, _, words in TAMPERINGS.values():
        assert words in page.out
    assert "7 differences, 0 reused event ids" in page.out


async def test_differences_are_counted_whole_and_shown_bounded(company: Company, ledger: Ledger) -> None:
    await a_morning(company, people=10)
    await company.database.execute(
        "delete from read_model.standing where controller_id = $1", await company.controller_id()
    )
    outcome = await replayed(ledger, company, "--show", "3")
    assert outcome.code == 1
    assert outcome.document["difference_count"]["standing"] > 50
    assert len(outcome.document["differences"]) == 3


async def test_a_replay_beside_a_running_load_finds_no_difference(company: Company, ledger: Ledger) -> None:
    stop = asyncio.Event()

    async def load() -> int:
        said = 0
        while not stop.is_set():
            subject_id = secrets.token_bytes(16)
            for event in some_of_everything(company):
                await company.say(subject_id, event)
                said += 1
        return said

    await a_morning(company, people=5)
    running = asyncio.create_task(load())
    codes, records = [], []
    for _ in range(3):
        outcome = await replayed(ledger, company)
        codes.append(outcome.code)
        records.append(outcome.document["records"])
    stop.set()
    assert await running > 100
    assert codes == [0] * 3
    assert records == sorted(set(records)), "each replay saw more than the one before"


async def test_an_event_id_that_a_producer_used_twice_and_denied_it_is_found(
    company: Company, ledger: Ledger
) -> None:
    subject_id = secrets.token_bytes(16)
    once = grant(company)
    await company.say(subject_id, once)
    await company.say(subject_id, once)
    await company.say(subject_id, withdrawal(company, event_id=once.envelope.event_id))
    await company.folded()
    outcome = await replayed(ledger, company)
    assert outcome.code == 1
    (reused,) = outcome.document["reused_event_ids"]
    assert reused["event_id"] == once.envelope.event_id.hex()
    assert (reused["records"], reused["contents"]) == (3, 2)
    assert outcome.document["difference_count"]["standing"] == 0


async def test_a_kept_schema_stays_and_the_next_replay_tells_of_it(company: Company, ledger: Ledger) -> None:
    await a_morning(company, people=4)
    outcome = await replayed(ledger, company, "--keep")
    schema = outcome.document["schema"]
    try:
        assert await scratch_schemas(company) == [schema]
        assert await company.database.fetchval(f"select count(*) from {schema}.standing") > 0
        assert schema in (await replayed(ledger, company)).err
    finally:
        await company.database.execute(f"drop schema {schema} cascade")


async def test_an_unknown_controller_is_told_and_leaves_nothing(company: Company, ledger: Ledger) -> None:
    outcome = await ledger("audit", "replay", "--controller", "nobody-here")
    assert outcome.code == 2
    assert "controller_unknown" in outcome.err
    assert await scratch_schemas(company) == []


async def test_another_genesis_than_the_folded_one_is_an_integrity_violation(
    company: Company, ledger: Ledger
) -> None:
    await a_morning(company, people=4)
    controller_id = await company.controller_id()
    await company.database.execute(
        "update read_model.position set genesis_id = gen_random_uuid() where controller_id = $1 and lane = 0",
        controller_id,
    )
    outcome = await replayed(ledger, company)
    assert outcome.code == 4
    assert "log_recreated" in outcome.err
    assert await scratch_schemas(company) == []


async def test_a_log_shorter_than_what_was_folded_is_an_integrity_violation(
    company: Company, ledger: Ledger
) -> None:
    await a_morning(company, people=4)
    controller_id = await company.controller_id()
    await company.database.execute(
        "update read_model.position set next_offset = next_offset + 5 where controller_id = $1 and lane = 2",
        controller_id,
    )
    outcome = await replayed(ledger, company)
    assert outcome.code == 4
    assert "log_truncated" in outcome.err
