"""``POST /v1/acts``. The life of one act: read, resolve the person, judge by the catalogue, claim the idempotency key,
append evidence and events, remember the position, compare with what stands, answer.

The key's row is committed before the append. A crash between the two leaves a row without a position: the retry
appends under the same event ids, as a possible repeat, and the fold counts the first record of each. Durable when it
answers: every event is then on all in-sync replicas.
"""

import asyncio
from collections.abc import Sequence

from ledger import log_lines, metrics
from ledger.api import acts, protective
from ledger.api.acts import ActsAnswer, Refused, Submission
from ledger.api.appending import Pending
from ledger.api.calls import Call, now_ms
from ledger.api.claiming import check_key, claimed
from ledger.api.effects import Effect, Given
from ledger.api.erased_people import without_old_yeses
from ledger.api.evidence import with_evidence, without_evidence
from ledger.api.protective import Entry
from ledger.api.taken import Place, Taken, envelope_of, position_of, recorded_as
from ledger.domain.acts import Act, event_of
from ledger.domain.catalogue import Catalogue
from ledger.domain.events import SubjectEvent
from ledger.domain.identifiers import Identifier
from ledger.domain.positions import Position
from ledger.errors import Conflict, LedgerError, Unavailable
from ledger.event_log.clock import seconds_since_boot
from ledger.event_log.producer import Appended
from ledger.read_model import pool, records
from ledger.vault.directory import Entry as Subject
from ledger.vault.directory import SubjectState
from ledger.vault.intake_keys import ClaimOutcome

__all__ = ["post_acts"]

_log = log_lines.get_logger(__name__)


async def post_acts(call: Call) -> ActsAnswer:
    """Records one act with all its choices, noes first; see the module for what is durable when."""
    submission = acts.read(call.body, now_ms())
    check_key(call.idempotency_key)
    log, catalogue = await asyncio.gather(call.services.logs.of(call.caller), _catalogue(call, submission))
    entries = protective.judged(submission.entries, catalogue, submission.refusal, now_ms())
    entries = await without_old_yeses(call, submission, entries)
    # From before the look-up: the person may be erased while its answer is on the way.
    use_until = seconds_since_boot() + call.services.settings.subject_cache_seconds
    subject = await _subject(call, submission, entries)
    if not subject.is_active:
        entries = protective.without_yeses(entries, Conflict("subject_not_active"))
    place = Place(log, call.caller.controller_id, subject.subject_id)
    taken = await claimed(call, submission, place, catalogue, entries)
    if taken.claim is not None and taken.claim.position is not None:
        return await _answer_of_repeat(call, taken, taken.claim.position)
    if subject.is_active:
        taken = await with_evidence(call, taken)
        given = await _append(call, taken, use_until)
        if seconds_since_boot() > use_until:
            # This process may have stood still before the records were sent, and an erasure not have waited for them:
            # the same request again asks for the person anew.
            raise Unavailable("subject_erased_meanwhile")
    else:
        taken = without_evidence(taken)
        given = await _append_late(call, taken, use_until)
    position = position_of(place, [one.appended for one in given])
    effects, _ = await asyncio.gather(
        call.services.effects.of(place.key, given, may_read=call.may_read), _complete(call, taken, position)
    )
    return _answer(taken, given, effects, position)


async def _catalogue(call: Call, submission: Submission) -> Catalogue | None:
    """The catalogue in force. A protective act goes on without one."""
    try:
        return await call.services.catalogues.in_force(call.caller.controller_id)
    except Unavailable:
        if not any(entry.is_protective for entry in submission.entries):
            raise
        return None


async def _subject(call: Call, submission: Submission, entries: Sequence[Entry]) -> Subject:
    """The person's entry in the directory, made only for an act of which something will be recorded.

    What would be refused today may be the repeat of an act that was recorded, so its person is looked for first.
    """
    try:
        protective.recordable(entries)
    except LedgerError:
        (found,) = await call.services.people.lookup(call.caller, [submission.who])
        if call.idempotency_key is None or found is None:
            raise
        return await call.services.people.resolve(call.caller, found)
    return await call.services.people.resolve(call.caller, submission.who)


async def _append(call: Call, taken: Taken, use_until: float) -> list[Given]:
    """All events, acknowledged. Noes go first and are waited for: a break-off leaves the safer half."""
    given: list[Given] = []
    for yes in (False, True):
        part = [(entry, _act_of(entry)) for entry in taken.to_record if _act_of(entry).is_yes is yes]
        if yes and part and taken.evidence_failure is not None:
            raise taken.evidence_failure
        encoded: dict[int, SubjectEvent] = {}
        pending = [_pending(call, taken, entry, act, encoded) for entry, act in part]
        appended = await call.services.writer.append(
            taken.place.log, taken.place.subject_id, pending, use_until=use_until
        )
        given += [
            Given(act, encoded[entry.place], where)
            for (entry, act), where in zip(part, appended, strict=True)
        ]
    return given


async def _append_late(call: Call, taken: Taken, use_until: float) -> list[Given]:
    """The noes of somebody under erasure, which waits for them; or of somebody who was erased, whose id is dead.

    Raises ``Unavailable(subject_erased_meanwhile)`` when a person named by address was erased since the look-up: the
    same request then finds them under their new id, or makes one.
    """
    place = taken.place
    async with call.services.late_noes.held(place.controller_id, place.subject_id) as subject:
        if subject.state is SubjectState.DESTROYED and isinstance(taken.submission.who, Identifier):
            raise Unavailable("subject_erased_meanwhile")
        given = await _append(call, taken, use_until)
        await subject.note(max(one.appended.offset for one in given) + 1)
    if subject.state is SubjectState.DESTROYED:
        metrics.LATE_PROTECTIVE_ACTS.inc(len(given))
    return given


def _pending(call: Call, taken: Taken, entry: Entry, act: Act, encoded: dict[int, SubjectEvent]) -> Pending:
    """The event to be. ``encoded`` keeps it as it was last encoded, for the comparison with what stands."""

    def make(may_be_repeat: bool) -> SubjectEvent:
        event = event_of(act, envelope_of(call, taken, entry, act, may_be_repeat=may_be_repeat))
        encoded[entry.place] = event
        return event

    return Pending(type(make(False)).__name__, make)


async def _complete(call: Call, taken: Taken, position: Position) -> None:
    """Remembers the position for repeats, once all of the act is recorded: a repeat tries again what was refused.

    The act is recorded by now, so a failure here is no failure of the act.
    """
    if taken.claim is None or len(taken.to_record) < len(taken.entries):
        return
    try:
        await call.services.intake_keys.complete(
            controller_id=call.caller.controller_id,
            source=call.caller.source,
            claim=taken.claim,
            position=position.encode(),
        )
    except Unavailable as error:
        _log.warning("intake_key_not_completed", code=error.code, act_id=taken.act_id)


def _answer(
    taken: Taken, given: Sequence[Given], effects: Sequence[Effect], position: Position
) -> ActsAnswer:
    recorded = [
        recorded_as(taken, entry, one.act, effect, one.appended)
        for entry, one, effect in zip(taken.to_record, given, effects, strict=True)
    ]
    left = [entry for entry in taken.entries if entry not in taken.to_record]
    return ActsAnswer(
        act_id=taken.act_id.hex(),
        position=position.encode(),
        recorded=tuple(recorded),
        refused=tuple(_refused(entry) for entry in sorted(left, key=lambda entry: entry.index)),
        repeat=taken.claim is not None and taken.claim.outcome is ClaimOutcome.REPEAT,
    )


async def _answer_of_repeat(call: Call, taken: Taken, position: str) -> ActsAnswer:
    """The answer to an act that was recorded before: where its events stand, if they are folded."""
    async with pool.borrowed(call.services.connections) as connection:
        found = await records.act_records(
            connection, taken.place.controller_id, taken.place.subject_id, taken.act_id
        )
    recorded = []
    for entry in taken.to_record:
        act, where = _act_of(entry), found.get(taken.event_id(entry))
        appended = None if where is None else Appended(where.offset, where.broker_ms, where.partition)
        # Whether a yes stood when it was recorded is past; whether it stands now, a check tells.
        recorded.append(recorded_as(taken, entry, act, Effect(None if act.is_yes else True), appended))
    return ActsAnswer(
        act_id=taken.act_id.hex(), position=position, recorded=tuple(recorded), refused=(), repeat=True
    )


def _refused(entry: Entry) -> Refused:
    error = protective.held_back(entry)
    field = error.context.get("field")
    return Refused(
        index=entry.index,
        act=entry.kind,
        purpose=entry.act.purpose if entry.act else None,
        channel=entry.act.channel if entry.act else None,
        code=error.code,
        field=None if field is None else str(field),
        detail=error.detail,
    )


def _act_of(entry: Entry) -> Act:
    assert entry.act is not None, "an act that could not be read is never recorded"
    return entry.act
