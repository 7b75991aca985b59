"""What one batch of the live lane amounts to, whatever its records are and wherever it is cut."""

import itertools
import random
from collections.abc import Sequence
from types import MappingProxyType

import msgspec
import pytest

from ledger.domain.events import (
    GENESIS_KEY,
    CataloguePublished,
    ConsentGiven,
    ConsentWithdrawn,
    Event,
    Lane,
    NoticeServed,
    ObjectionRaised,
    OriginStamp,
    PreferenceSet,
    QuarantineAdmitted,
    QuarantineDiscarded,
    RecordPlace,
    Scope,
    Seen,
    SubjectEvent,
)
from ledger.domain.rows import Row, fold
from ledger.domain.standing import rows_of
from ledger.errors import IntegrityViolation
from ledger.event_log import codec
from ledger.read_model.folding.batch import BatchFold, EventKey
from ledger.read_model.folding.records import (
    KILLED_WORKER,
    Folded,
    Partition,
    Place,
    Progress,
    SetAside,
    StandingKey,
)
from ledger.read_model.folding.stamping import Stamper
from tests.support.log_records import (
    RawRecord,
    Tape,
    envelope,
    genesis,
    grant,
    one_partition,
    partition,
    start,
    subject,
    withdrawal,
)

ANNA, BODIL = subject(1), subject(2)


def folded(
    records: Sequence[RawRecord],
    *,
    of: Partition | None = None,
    before: Progress | None = None,
    earlier: dict[EventKey, bytes] | None = None,
    set_aside: SetAside = MappingProxyType({}),
) -> Folded:
    of = of or partition()
    batch = BatchFold(of, before or start(of), codec.decode, one_partition, set_aside=set_aside)
    batch.take_all(records)
    return batch.finish(earlier or {})


def outcomes(batch: Folded) -> list[str]:
    return [row[16] for row in batch.history]


def reasons(batch: Folded) -> list[str]:
    return [row[6] for row in batch.quarantine]


def test_every_record_leaves_a_row_of_history_with_its_stamp() -> None:
    tape = Tape(partition())
    tape.add(ANNA, grant(), at_ms=5_000_000_000_000)
    tape.add(ANNA, withdrawal(), at_ms=4_999_999_999_000)
    batch = folded(tape.records)
    assert [row[4] for row in batch.history] == [1, 2]
    assert [row[10] for row in batch.history] == [5_000_000_000_000, 4_999_999_999_000]
    assert [row[11] for row in batch.history] == [5_000_000_000_000, 5_000_000_000_000]
    assert [row[12] for row in batch.history] == [0, 5_000_000_000_000]
    assert batch.after.next_offset == 3
    assert batch.after.clock_floor_ms == 5_000_000_000_000


def test_the_position_keeps_the_digest_of_the_last_record() -> None:
    tape = Tape(partition())
    tape.add(ANNA, grant())
    last = tape.add(ANNA, withdrawal())
    batch = folded(tape.records)
    assert batch.after.last_digest == batch.history[-1][18]
    changed = last._replace(timestamp=last.timestamp + 1)
    assert folded([tape.records[0], changed]).after.last_digest != batch.after.last_digest


def test_a_missing_offset_is_refused_and_not_skipped() -> None:
    tape = Tape(partition())
    tape.add(ANNA, grant())
    tape.add(ANNA, withdrawal())
    with pytest.raises(IntegrityViolation, match="log_gap"):
        folded(tape.records[1:])


def test_standing_is_what_the_domain_folds_one_by_one() -> None:
    tape, of = Tape(partition()), partition()
    acts = random.Random(11)
    for _ in range(200):
        person = subject(acts.randrange(8))
        tape.add(person, some_event(acts), at_ms=1_760_000_000_000 + acts.randrange(400_000))
    assert folded(tape.records).standing == reference(of, tape.records)


@pytest.mark.parametrize("cuts", list(itertools.combinations(range(1, 7), 2)))
def test_where_batches_are_cut_makes_no_difference(cuts: tuple[int, int]) -> None:
    tape, of = Tape(partition()), partition()
    repeated = grant()
    again = changed_envelope(repeated, may_be_repeat=True, waited_ms=900)
    other = changed_envelope(withdrawal(), event_id=repeated.envelope.event_id, may_be_repeat=True)
    for event in (repeated, again, withdrawal(), other, again, grant("survey"), withdrawal(None)):
        tape.add(ANNA, event)
    whole = folded(tape.records)
    pieces = in_pieces(of, tape.records, cuts)
    assert [row for piece in pieces for row in piece.history] == whole.history
    assert [row for piece in pieces for row in piece.quarantine] == whole.quarantine
    assert joined(pieces) == whole.standing
    assert pieces[-1].after == whole.after


def test_a_repeat_writes_history_and_no_standing() -> None:
    tape = Tape(partition())
    event = grant()
    tape.add(ANNA, event)
    tape.add(ANNA, withdrawal())
    tape.add(ANNA, changed_envelope(event, may_be_repeat=True, waited_ms=60_000))
    batch = folded(tape.records)
    assert outcomes(batch) == ["counted", "counted", "repeat"]
    (yes,) = (row for row in batch.standing.values() if row.shape == "yes")
    assert yes.first is not None and yes.first.offset == 1


def test_a_repeat_of_a_record_in_history_writes_no_standing() -> None:
    tape = Tape(partition())
    event = grant(may_be_repeat=True)
    tape.add(ANNA, event)
    first = folded(tape.records)
    content = first.history[0][17]
    again = folded(tape.records, earlier={(ANNA, event.envelope.event_id): content})
    assert outcomes(first) == ["counted"] and outcomes(again) == ["repeat"]
    assert again.standing == {} and again.quarantine == []


def test_one_event_id_with_other_content_quarantines_the_subject() -> None:
    tape = Tape(partition())
    event = grant()
    tape.add(ANNA, event)
    tape.add(ANNA, changed_envelope(withdrawal(), event_id=event.envelope.event_id, may_be_repeat=True))
    batch = folded(tape.records)
    assert outcomes(batch) == ["counted", "conflicting"]
    assert reasons(batch) == ["conflicting_event_id"]
    assert batch.quarantine[0][5] == ANNA
    assert batch.history[1][19] is None


def test_only_records_that_say_so_are_taken_for_repeats() -> None:
    tape = Tape(partition())
    event = grant()
    tape.add(ANNA, event)
    tape.add(ANNA, event)
    assert outcomes(folded(tape.records)) == ["counted", "counted"]


def test_the_same_event_id_of_another_subject_is_no_repeat() -> None:
    tape = Tape(partition())
    event = grant(may_be_repeat=True)
    tape.add(ANNA, event)
    tape.add(BODIL, event)
    assert outcomes(folded(tape.records)) == ["counted", "counted"]


def test_a_set_aside_record_is_not_decoded() -> None:
    def never(_value: bytes) -> Event:
        raise AssertionError("decoded")

    tape, of = Tape(partition()), partition()
    tape.add(ANNA, grant())
    batch = BatchFold(of, start(of), never, one_partition, set_aside={1: KILLED_WORKER})
    batch.take_all(tape.records)
    assert reasons(batch.finish({})) == ["record_killed_worker"]


def bad_records() -> list[tuple[str, bytes | None, bytes | None]]:
    good = codec.encode(grant())
    seen = Seen(log_id=b"L" * 16, generation=1, lane=Lane.LIVE, partition=0, next_offset=2**62, stamp_ms=0)
    stamp = OriginStamp(
        log_id=b"M" * 16,
        generation=1,
        lane=Lane.LIVE,
        partition=0,
        offset=3,
        broker_ms=1,
        stamp_ms=1,
    )
    number = "19121212" + "1212"
    published = CataloguePublished(
        envelope=envelope(), version=1, effective_from_ms=0, digest=bytes(32), document="{}"
    )
    return [
        ("malformed_record", ANNA, None),
        ("malformed_record", ANNA, b""),
        ("malformed_record", ANNA, random.Random(5).randbytes(300)),
        ("malformed_record", ANNA, good[:-3]),
        ("trailing_bytes", ANNA, good + b"\0"),
        ("unknown_schema", ANNA, good[:2] + bytes(8) + good[10:]),
        ("record_too_large", ANNA, good + bytes(70_000)),
        ("event_not_allowed_here", ANNA, codec.encode(published)),
        ("event_not_allowed_here", ANNA, genesis(partition()).value),
        ("foreign_controller", ANNA, codec.encode(grant(controller="southwind"))),
        ("unsupported_origin_stamp", ANNA, codec.encode(grant(origin_stamp=stamp))),
        ("event_invalid", ANNA, codec.encode(grant(seen=seen))),
        ("event_invalid", ANNA, codec.encode(grant("News letter"))),
        ("event_invalid", ANNA, codec.encode(grant("news\x1fletter"))),
        ("event_invalid", ANNA, codec.encode(grant("news\x00letter"))),
        ("event_invalid", ANNA, codec.encode(grant(notice="signup"))),
        ("event_invalid", ANNA, codec.encode(grant(source="Web Shop"))),
        ("identifier_in_field", ANNA, codec.encode(grant("anna@example.se"))),
        ("identifier_in_field", ANNA, codec.encode(withdrawal(number))),
        ("identifier_in_field", ANNA, codec.encode(grant(source="0701234567"))),
        ("unattributable", None, good),
        ("unattributable", b"short", good),
        ("unattributable", bytes(16), good),
        ("unattributable", b"", None),
    ]


@pytest.mark.parametrize(("code", "key", "value"), bad_records())
def test_a_record_that_cannot_be_applied_is_set_aside_and_the_rest_goes_on(
    code: str, key: bytes | None, value: bytes | None
) -> None:
    tape = Tape(partition())
    tape.add(ANNA, grant())
    tape.add_raw(key, value)
    tape.add(ANNA, withdrawal())
    tape.add(BODIL, grant())
    batch = folded(tape.records)
    assert outcomes(batch) == ["counted", "quarantined", "counted", "counted"]
    assert reasons(batch) == [code]
    assert batch.quarantine[0][5] == (key if code != "unattributable" else None)
    assert batch.history[1][19] is None, "the bytes stay in the log alone"
    assert len(batch.standing) == 3
    assert batch.tallies.unattributable == (code == "unattributable")


def test_a_key_in_the_wrong_partition_quarantines_its_subject() -> None:
    of = partition(partitions=6, partition=2)
    tape = Tape(of)
    tape.add(ANNA, withdrawal())
    batch = BatchFold(of, start(of), codec.decode, lambda _key, _count: 3)
    batch.take_all(tape.records)
    done = batch.finish({})
    assert reasons(done) == ["wrong_partition"] and done.quarantine[0][5] == ANNA


def some_event(acts: random.Random) -> Event:
    purpose = acts.choice(["newsletter", "profiling", "survey"])
    scope = Scope(purpose=purpose, channel=acts.choice(["email", "sms"]))
    head = envelope(
        occurred_at=1_760_000_000_000 + acts.randrange(500_000),
        waited_ms=acts.choice([0, None, 5_000, 200_000]),
    )
    choices: list[Event] = [
        ConsentGiven(envelope=head, scope=scope, notice=acts.choice(["signup@1", "signup@2"])),
        ConsentGiven(envelope=head, scope=scope, notice="signup@1", confirms=bytes(15) + b"1"),
        ConsentWithdrawn(envelope=head, scope=scope),
        PreferenceSet(envelope=head, scope=scope, direction=acts.choice(["in", "out"]), topic="sport"),
        ObjectionRaised(envelope=head, scope=scope, episode_id=bytes(15) + acts.choice([b"a", b"b"])),
        NoticeServed(envelope=head, notice="signup@1", language=acts.choice(["sv", "en", "pt-BR"])),
    ]
    return acts.choice(choices)


def changed_envelope(event: Event, **changed: object) -> Event:
    head = event.envelope  # type: ignore[union-attr]
    return msgspec.structs.replace(event, envelope=msgspec.structs.replace(head, **changed))


def reference(of: Partition, records: Sequence[RawRecord]) -> dict[StandingKey, Row]:
    """The domain's own fold of each subject, row after row."""
    stamper, rows = Stamper(of, start(of)), {}
    for record in records:
        stamped = stamper.as_record(stamper.stamp(record))
        assert record.key is not None and record.value is not None
        rows.setdefault(record.key, []).extend(rows_of(codec.decode(record.value), stamped))  # type: ignore[arg-type]
    return {
        (of.controller_id, person, key): row
        for person, theirs in rows.items()
        for key, row in fold(theirs).items()
    }


def in_pieces(of: Partition, records: Sequence[RawRecord], cuts: Sequence[int]) -> list[Folded]:
    pieces: list[Folded] = []
    before, counted = start(of), {}
    for low, high in itertools.pairwise((0, *cuts, len(records))):
        piece = folded(records[low:high], of=of, before=before, earlier=counted)
        for row in piece.history:
            if row[16] == "counted":
                counted.setdefault((row[5], row[6]), row[17])
        before = piece.after
        pieces.append(piece)
    return pieces


def joined(pieces: Sequence[Folded]) -> dict[StandingKey, Row]:
    from ledger.read_model.folding.batch import merged_standing

    return merged_standing(pieces)


def resolution(kind: type[QuarantineAdmitted] | type[QuarantineDiscarded], **changed: object) -> SubjectEvent:
    place = RecordPlace(log_id=b"L" * 16, generation=1, lane=Lane.BACKFILL, partition=0, offset=7)
    return kind(envelope=envelope(**changed), record=place, author="nora", reason="looked-at")


def test_what_ends_a_doubt_is_handed_on_with_its_place_and_key() -> None:
    tape = Tape(partition())
    tape.add(ANNA, resolution(QuarantineAdmitted, may_be_repeat=True))
    tape.add(GENESIS_KEY, resolution(QuarantineDiscarded))
    batch = folded(tape.records)
    assert outcomes(batch) == ["counted", "counted"] and batch.standing == {}
    assert [(each.subject_id, each.admits, each.at.offset) for each in batch.resolutions] == [
        (ANNA, True, 1),
        (None, False, 2),
    ]
    assert {each.place for each in batch.resolutions} == {Place(1, Lane.BACKFILL.number, 0, 7)}


def test_a_repeat_of_what_ended_a_doubt_ends_nothing() -> None:
    said = resolution(QuarantineDiscarded, may_be_repeat=True)
    tape = Tape(partition())
    tape.add(ANNA, said)
    tape.add(ANNA, said)
    batch = folded(tape.records)
    assert outcomes(batch) == ["counted", "repeat"] and len(batch.resolutions) == 1


def test_without_a_subject_only_what_ends_a_doubt_is_taken_and_on_the_live_lane_alone() -> None:
    tape = Tape(partition())
    tape.add(GENESIS_KEY, grant())
    tape.add_raw(GENESIS_KEY, b"no record of ours")
    assert reasons(folded(tape.records)) == ["unattributable"] * 2
    behind = partition(lane=Lane.BACKFILL)
    tape = Tape(behind)
    tape.add(GENESIS_KEY, resolution(QuarantineDiscarded))
    assert reasons(folded(tape.records, of=behind)) == ["unattributable"]


def test_a_replay_takes_for_doubtful_what_the_live_fold_took_so() -> None:
    tape = Tape(partition())
    tape.add(ANNA, grant())
    tape.add(ANNA, grant())
    batch = folded(tape.records, set_aside={1: "unknown_schema", 2: "foreign_controller"})
    assert reasons(batch) == ["unknown_schema", "foreign_controller"]
    assert [row[8] for row in batch.history] == [None, "ConsentGiven"], "what could be read is known of it"
