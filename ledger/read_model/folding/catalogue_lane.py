"""One batch of a controller's catalogue topic: every published version becomes a row, the first of a number counts.

Catalogues carry no subject: a record that cannot be taken denies nobody by itself, and is reported. The key of
these records means nothing.
"""

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ledger.domain.events import CataloguePublished
from ledger.errors import MalformedRecord
from ledger.read_model.folding.batch import UNREAD
from ledger.read_model.folding.records import (
    Decode,
    Folded,
    Partition,
    Progress,
    RawRecord,
    SetAside,
    Tallies,
)
from ledger.read_model.folding.stamping import Stamped, Stamper, history_row, quarantine_row
from ledger.read_model.folding.validity import catalogue_reason, envelope_reason, is_allowed_in

__all__ = ["CatalogueFold"]


class CatalogueFold:
    """Folds consecutive records of a catalogue partition, given the versions that stand already (by digest)."""

    def __init__(
        self,
        partition: Partition,
        before: Progress,
        decode: Decode,
        published: Mapping[int, bytes],
        *,
        set_aside: SetAside = MappingProxyType({}),
    ) -> None:
        self._stamper = Stamper(partition, before)
        self._partition = partition
        self._decode = decode
        self._published = dict(published)
        self._set_aside = set_aside
        self._history: list[tuple[Any, ...]] = []
        self._quarantine: list[tuple[Any, ...]] = []
        self._catalogue: list[tuple[Any, ...]] = []
        self._tallies = Tallies()

    @property
    def after(self) -> Progress:
        return self._stamper.after

    def take_all(self, records: Iterable[RawRecord]) -> None:
        for record in records:
            self.take(record)

    def take(self, record: RawRecord) -> None:
        """Stamps, decodes and judges one record; raises ``IntegrityViolation(log_gap)`` if it is not the next."""
        stamped = self._stamper.stamp(record)
        event, reason = self._read(record)
        if reason is not None:
            row = history_row(self._partition, stamped, None, event, "quarantined")
            self._refuse(row, reason)
        else:
            self._publish(stamped, event)

    def finish(self) -> Folded:
        return Folded(
            partition=self._partition,
            before=self._stamper.before,
            after=self._stamper.after,
            history=self._history,
            standing={},
            quarantine=self._quarantine,
            catalogue=self._catalogue,
            tallies=self._tallies,
        )

    def _read(self, record: RawRecord) -> tuple[Any, str | None]:
        aside = self._set_aside.get(record.offset)
        if aside in UNREAD:
            return None, aside
        if record.value is None:
            return None, "malformed_record"
        try:
            event = self._decode(record.value)
        except MalformedRecord as error:
            return None, error.code
        if not is_allowed_in(self._partition.lane, event) or not isinstance(event, CataloguePublished):
            return event, "event_not_allowed_here"
        reason = aside or envelope_reason(event.envelope, self._partition.controller)
        return event, reason or catalogue_reason(event, _digest(event.document))

    def _publish(self, stamped: Stamped, event: CataloguePublished) -> None:
        held = self._published.get(event.version)
        outcome = "counted" if held is None else "repeat" if held == event.digest else "conflicting"
        row = history_row(self._partition, stamped, None, event, outcome, content=event.digest)
        if outcome == "conflicting":
            self._refuse(row, "conflicting_catalogue_version")
            return
        self._history.append(row)
        if outcome == "repeat":
            self._tallies.repeats += 1
            return
        self._published[event.version] = event.digest
        controller_id, generation, lane, partition, offset = row[:5]
        self._catalogue.append(
            (
                controller_id,
                event.version,
                generation,
                lane,
                partition,
                offset,
                stamped.broker_ms,
                event.effective_from_ms,
                event.digest,
                event.document,
            )
        )
        name = type(event).__name__
        self._tallies.counted[name] = self._tallies.counted.get(name, 0) + 1

    def _refuse(self, row: tuple[Any, ...], reason: str) -> None:
        self._history.append(row)
        self._quarantine.append(quarantine_row(row, reason))
        quarantined = self._tallies.quarantined
        quarantined[reason] = quarantined.get(reason, 0) + 1
        self._tallies.unattributable += 1


def _digest(document: str) -> bytes:
    return hashlib.sha256(document.encode()).digest()
