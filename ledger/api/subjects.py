"""What is known of one person: lookup and resolve, standing, and history page by page."""

import base64
import binascii
from typing import Any, Final

import msgspec

from ledger.api.calls import Call, now_ms
from ledger.api.people import SubjectForm, named, subject_id_in
from ledger.domain.identifiers import Identifier
from ledger.domain.shown import event_fields, standing_fields, time_text
from ledger.errors import MalformedRecord, NotFound, Rejected
from ledger.event_log import codec
from ledger.read_model import pool, records
from ledger.read_model.reader import SubjectKey
from ledger.read_model.records import HistoryPlace, HistoryRecord

__all__ = [
    "HistoryAnswer",
    "ResolvedAnswer",
    "StandingAnswer",
    "SubjectAnswer",
    "SubjectBody",
    "get_history",
    "get_standing",
    "post_lookup",
    "post_resolve",
]

PAGE_RECORDS: Final = 100
_CURSOR: Final = msgspec.msgpack.Decoder(tuple[int, int, int, int, int])


class SubjectBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The person, named by exactly one of the four."""

    subject: SubjectForm


class SubjectAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The subject id in hex; null where nobody is known. Keep it no longer than ``GET /v1/log`` allows."""

    subject_id: str | None


class ResolvedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The subject id in hex. Keep it no longer than ``GET /v1/log`` allows.

    Not ``active``: under erasure, or erased. Then write nothing to the log yourself: ``POST /v1/acts`` takes the
    person's noes.
    """

    subject_id: str
    active: bool


class StandingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of what holds. A scope field of null was left out by the act; ``recorded_at`` is the log's own time."""

    shape: str
    voice: str
    kind: str
    value: str | None
    purpose: str | None
    purpose_group: str | None
    channel: str | None
    recipient: str | None
    item: str | None
    category: str | None
    event_id: str | None
    recorded_at: int | None
    effective_from: str | None
    expires_at: str | None
    notice: str | None
    verified: bool | None
    capture: str | None
    ended_by: str | None


class StandingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What currently holds. ``position`` is what a settings screen carries into the acts made on it, as ``seen``."""

    subject_id: str
    position: str
    staleness_ms: int | None
    rows: list[StandingRow]


class HistoryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One record about the person; ``body`` and ``envelope`` are null for what was set aside."""

    event_id: str | None
    act_id: str | None
    type: str | None
    recorded_at: int
    outcome: str
    lane: str
    partition: int
    offset: int
    effective_from: str | None
    body: dict[str, Any] | None
    envelope: dict[str, Any] | None


class HistoryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Records oldest first; ``next_cursor`` is null at the end."""

    subject_id: str
    events: list[HistoryEvent]
    next_cursor: str | None


async def post_lookup(call: Call) -> SubjectAnswer:
    """``POST /v1/subjects/lookup``: who is known by this name. Never creates."""
    body: SubjectBody = call.body
    who = named(body.subject)
    if isinstance(who, Identifier):
        (found,) = await call.services.people.lookup(call.caller, [who])
        return SubjectAnswer(subject_id=found.hex() if found is not None else None)
    try:
        await call.services.people.require_known(call.caller, who)
    except NotFound:
        return SubjectAnswer(subject_id=None)
    return SubjectAnswer(subject_id=who.hex())


async def post_resolve(call: Call) -> ResolvedAnswer:
    """``POST /v1/subjects/resolve``: the subject id of this name, made now if there was none; durable on return."""
    body: SubjectBody = call.body
    entry = await call.services.people.resolve(call.caller, named(body.subject))
    return ResolvedAnswer(subject_id=entry.subject_id.hex(), active=entry.is_active)


async def get_standing(call: Call) -> StandingAnswer:
    """``GET /v1/subjects/{subject_id}/standing``."""
    subject_id = subject_id_in(call.path["subject_id"], "subject_id")
    await call.services.people.require_known(call.caller, subject_id)
    log = await call.services.logs.of(call.caller)
    key = SubjectKey(
        call.caller.controller_id, log.log_id, log.generation, log.partition_of(subject_id), subject_id
    )
    view = (await call.services.reader.views([key]))[key]
    return StandingAnswer(
        subject_id=subject_id.hex(),
        position=view.position().encode(),
        staleness_ms=view.staleness_ms(now_ms()),
        rows=[StandingRow(**standing_fields(row)) for row in view.rows],
    )


async def get_history(call: Call) -> HistoryAnswer:
    """``GET /v1/subjects/{subject_id}/history``, 100 records a page."""
    subject_id = subject_id_in(call.path["subject_id"], "subject_id")
    after = _place_in(call.query["cursor"]) if "cursor" in call.query else None
    await call.services.people.require_known(call.caller, subject_id)
    async with pool.borrowed(call.services.connections) as connection:
        found = await records.history(
            connection, call.caller.controller_id, subject_id, after, PAGE_RECORDS + 1
        )
    page = found[:PAGE_RECORDS]
    return HistoryAnswer(
        subject_id=subject_id.hex(),
        events=[_event(record) for record in page],
        next_cursor=_cursor_of(page[-1].place) if len(found) > PAGE_RECORDS else None,
    )


def _event(record: HistoryRecord) -> HistoryEvent:
    body, envelope = _content(record)
    return HistoryEvent(
        event_id=record.event_id.hex() if record.event_id else None,
        act_id=record.act_id.hex() if record.act_id else None,
        type=record.event_type,
        recorded_at=record.broker_ms,
        outcome=record.outcome,
        lane=record.lane.value,
        partition=record.place.partition,
        offset=record.place.offset,
        effective_from=time_text(record.effective_from_ms),
        body=body,
        envelope=envelope,
    )


def _content(record: HistoryRecord) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The event's body and envelope, ids in hex. A body that this version cannot read is shown as none."""
    if record.body is None:
        return None, None
    try:
        event = codec.decode(record.body)
    except MalformedRecord:
        return None, None
    return event_fields(event)


def _cursor_of(place: HistoryPlace) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(tuple(place))).rstrip(b"=").decode("ascii")


def _place_in(cursor: str) -> HistoryPlace:
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = HistoryPlace(*_CURSOR.decode(packed))
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise Rejected("cursor_malformed", field="cursor") from error
    if all(0 <= number < 2**bits for number, bits in zip(place, (63, 31, 15, 31, 63), strict=True)):
        return place
    raise Rejected("cursor_malformed", field="cursor")
