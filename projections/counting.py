"""What the fold tells its metrics about a batch that it has committed."""

from ledger.metrics import EVENTS_APPLIED, EVENTS_DUPLICATE, QUARANTINE_ENTRIES, RECORDS_UNATTRIBUTABLE
from ledger.read_model.folding.records import Folded

__all__ = ["count_batch"]


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
