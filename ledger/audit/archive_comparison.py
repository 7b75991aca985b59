"""A read model held against an exported log: rebuilt from the files, compared row by row.

Where the read model has come further than the export, it is compared as it was at the export's end, and subjects
with later records are left out and counted; where it lags behind, the export is folded as far as it has come.
"""

from pathlib import Path

from ledger.audit.record_sources import ArchiveRecords
from ledger.audit.replay import DIFFERENCES_SHOWN, Advance, ReplayReport, replay
from ledger.event_log.archive_form import partitions_of, read_manifest

__all__ = ["compare_with_read_model"]


async def compare_with_read_model(
    folder: Path, dsn: str, *, shown: int = DIFFERENCES_SHOWN, advance: Advance | None = None
) -> ReplayReport:
    """Folds the verified export in ``folder`` into a scratch schema of the database and compares; no Kafka.

    Raises ``NotFound(controller_unknown)``, ``IntegrityViolation(log_recreated)`` when the read model was folded from
    another log, ``Unavailable``.
    """
    manifest = read_manifest(folder)
    cut = {place: manifest.next_offset(*place) for place in partitions_of(manifest)}
    source = ArchiveRecords(folder, manifest)
    return await replay(source, dsn, [manifest.controller], cut=cut, shown=shown, advance=advance)
