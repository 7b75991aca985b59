"""What the fold tells its metrics, and of doubts its log, about a batch that it has committed."""

from typing import Final

from ledger.domain.events import Lane
from ledger.log_lines import get_logger
from ledger.metrics import (
    EVENTS_APPLIED,
    EVENTS_DUPLICATE,
    QUARANTINE_ENTRIES,
    QUARANTINE_RESOLUTIONS,
    RECORDS_UNATTRIBUTABLE,
)
from ledger.read_model.folding.records import Folded

__all__ = ["count_batch"]

_EVENTS: Final = {
    "admitted": "record_admitted",
    "discarded": "record_discarded",
    "not_admitted": "record_not_admitted",
    "no_open_entry": "resolution_without_entry",
}

_log = get_logger(__name__)


def count_batch(folded: Folded) -> None:
    """Adds one committed batch to the counters."""
    tallies = folded.tallies
    for event_type, count in tallies.counted.items():
        EVENTS_APPLIED.labels("fold", event_type).inc(count)
    if tallies.repeats:
        EVENTS_DUPLICATE.labels("fold").inc(tallies.repeats)
    for reason, count in tallies.quarantined.items():
        QUARANTINE_ENTRIES.labels(folded.partition.lane.value, reason).inc(count)
    if tallies.unattributable:
        RECORDS_UNATTRIBUTABLE.inc(tallies.unattributable)
    _tell_ended(folded)


def _tell_ended(folded: Folded) -> None:
    for ended in folded.settled.ended if folded.settled is not None else ():
        lane = Lane.of_number(ended.place.lane).value
        QUARANTINE_RESOLUTIONS.labels(lane, ended.outcome).inc()
        # An operator waits for the answer, and one that came to nothing must not look like one that did.
        tell = _log.info if ended.outcome in ("admitted", "discarded") else _log.warning
        tell(
            _EVENTS[ended.outcome],
            controller=folded.partition.controller,
            lane=lane,
            partition=ended.place.partition,
            offset=ended.place.offset,
            reason=ended.reason,
        )
