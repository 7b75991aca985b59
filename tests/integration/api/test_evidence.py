"""Evidence of an act: on its way before the event that names it, readable by the vault alone, gone with the person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ledger.domain.envelope import Lane
from ledger.domain.evidence import Evidence
from ledger.event_log import codec
from ledger.event_log.broker import administering
from ledger.event_log.producer import Appender
from ledger.event_log.scanning import bounds_of, scan
from ledger.event_log.topics import topic_name
from ledger.vault.evidence import KeptEvidence
from tests.support.api import ApiUnderTest, api_under_test, new_email, until
from tests.support.live import Live
from tests.support.opened_vault import OpenedVault
from tests.support.services import Handle

IP, AGENT = "203.0.113.77", "Canary/1.0 (of a test)"
EVIDENCE = {"ip": IP, "user_agent": AGENT, "form": "signup", "page": "https://example.se/join"}
GRANT = {"act": "grant", "purpose": "newsletter", "channel": "email", "notice": "signup@3"}
WITHDRAW = {"act": "withdraw", "purpose": "newsletter"}


async def kept_for(vault: OpenedVault, api: ApiUnderTest, person: str) -> list[KeptEvidence]:
    return await vault.evidence.of(vault.controller, bytes.fromhex(await subject_of(api, person)))


async def subject_of(api: ApiUnderTest, person: str) -> str:
    answer = await api.post("/v1/subjects/lookup", {"subject": {"email": person}})
    found: str = answer.body["subject_id"]
    return found


async def on_topic(api: ApiUnderTest, lane: Lane, subject_id: str) -> list[Any]:
    """The records about a subject that can be read from a lane."""
    topic = topic_name(api.controller, lane)
    start, _ = await bounds_of(api.stack.bootstrap, topic, 0)
    return [
        record
        async for records in scan(api.stack.bootstrap, topic, 0, start)
        for record in records
        if record.key == bytes.fromhex(subject_id)
    ]


async def committed(api: ApiUnderTest, person: str) -> list[str | None]:
    history = await api.get(f"/v1/subjects/{await subject_of(api, person)}/history")
    return [event["envelope"].get("evidence_commitment") for event in history.body["events"]]


async def test_what_an_act_came_with_is_kept_in_the_vault_alone_under_the_commitment_of_its_event(
    api: ApiUnderTest, vault: OpenedVault, live: Live
) -> None:
    person = new_email()
    with frozen(live.reactions):
        saved = await api.act(person, GRANT, evidence=EVIDENCE)
        assert saved.status == 201, saved
        subject_id = await subject_of(api, person)
        travelling = await on_topic(api, Lane.EVIDENCE, subject_id)
    assert len(travelling) == 1
    await until(lambda: kept_for(vault, api, person))
    (kept,) = await kept_for(vault, api, person)
    assert kept.evidence == Evidence(**EVIDENCE)

    async def is_folded() -> bool:
        return await committed(api, person) == [kept.commitment.hex()]

    await until(is_folded)

    async def is_deleted() -> bool:
        begin, end = await bounds_of(api.stack.bootstrap, topic_name(api.controller, Lane.EVIDENCE), 0)
        return begin == end

    await until(is_deleted)
    (event,) = await on_topic(api, Lane.LIVE, subject_id)
    rows = await vault.connections.fetch("select * from vault.evidence")
    for clear in (IP.encode(), AGENT.encode(), person.encode()):
        assert clear not in travelling[0].value and clear not in event.value
        assert all(clear not in bytes(row["sealed"]) for row in rows)


async def test_one_act_with_several_choices_has_one_evidence(api: ApiUnderTest) -> None:
    person = new_email()
    refusal = {"act": "refuse", "purpose": "profiling", "notice": "signup@3"}
    saved = await api.act(person, GRANT, refusal, evidence=EVIDENCE)
    assert saved.status == 201, saved

    async def is_folded() -> bool:
        found = await committed(api, person)
        return len(found) == 2 and len(set(found)) == 1 and found[0] is not None

    await until(is_folded)


@pytest.mark.parametrize(
    "evidence",
    [{"ip": "not an address"}, {"password": "hunter2"}, ["203.0.113.77"], {"page": "x" * 5000}, {"ip": 7}],
    ids=["no_ip", "unknown_field", "no_object", "too_large", "no_text"],
)
async def test_evidence_that_cannot_be_used_refuses_a_yes_and_not_a_no(
    api: ApiUnderTest, evidence: object
) -> None:
    person = new_email()
    refused = await api.act(person, GRANT, evidence=evidence)
    assert (refused.status, refused.code) == (422, "evidence_malformed")
    assert "hunter2" not in str(refused.body) and "not an address" not in str(refused.body)
    taken = await api.act(person, WITHDRAW, evidence=evidence)
    assert taken.status == 201
    (recorded,) = taken.body["recorded"]
    assert recorded["reports"] == [{"field": "evidence", "code": "evidence_malformed"}]


async def test_evidence_of_a_person_under_erasure_is_not_kept_and_their_no_is(
    api: ApiUnderTest, vault: OpenedVault
) -> None:
    person = new_email()
    await api.act(person, WITHDRAW)
    subject_id = await subject_of(api, person)
    await vault.set_state(subject_id, "blocked")
    taken = await api.act(person, WITHDRAW, evidence=EVIDENCE)
    assert taken.status == 201
    (recorded,) = taken.body["recorded"]
    assert recorded["reports"] == [{"field": "evidence", "code": "evidence_not_kept"}]
    assert await on_topic(api, Lane.EVIDENCE, subject_id) == []


async def test_evidence_that_is_read_after_the_person_was_destroyed_makes_nothing(
    api: ApiUnderTest, vault: OpenedVault, live: Live
) -> None:
    person, other = new_email(), new_email()
    with frozen(live.reactions):
        await api.act(person, WITHDRAW, evidence=EVIDENCE)
        subject_id = await subject_of(api, person)
        await vault.set_state(subject_id, "destroyed")
        # Anybody who may write to the topic, with what was sealed for another, and with nothing.
        (stolen,) = await on_topic(api, Lane.EVIDENCE, subject_id)
        await api.act(other, WITHDRAW)
        keys = (bytes.fromhex(await subject_of(api, other)), b"")
        async with Appender(api.stack.bootstrap) as appender:
            for key in keys:
                await append_evidence(api, appender, key, stolen.value)
                await append_evidence(api, appender, key, b"")
        await api.act(other, WITHDRAW, evidence=EVIDENCE)
    await until(lambda: kept_for(vault, api, other))
    assert len(await kept_for(vault, api, other)) == 1
    assert (
        await vault.connections.fetchval(
            "select count(*) from vault.evidence where subject_id = $1", bytes.fromhex(subject_id)
        )
        == 0
    )
    row = await vault.connections.fetchrow(
        "select state, wrapped_key from vault.subject where subject_id = $1", bytes.fromhex(subject_id)
    )
    assert (row["state"], row["wrapped_key"]) == ("destroyed", None)


async def append_evidence(api: ApiUnderTest, appender: Appender, key: bytes, value: bytes) -> None:
    await appender.append(
        topic_name(api.controller, Lane.EVIDENCE), 0, key, lambda attempt: value, timeout_s=10
    )


async def test_evidence_that_the_log_does_not_take_loses_no_no_and_refuses_a_yes(live: Live) -> None:
    async with api_under_test(live.stack, live.url) as api:
        person, topic = new_email(), topic_name(api.controller, Lane.EVIDENCE)
        async with administering(api.stack.bootstrap) as admin:
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic, configs={"max.message.bytes": "100"})]
            )
        refusal = {"act": "refuse", "purpose": "profiling", "notice": "signup@3"}
        for acts in ((GRANT,), (GRANT, refusal)):
            refused = await api.act(person, *acts, evidence=EVIDENCE)
            assert (refused.status, refused.body["retryable"]) == (503, True)
        taken = await api.act(person, WITHDRAW, evidence=EVIDENCE)
        assert taken.status == 201, taken
        (recorded,) = taken.body["recorded"]
        assert recorded["reports"] == [{"field": "evidence", "code": "evidence_not_kept"}]
        # The no of the mixed act is on the log as well: what failed is the yes behind it.
        found = await on_topic(api, Lane.LIVE, await subject_of(api, person))
        events = [codec.decode(record.value) for record in found]
        assert [type(event).__name__ for event in events] == ["ConsentRefused", "ConsentWithdrawn"]
        assert all(event.envelope.evidence_commitment is None for event in events)


@contextmanager
def frozen(worker: Handle) -> Iterator[None]:
    """The worker stands still for the length of the block, so that what it would take can be seen."""
    worker.freeze()
    try:
        yield
    finally:
        worker.thaw()
