"""What one request has come to: the events to be, where they go, and what is told about each."""

from collections.abc import Sequence
from typing import NamedTuple

from ledger.api.acts import Recorded, Report, Submission
from ledger.api.calls import Call
from ledger.api.effects import Effect
from ledger.api.logs import Log
from ledger.api.protective import Entry
from ledger.domain.acts import Act, event_ids
from ledger.domain.catalogue import Catalogue
from ledger.domain.events import Capture, Envelope, Lane, Origin, Seen
from ledger.domain.positions import Position, PositionEntry
from ledger.errors import FieldReport, LedgerError
from ledger.event_log.clock import seconds_since_boot
from ledger.event_log.producer import Appended
from ledger.read_model.reader import SubjectKey
from ledger.vault.intake_keys import Claim

__all__ = ["Place", "Taken", "envelope_of", "position_of", "recorded_as"]


class Place(NamedTuple):
    """The subject and its partition of the controller's log."""

    log: Log
    controller_id: int
    subject_id: bytes

    @property
    def partition(self) -> int:
        return self.log.partition_of(self.subject_id)

    @property
    def key(self) -> SubjectKey:
        log = self.log
        return SubjectKey(self.controller_id, log.log_id, log.generation, self.partition, self.subject_id)


class Taken(NamedTuple):
    """``entries`` are all choices of the act, ``to_record`` those that are recorded. ``claim`` is None without an
    idempotency key. ``reports`` hold for every event. ``commitment`` names the evidence that was appended for it;
    ``evidence_failure`` is why none was, where a no goes on without and a yes cannot."""

    submission: Submission
    place: Place
    catalogue: Catalogue | None
    entries: tuple[Entry, ...]
    to_record: tuple[Entry, ...]
    act_id: bytes
    claim: Claim | None
    reports: tuple[FieldReport, ...]
    commitment: bytes | None = None
    evidence_failure: LedgerError | None = None

    def event_id(self, entry: Entry) -> bytes:
        """Made from all entries, so that a choice keeps its id whichever others are refused."""
        return event_ids(self.act_id, len(self.entries))[entry.place]

    @property
    def seen(self) -> Seen | None:
        """What the screen had shown of the person's own partition: anything else tells nothing about its order."""
        log, seen = self.place.log, self.submission.seen
        if seen is None:
            return None
        entry = seen.entry((log.log_id, log.generation, Lane.LIVE.number, self.place.partition))
        return entry.seen() if entry is not None else None


def envelope_of(call: Call, taken: Taken, entry: Entry, act: Act, *, may_be_repeat: bool) -> Envelope:
    """The envelope as of this moment: the wait grows until it is encoded."""
    submission = taken.submission
    waited_ms = submission.waited_ms
    if waited_ms is not None:
        waited_ms += max(0, int((seconds_since_boot() - call.began) * 1000))
    return Envelope(
        event_id=taken.event_id(entry),
        act_id=taken.act_id,
        act_index=entry.place,
        controller=call.caller.controller,
        source=call.caller.source,
        voice=submission.voice,
        capture=submission.capture,
        # What an import brings was not said here and now: its yes outranks nothing.
        origin=Origin.IMPORTED if submission.capture is Capture.IMPORT else Origin.DIRECT,
        occurred_at=submission.occurred_at,
        effective_from=submission.effective_from,
        waited_ms=waited_ms,
        # The id was drawn for this very append only where no key can bring the same act again.
        may_be_repeat=may_be_repeat or taken.claim is not None,
        seen=taken.seen if act.is_yes else None,
        evidence_commitment=taken.commitment,
        catalogue_version=taken.catalogue.version if taken.catalogue else None,
        dropped_fields=_dropped_fields(taken, entry),
    )


def position_of(place: Place, appended: Sequence[Appended]) -> Position:
    """The position that covers all that was acknowledged."""
    return Position.of(
        PositionEntry(
            log_id=place.log.log_id,
            generation=place.log.generation,
            lane=Lane.LIVE,
            partition=place.partition,
            next_offset=max(one.offset for one in appended) + 1,
            stamp_ms=max(one.broker_ms for one in appended),
        )
    )


def recorded_as(taken: Taken, entry: Entry, act: Act, effect: Effect, appended: Appended | None) -> Recorded:
    """What is told about one event; ``appended`` is None where its place is not known yet."""
    return Recorded(
        act=act.act.value,
        event_id=taken.event_id(entry).hex(),
        purpose=act.purpose,
        channel=act.channel,
        effective=effect.effective,
        outranked_by=effect.outranked_by,
        partition=appended.partition if appended else None,
        offset=appended.offset if appended else None,
        recorded_at=appended.broker_ms if appended else None,
        dropped_fields=_dropped_fields(taken, entry),
        reports=_reports(taken, entry),
    )


def _dropped_fields(taken: Taken, entry: Entry) -> tuple[str, ...]:
    if not entry.is_protective:
        return ()
    dropped = (*entry.dropped, *taken.submission.dropped)
    return tuple(dict.fromkeys(report.field for report in dropped))


def _reports(taken: Taken, entry: Entry) -> tuple[Report, ...]:
    reports = [*entry.dropped, *entry.kept, *taken.reports]
    if entry.is_protective:
        reports += taken.submission.dropped
    elif taken.submission.seen is not None and taken.seen is None:
        reports.append(FieldReport("seen", "seen_elsewhere"))
    return tuple(Report(field=field, code=code) for field, code in dict.fromkeys(reports))
