"""What two workers admit by themselves is one event, and another one only after an admission that came to nothing."""

from msgspec.structs import replace

from ledger.domain.events import Lane
from ledger.read_model.folding.resolving import Entry
from projections.known_schemas import admission_id
from tests.support.log_records import partition, subject

ENTRY = Entry(
    generation=1,
    lane=Lane.LIVE,
    partition=0,
    offset=7,
    subject_id=subject(1),
    reason="unknown_schema",
    event_id=None,
    broker_ms=1,
    stamp_ms=1,
    clock_floor_ms=0,
    record_digest=bytes(32),
    state="open",
    refused_admissions=(),
)


def test_the_event_id_of_an_admission_follows_from_the_record_and_from_what_was_tried() -> None:
    first = admission_id(partition(), ENTRY)
    assert len(first) == 16
    assert (
        admission_id(partition(topic="elsewhere", controller_id=9), replace(ENTRY, state="admitted")) == first
    )
    others = {
        admission_id(partition(log_id=b"M" * 16), ENTRY),
        *(
            admission_id(partition(), replace(ENTRY, **changed))
            for changed in (
                {"offset": 8},
                {"lane": Lane.BACKFILL},
                {"partition": 1},
                {"generation": 2},
                {"refused_admissions": (bytes(16),)},
            )
        ),
    }
    assert first not in others and len(others) == 6
