"""A holder carries out each order once, answers it as often as it is sent, and survives its own end anywhere."""

import asyncio
import os
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.identifiers import email
from ledger.domain.orders import ErasureAcknowledgement, ErasureOrder, OrderContents
from ledger.errors import ConfigurationError, Rejected, Unavailable
from ledger.event_log.codec import decode, encode
from ledger.order_security import UNSIGNED, is_signed_by, seal_contents, signed, verify_key_of
from ledger.sdk.holder import Erased, Holder, HolderKeys, NothingHeld, PersonToErase, Refused
from ledger.sdk.holder_desk import Desk
from ledger.sdk.holder_keys import PublicKeys, order_key_text, read_order_key
from ledger.sdk.holder_memory import SqliteMemory
from ledger.sdk.holder_orders import CLOCKS_APART_MS, order_of
from ledger.sealing import key_id

LEDGER_KEY = bytes(range(1, 33))
KEYS = HolderKeys.make("crm")
ANNA = OrderContents(identifiers=(email("anna@example.se"),))


def order(
    contents: OrderContents = ANNA, *, keys: HolderKeys = KEYS, signer: bytes = LEDGER_KEY, **changed: Any
) -> bytes:
    order_id = changed.pop("order_id", bytes(range(16)))
    public = keys.public.sealing_key
    fields: dict[str, Any] = {
        "order_id": order_id,
        "request_id": bytes(range(16, 32)),
        "controller": "klingit",
        "holder": "crm",
        "method": "order",
        "categories": (),
        "issued_at": now_ms(),
        "due_at": now_ms() + 1_000_000,
        "attempt": 1,
        "counts_from": 1,
        "key_id": key_id(public),
        "sealed": seal_contents(public, contents, controller="klingit", holder="crm", order_id=order_id),
        "signature": UNSIGNED,
    }
    return encode(signed(ErasureOrder(**fields | changed), signer))


class Stage:
    """A desk with a memory on disk, a function that does as it is told, and what was sent."""

    def __init__(self, path: Path, keys: HolderKeys = KEYS) -> None:
        self.answers: list[Any] = []
        self.called: list[PersonToErase] = []
        self.sent: list[bytes] = []
        self.kafka_is_away = False
        self.memory = SqliteMemory(path / "memory.sqlite3")
        self.desk = Desk(
            controller="klingit",
            keys=keys,
            order_key=verify_key_of(LEDGER_KEY),
            memory=self.memory,
            handler=self.forget,
        )

    async def forget(self, person: PersonToErase) -> Any:
        self.called.append(person)
        answer = self.answers.pop(0) if self.answers else Erased(found=1)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def send(self, order_id: bytes, acknowledgement: bytes) -> None:
        if self.kafka_is_away:
            raise Unavailable("log_unavailable")
        self.sent.append(acknowledgement)

    def messages(self) -> list[ErasureAcknowledgement]:
        found = [decode(value) for value in self.sent]
        assert all(isinstance(message, ErasureAcknowledgement) for message in found)
        return found  # type: ignore[return-value]


@pytest.fixture
async def stage(tmp_path: Path) -> Any:
    made = Stage(tmp_path)
    yield made
    await made.memory.close()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_an_answer_is_signed_and_says_what_the_function_said(stage: Stage) -> None:
    stage.answers = [
        Erased(found=3, left=1, evidence=b"log"),
        NothingHeld(),
        Refused(reason="legal_claim", found=2),
    ]
    for number in range(3):
        await stage.desk.take(order(order_id=bytes([number]) * 16), stage.send)
    told = [(m.outcome, m.found, m.left, m.detail, m.evidence_digest is not None) for m in stage.messages()]
    assert told == [
        ("erased", 3, 1, None, True),
        ("nothing_held", 0, 0, None, False),
        ("refused", 2, 2, "legal_claim", False),
    ]
    assert all(is_signed_by(message, KEYS.public.signing_key) for message in stage.messages())


async def test_a_repeated_order_is_answered_in_the_same_words_without_acting_again(stage: Stage) -> None:
    for attempt in (1, 1, 2):
        await stage.desk.take(order(attempt=attempt), stage.send)
    assert len(stage.called) == 1
    assert len(stage.sent) == 3 and len(set(stage.sent)) == 1


async def test_what_was_refused_is_asked_again_at_the_next_sending_but_not_at_a_repeat(stage: Stage) -> None:
    stage.answers = [Refused(reason="legal_claim"), Erased(found=1)]
    for attempt in (1, 1, 2, 2, 3):
        await stage.desk.take(order(attempt=attempt), stage.send)
    assert [m.outcome for m in stage.messages()] == ["refused", "refused", "erased", "erased", "erased"]
    assert len(stage.called) == 2


async def test_an_order_that_is_given_anew_is_carried_out_anew_though_it_was_answered(stage: Stage) -> None:
    stage.answers = [Erased(found=1), Erased(found=0, evidence=b"log")]
    for attempt, counts_from in ((1, 1), (2, 1), (3, 3), (3, 3), (4, 3), (1, 1)):
        await stage.desk.take(order(attempt=attempt, counts_from=counts_from), stage.send)
    assert len(stage.called) == 2
    assert [m.evidence_digest is not None for m in stage.messages()] == [False, False, True, True, True, True]


async def test_one_order_that_comes_twice_at_once_is_carried_out_once(stage: Stage) -> None:
    await asyncio.gather(*(stage.desk.take(order(), stage.send) for _ in range(5)))
    assert len(stage.called) == 1 and len(stage.sent) == 5


async def test_a_process_that_ends_after_acting_answers_at_the_next_start(tmp_path: Path) -> None:
    first = Stage(tmp_path)
    first.kafka_is_away = True
    with pytest.raises(Unavailable):
        await first.desk.take(order(), first.send)
    await first.memory.close()

    second = Stage(tmp_path)
    await second.desk.catch_up(second.send)
    await second.desk.catch_up(second.send)
    assert second.called == []
    assert [message.outcome for message in second.messages()] == ["erased"]
    await second.memory.close()


async def test_a_failing_order_is_put_by_and_tried_again_later(stage: Stage, caplog: Any) -> None:
    stage.answers = [OSError("anna@example.se is locked")] * 3 + [None, "done", Erased(found=-1)]
    await stage.desk.take(order(), stage.send)
    assert len(stage.called) == 3 and stage.sent == []
    assert await stage.memory.owed(time.time()) == [], "its next try is not due"
    for _ in range(4):
        (owed,) = await stage.memory.owed(time.time() + 1_000)
        await stage.memory.put_off(owed.order_id, owed.attempt, owed.received or b"", 0)
        await stage.desk.catch_up(stage.send)
    assert [message.outcome for message in stage.messages()] == ["erased"]
    assert "anna" not in caplog.text
    assert "OSError" in caplog.text and "holder_answer_invalid" in caplog.text
    assert await stage.memory.owed(time.time() + 1_000) == []


async def test_with_new_keys_old_answers_are_signed_anew(tmp_path: Path) -> None:
    first = Stage(tmp_path)
    await first.desk.take(order(), first.send)
    await first.memory.close()
    fresh = HolderKeys.make("crm")
    second = Stage(tmp_path, fresh)
    await second.desk.take(order(keys=fresh, attempt=2), second.send)
    (message,) = second.messages()
    assert second.called == []
    assert is_signed_by(message, fresh.public.signing_key)
    assert message.key_id == key_id(fresh.public.signing_key)
    assert message.done_at == first.messages()[0].done_at
    await second.memory.close()


async def test_a_person_who_cannot_be_found_here_is_not_looked_for(stage: Stage) -> None:
    await stage.desk.take(order(OrderContents()), stage.send)
    assert stage.called == []
    (message,) = stage.messages()
    assert (message.outcome, message.evidence_digest is None) == ("nothing_held", False)


class KafkaThatTakesNothing(Holder):
    """Lets the holder in, and then no answer comes through."""

    @asynccontextmanager
    async def _topic(self) -> AsyncIterator[Any]:
        yield self

    async def send(self, order_id: bytes, acknowledgement: bytes) -> None:
        raise Unavailable("log_unavailable", cause="KafkaTimeoutError")


async def test_a_kafka_that_takes_nothing_is_asked_less_and_less_and_the_log_says_what_is_wrong(
    tmp_path: Path, caplog: Any, monkeypatch: Any
) -> None:
    first = Stage(tmp_path)
    first.kafka_is_away = True
    with pytest.raises(Unavailable):
        await first.desk.take(order(), first.send)
    await first.memory.close()
    monkeypatch.setattr("ledger.sdk.holder.FIRST_WAIT_SECONDS", 0.1)
    holder = KafkaThatTakesNothing(
        controller="klingit",
        keys=KEYS,
        order_key=verify_key_of(LEDGER_KEY),
        bootstrap="localhost:9",
        memory=tmp_path / "memory.sqlite3",
    )
    holder.erases(first.forget)
    running = asyncio.create_task(holder.run())
    await asyncio.sleep(0.5)
    holder.stop()
    await running
    told = [record.getMessage() for record in caplog.records if record.name == "ledger.sdk.holder"]
    assert told[:3] == [
        f"the holder waits {wait} s: log_unavailable (KafkaTimeoutError)" for wait in ("0.1", "0.2", "0.4")
    ]


async def test_a_plain_function_runs_beside_the_loop(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.desk._handler = lambda person: NothingHeld()
    await stage.desk.take(order(), stage.send)
    assert [message.outcome for message in stage.messages()] == ["nothing_held"]
    await stage.memory.close()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "order_malformed"),
        (b"", "order_malformed"),
        (order()[:-1], "order_malformed"),
        (order(controller="omilon"), "order_foreign"),
        (order(holder="mailing"), "order_foreign"),
        (order(signer=bytes(range(9, 41))), "order_forged"),
        (order(issued_at=4_000_000_000_000), "order_from_future"),
        (order(keys=HolderKeys.make("crm")), "order_unreadable"),
    ],
    ids=["none", "empty", "cut", "controller", "holder", "forged", "future", "other-key"],
)
async def test_what_is_no_order_for_this_holder_is_told_and_passed_over(
    stage: Stage, caplog: Any, value: bytes | None, code: str
) -> None:
    await stage.desk.take(value, stage.send)
    assert (stage.called, stage.sent) == ([], [])
    assert code in caplog.text


def test_a_clock_that_is_a_little_behind_loses_no_order() -> None:
    value = order(issued_at=1_000_000)
    known = {"controller": "klingit", "holder": "crm", "order_key": verify_key_of(LEDGER_KEY)}
    assert order_of(value, **known, now_ms=1_000_000 - CLOCKS_APART_MS).holder == "crm"
    with pytest.raises(Rejected, match="order_from_future"):
        order_of(value, **known, now_ms=1_000_000 - CLOCKS_APART_MS - 1)


def test_keys_are_a_file_for_their_owner_and_a_public_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KEYS.write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert HolderKeys.load(path) == KEYS
    assert repr(KEYS) == "<keys of the holder crm>"
    with pytest.raises(ConfigurationError, match="holder_keys_malformed"):
        KEYS.write(path)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="holder_keys_unsafe"):
        HolderKeys.load(path)
    with pytest.raises(ConfigurationError, match="holder_keys_malformed"):
        PublicKeys.load(path)
    with pytest.raises(Rejected, match="id_malformed"):
        HolderKeys.make("Customer relations")


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"format": "ledger-holder-keys-v1", "name": "crm"}', "\xff"]
)
def test_a_file_that_holds_no_keys_says_so_without_showing_any(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text, encoding="latin-1")
    path.chmod(0o600)
    for read in (HolderKeys.load, PublicKeys.load, read_order_key):
        with pytest.raises(ConfigurationError, match="holder_keys_malformed"):
            read(path)


def test_a_holder_is_made_from_files_and_needs_a_function(tmp_path: Path) -> None:
    KEYS.write(tmp_path / "keys.json")
    (tmp_path / "ledger.pub").write_text(order_key_text(verify_key_of(LEDGER_KEY)) + "\n")
    files = {
        "keys": tmp_path / "keys.json",
        "ledger_key": tmp_path / "ledger.pub",
        "bootstrap": "localhost:9",
    }
    holder = Holder.from_files(controller="klingit", name="crm", **files)
    with pytest.raises(ConfigurationError, match="holder_without_handler"):
        asyncio.run(holder.run())
    with pytest.raises(ConfigurationError, match="holder_keys_malformed"):
        Holder.from_files(controller="klingit", name="mailing", **files)
    with pytest.raises(ConfigurationError, match="holder_keys_malformed"):
        Holder.from_files(controller="klingit", name="crm", **files | {"ledger_key": tmp_path / "missing"})
    with pytest.raises(Rejected, match="id_malformed"):
        Holder.from_files(controller="Klingit AB", name="crm", **files)


def test_a_person_to_erase_shows_nobody() -> None:
    person = PersonToErase(
        subject_ids=(),
        identifiers=ANNA.identifiers,
        categories=(),
        order_id=os.urandom(16),
        request_id=os.urandom(16),
        issued_at=0,
        due_at=0,
        attempt=1,
    )
    assert "anna" not in repr(person) and "anna" not in str(person)
    assert person.emails == ("anna@example.se",)
