"""Standing re-derived from an exported log by the fold's own code, in memory: no Kafka, no Postgres, nothing but files.

Memory holds every row of standing (about a kilobyte each): whoever has less of it verifies the files alone. What the
running fold knew besides the log is not known to files: records that had ended a process, and admissions that an
older version could not carry out. Where there were such, only a comparison with the read model says so.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec

from ledger.audit.archive_doubts import ArchiveDoubts
from ledger.domain.events import Lane
from ledger.domain.log_records import RawRecord, record_digest
from ledger.domain.rows import Row, merge
from ledger.event_log.archive_form import Manifest
from ledger.event_log.codec import decode
from ledger.event_log.partitioner import partition_of
from ledger.event_log.topic_table import topic_name
from ledger.read_model.folding.batch import BatchFold
from ledger.read_model.folding.catalogue_lane import CatalogueFold
from ledger.read_model.folding.records import Folded, Partition, Progress, StandingKey

__all__ = ["ArchiveStanding", "StandingFold"]

_NO_CONTROLLER: Final = 0
"""A read model numbers its controllers as they come; files do not know the number, and no row depends on it."""

# Columns of history that the lookup of repeats goes by; in the order of ``history_row``.
_OFFSET, _SUBJECT, _EVENT, _OUTCOME, _CONTENT = 4, 5, 6, 16, 17


class ArchiveStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What an exported log says that holds.

    ``digest`` is SHA-256 over the rows in order of subject and row key, so that two exports of one log, or of a log
    and its copy, can be held against each other.
    """

    subjects: int
    rows: int
    catalogue_versions: int
    outcomes: dict[str, int]
    digest: str


class StandingFold:
    """Folds a log's partitions as they are read; :meth:`begin` each lane, then :meth:`take` its records in order."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._rows: dict[StandingKey, Row] = {}
        # Of the lane and partition at hand: the first counted record's content, by subject and event id.
        self._firsts: dict[bytes, dict[bytes, bytes]] = {}
        self._published: dict[int, bytes] = {}
        self._outcomes: Counter[str] = Counter()
        self._doubts = ArchiveDoubts()

    def begin(self, lane: Lane, number: int, genesis: RawRecord) -> None:
        """A lane of a partition, whose genesis record has been found to be this log's."""
        manifest = self._manifest
        self._partition = Partition(
            log_id=bytes.fromhex(manifest.log_id),
            generation=manifest.generation,
            lane=lane,
            partition=number,
            partitions=1 if lane is Lane.CATALOGUE else manifest.partitions,
            controller_id=_NO_CONTROLLER,
            controller=manifest.controller,
            topic=topic_name(manifest.controller, lane),
            genesis_id=bytes(16),
        )
        self._progress = Progress(
            next_offset=1,
            last_digest=record_digest(genesis.key, genesis.value, genesis.timestamp),
            stamp_ms=genesis.timestamp,
            clock_floor_ms=0,
        )
        self._firsts = defaultdict(dict)

    def take(self, records: Sequence[RawRecord]) -> None:
        """The next records of the lane that was begun."""
        folded = self._catalogue(records) if self._partition.lane is Lane.CATALOGUE else self._acts(records)
        self._progress = folded.after
        self._outcomes.update(row[_OUTCOME] for row in folded.history)
        for key, row in folded.standing.items():
            self._join(key, row)

    def finish(self) -> ArchiveStanding:
        """What holds, once every lane of every partition was taken."""
        for admitted in self._doubts.settle():
            self._outcomes[admitted.was] -= 1
            self._outcomes[admitted.outcome] += 1
            for row in admitted.rows:
                self._join((_NO_CONTROLLER, admitted.subject_id, row.row_key), row)
        digest = hashlib.sha256()
        for key in sorted(self._rows):
            digest.update(key[1])
            digest.update(msgspec.json.encode(self._rows[key], order="deterministic"))
        return ArchiveStanding(
            subjects=len({subject_id for _, subject_id, _ in self._rows}),
            rows=len(self._rows),
            catalogue_versions=len(self._published),
            outcomes={outcome: count for outcome, count in sorted(self._outcomes.items()) if count},
            digest=digest.hexdigest(),
        )

    def _join(self, key: StandingKey, row: Row) -> None:
        held = self._rows.get(key)
        self._rows[key] = row if held is None else merge(held, row)

    def _catalogue(self, records: Sequence[RawRecord]) -> Folded:
        fold = CatalogueFold(self._partition, self._progress, decode, self._published)
        fold.take_all(records)
        folded = fold.finish()
        self._published |= {row[1]: row[8] for row in folded.catalogue}
        return folded

    def _acts(self, records: Sequence[RawRecord]) -> Folded:
        fold = BatchFold(self._partition, self._progress, decode, partition_of)
        fold.take_all(records)
        asked = {key: self._firsts[key[0]].get(key[1]) for key in fold.asked if key[0] in self._firsts}
        folded = fold.finish({key: content for key, content in asked.items() if content is not None})
        in_doubt = {row[_OFFSET] for row in folded.quarantine}
        for row, record in zip(folded.history, records, strict=True):
            if record.offset in in_doubt:
                self._doubts.note_entry(self._partition, row, record, self._firsts.get(row[_SUBJECT], {}))
            elif row[_OUTCOME] == "counted":
                self._firsts[row[_SUBJECT]].setdefault(row[_EVENT], row[_CONTENT])
        self._doubts.note_said(self._partition, folded)
        return folded
