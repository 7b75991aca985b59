"""What holders answer: taken once, and refused for every reason there is, without changing anything."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger.domain.catalogue import Holder
from ledger.domain.erasure_events import ErasureAdvanced
from ledger.erasure.acknowledgements import CLOCKS_APART_MS, Acknowledgements, Taken
from ledger.erasure.holders import Holders, revoke
from ledger.erasure.orders import give_anew
from ledger.errors import Rejected
from ledger.event_log.codec import encode
from ledger.read_model import pool, sql
from ledger.sdk.holder_keys import HolderKeys
from ledger.vault.directory import Controller
from tests.support.events import envelope
from tests.support.orders import Erasure, acknowledgement, holder_of, make_secrets, now_ms

CRM = holder_of("crm")


class Desk:
    """One given order, and what takes the answers to it."""

    def __init__(self, erasure: Erasure, keys: HolderKeys, order_id: bytes) -> None:
        self.erasure = erasure
        self.keys = keys
        self.order_id = order_id
        self.taker = Acknowledgements(erasure.vault, Holders(erasure.connections))

    async def take(self, keys: HolderKeys | None = None, /, **changed: Any) -> Taken:
        message = acknowledgement(self.erasure, self.order_id, keys or self.keys, **changed)
        return await self.taker.take(encode(message), now_ms())

    async def row(self) -> Any:
        return await self.erasure.row(self.order_id)


@pytest.fixture
async def erasure(database: str) -> AsyncIterator[Erasure]:
    connections = await pool.create_pool(database, application_name="test", size=8)
    async with connections.acquire() as connection:
        number = await connection.fetchval(
            "insert into control.controller (name, size) values ('klingit', 'small') returning id"
        )
        await connection.execute("insert into control.controller (name, size) values ('omilon', 'small')")
    yield await Erasure(connections, connections, make_secrets(), Controller(number, "klingit")).open()
    await connections.close()


async def given(erasure: Erasure, holder: Holder = CRM) -> Desk:
    keys = await erasure.register(holder.id)
    order_id = await erasure.order(holder)
    await erasure.change(order_id, "state = 'sent', attempts = 1")
    return Desk(erasure, keys, order_id)


async def test_an_answer_settles_its_order_once_and_whom_it_was_about_is_forgotten(erasure: Erasure) -> None:
    desk = await given(erasure)
    assert await desk.take(done_at=1_900_000_000_000) == Taken("refused", "acknowledgement_from_future")
    moment = now_ms()
    assert await desk.take(done_at=moment) == Taken("taken", None, erasure.request_id)
    row = await desk.row()
    assert (row["state"], row["outcome"], row["verification"]) == ("acknowledged", "erased", 1)
    assert (row["found"], row["records_left"], row["contents"]) == (2, 0, None)
    assert await erasure.announced() == ["acknowledged"]
    assert await desk.take(done_at=moment) == Taken("repeated", None, erasure.request_id)
    assert await erasure.announced() == ["acknowledged"]


async def test_a_second_answer_in_other_words_is_refused_and_the_first_stands(erasure: Erasure) -> None:
    desk = await given(erasure)
    await desk.take()
    assert await desk.take(outcome="nothing_held", found=0) == Taken("refused", "acknowledgement_conflicting")
    assert (await desk.row())["outcome"] == "erased"


async def test_evidence_is_a_second_grade_of_knowing(erasure: Erasure) -> None:
    desk = await given(erasure)
    await desk.take(evidence_digest=bytes(range(32)))
    row = await desk.row()
    assert (row["verification"], row["evidence_digest"]) == (2, bytes(range(32)))


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ({"outcome": "refused", "detail": "legal_claim", "left": 2}, "legal_claim"),
        ({"outcome": "erased", "left": 1}, "records_left"),
    ],
    ids=["refused", "something-left"],
)
async def test_what_is_not_erased_keeps_the_request_open_and_can_be_ordered_anew(
    erasure: Erasure, changed: dict[str, Any], detail: str
) -> None:
    desk = await given(erasure)
    assert (await desk.take(**changed)).outcome == "taken"
    row = await desk.row()
    assert (row["state"], row["verification"], row["detail"]) == ("refused", 0, detail)
    assert row["contents"] is not None

    await give_anew(erasure.vault, erasure.controller.id, desk.order_id, now_ms())
    assert (await desk.row())["state"] == "pending"
    assert (await desk.take()).outcome == "taken"
    assert (await desk.row())["state"] == "acknowledged"
    with pytest.raises(Rejected, match="order_not_refused"):
        await give_anew(erasure.vault, erasure.controller.id, desk.order_id, now_ms())


async def test_where_the_ledger_scans_for_itself_a_holder_needs_no_evidence(erasure: Erasure) -> None:
    desk = await given(erasure, holder_of("list", verification=3))
    assert (await desk.take(outcome="nothing_held", found=0)).outcome == "taken"
    row = await desk.row()
    assert (row["state"], row["verification"]) == ("acknowledged", 1)
    assert row["contents"] is not None, "kept until the scan is clean"


async def test_a_success_without_the_evidence_that_is_demanded_is_shown_and_can_be_ordered_anew(
    erasure: Erasure,
) -> None:
    desk = await given(erasure, holder_of("crm", verification=2))
    assert (await desk.take(outcome="nothing_held", found=0)).outcome == "taken"
    row = await desk.row()
    assert (row["state"], row["detail"], row["verification"]) == ("refused", "evidence_missing", 0)
    assert row["contents"] is not None and await erasure.announced() == ["refused"]

    await give_anew(erasure.vault, erasure.controller.id, desk.order_id, now_ms())
    row = await desk.row()
    assert (row["state"], row["detail"], row["counts_from"]) == ("pending", None, 2)
    assert (await desk.take(evidence_digest=bytes(32))).outcome == "taken"
    row = await desk.row()
    assert (row["state"], row["verification"]) == ("acknowledged", 2)
    assert row["contents"] is None


async def test_what_the_scan_goes_on_finding_can_be_ordered_anew_and_is_forgotten_once_it_is_clean(
    erasure: Erasure,
) -> None:
    desk = await given(erasure, holder_of("crm", verification=3))
    moment = now_ms()
    assert (await desk.take(evidence_digest=bytes(32), done_at=moment)).outcome == "taken"
    await give_anew(erasure.vault, erasure.controller.id, desk.order_id, now_ms())
    row = await desk.row()
    assert (row["state"], row["verification"], row["evidence_digest"]) == ("pending", 0, None)
    await erasure.change(desk.order_id, "state = 'sent', attempts = 2")
    assert (await desk.take(evidence_digest=bytes(32), done_at=moment)).outcome == "repeated"
    assert (await desk.row())["state"] == "sent"
    assert (await desk.take(evidence_digest=bytes(32), done_at=moment + 1)).outcome == "taken"
    async with pool.borrowed(erasure.vault) as connection:
        query = sql.load("order_verified", "ledger.vault.queries")
        assert await connection.fetchval(query, erasure.controller.id, desk.order_id, now_ms()) == "erased"
    row = await desk.row()
    assert (row["state"], row["contents"]) == ("verified", None)
    with pytest.raises(Rejected, match="order_not_refused"):
        await give_anew(erasure.vault, erasure.controller.id, desk.order_id, now_ms())


async def test_no_refusal_from_before_the_order_was_given_anew_counts_again(erasure: Erasure) -> None:
    desk = await given(erasure)
    moments = [now_ms(), now_ms() + 1]
    for moment in moments:
        assert (await desk.take(outcome="refused", detail="legal_claim", done_at=moment)).outcome == "taken"
        await give_anew(erasure.vault, erasure.controller.id, desk.order_id, now_ms())
        for old in moments[: moments.index(moment) + 1]:
            replayed = await desk.take(outcome="refused", detail="legal_claim", done_at=old)
            assert replayed == Taken("repeated", None, erasure.request_id)
            assert (await desk.row())["state"] == "pending"
    assert (await desk.take()).outcome == "taken"


async def test_what_was_never_ordered_or_is_another_holders_is_refused(erasure: Erasure) -> None:
    desk = await given(erasure)
    other = await erasure.register("mailing")
    assert await desk.take(order_id=bytes(range(16))) == Taken("refused", "acknowledgement_unknown_order")
    assert await desk.take(request_id=bytes(range(16))) == Taken("refused", "acknowledgement_unknown_order")
    assert await desk.take(controller="omilon") == Taken("refused", "acknowledgement_unknown_order")
    assert await desk.take(controller="nobody") == Taken("refused", "acknowledgement_unknown_order")
    assert await desk.take(other) == Taken("refused", "acknowledgement_foreign")
    await untouched(desk)


async def test_only_the_holders_own_key_in_use_can_sign(erasure: Erasure) -> None:
    desk = await given(erasure)
    stranger = HolderKeys.make("crm")
    assert await desk.take(stranger) == Taken("refused", "acknowledgement_forged")
    honest = acknowledgement(erasure, desk.order_id, desk.keys)
    altered = acknowledgement(erasure, desk.order_id, desk.keys, found=3)
    for message in (
        acknowledgement(erasure, desk.order_id, desk.keys, key_id=bytes(8)),
        type(honest)(
            **{f: getattr(honest, f) for f in honest.__struct_fields__} | {"signature": altered.signature}
        ),
    ):
        taken = await desk.taker.take(encode(message), now_ms())
        assert taken == Taken("refused", "acknowledgement_forged")
    async with pool.borrowed(erasure.connections) as connection:
        await revoke(connection, "klingit", "crm")
    assert await desk.take() == Taken("refused", "acknowledgement_forged")
    await untouched(desk)


async def test_keys_may_change_and_only_the_new_ones_count(erasure: Erasure) -> None:
    desk = await given(erasure)
    fresh = await erasure.register("crm")
    assert await desk.take() == Taken("refused", "acknowledgement_forged")
    assert (await desk.take(fresh)).outcome == "taken"


async def test_an_answer_from_the_future_or_from_before_the_order_is_refused(erasure: Erasure) -> None:
    desk = await given(erasure)
    ahead = now_ms() + CLOCKS_APART_MS
    assert await desk.take(done_at=ahead + 5_000) == Taken("refused", "acknowledgement_from_future")
    issued = (await desk.row())["issued_ms"]
    assert await desk.take(done_at=issued - CLOCKS_APART_MS - 1) == Taken("refused", "acknowledgement_early")
    await erasure.change(desk.order_id, "state = 'pending', attempts = 0")
    assert await desk.take() == Taken("refused", "acknowledgement_early")
    await untouched(desk)


async def test_an_answer_takes_nothing_back_that_a_scan_has_shown(erasure: Erasure) -> None:
    desk = await given(erasure)
    await erasure.change(desk.order_id, "state = 'verified', verification = 3")
    assert (await desk.take()).outcome == "repeated"
    assert ((await desk.row())["state"], (await desk.row())["verification"]) == ("verified", 3)


async def test_clocks_a_little_apart_refuse_nobody(erasure: Erasure) -> None:
    desk = await given(erasure)
    assert (await desk.take(done_at=now_ms() - CLOCKS_APART_MS + 5_000)).outcome == "taken"


@pytest.mark.parametrize(
    "changed",
    [
        {"found": -1},
        {"left": -1},
        {"detail": "they said anna@example.se wanted it"},
        {"holder": "\x00"},
        {"controller": "' or true --"},
    ],
    ids=["found", "left", "detail", "holder", "controller"],
)
async def test_fields_that_cannot_be_are_refused_before_anything_is_asked(
    erasure: Erasure, changed: dict[str, Any]
) -> None:
    desk = await given(erasure)
    assert await desk.take(**changed) == Taken("refused", "acknowledgement_malformed")


async def test_bytes_that_are_no_acknowledgement_are_refused(erasure: Erasure) -> None:
    desk = await given(erasure)
    another_event = ErasureAdvanced(envelope=envelope(), step="acknowledged")
    good = encode(acknowledgement(erasure, desk.order_id, desk.keys))
    for value in (None, b"", b"\xc3\x01", good[:-1], good + b"\x00", bytes(100), encode(another_event)):
        assert await desk.taker.take(value, now_ms()) == Taken("refused", "acknowledgement_malformed")
    await untouched(desk)


async def untouched(desk: Desk) -> None:
    row = await desk.row()
    assert row["acknowledgement_digest"] is None
    assert row["contents"] is not None
    assert await desk.erasure.announced() == []
