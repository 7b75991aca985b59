"""Whether an acknowledged yes stands, as far as the ledger can tell within half a second.

The yes is compared with the rows that stand once everything before it is folded, by the very rule of a check. Where
the fold is not there in time, nobody knows, and the answer says so.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.api.acts import Outranking
from ledger.api.catalogues import Catalogues
from ledger.domain.acts import Act
from ledger.domain.catalogue import Catalogue
from ledger.domain.decision import Question, outranking
from ledger.domain.events import Coordinates, Lane, SubjectEvent, Voice
from ledger.domain.positions import PartitionKey
from ledger.domain.ranks import Record, advance_stamp
from ledger.domain.reasons import MASKED_REASON, NO_REASONS
from ledger.domain.rows import Row, merge
from ledger.domain.standing import rows_of
from ledger.errors import Unavailable
from ledger.event_log.producer import Appended
from ledger.read_model.position_watch import PositionWatch
from ledger.read_model.reader import SubjectKey, SubjectView, ViewReader
from ledger.read_model.records import CatalogueVersion

__all__ = ["Effect", "Effects", "Given"]

WAIT_SECONDS: Final = 0.5


class Given(NamedTuple):
    """One recorded event: the act, the event as it was last encoded, and where it stands."""

    act: Act
    event: SubjectEvent
    appended: Appended


class Effect(NamedTuple):
    """``effective`` is None when nobody could tell in time."""

    effective: bool | None
    outranked_by: Outranking | None = None


class Effects:
    """Compares what was just recorded with what stands."""

    def __init__(self, reader: ViewReader, watch: PositionWatch, catalogues: Catalogues) -> None:
        self._reader = reader
        self._watch = watch
        self._catalogues = catalogues

    async def of(self, key: SubjectKey, given: Sequence[Given], *, may_read: bool) -> list[Effect]:
        """The effect of each event, in order. Never raises for a store that is away: the acts are recorded."""
        yeses = [one for one in given if one.act.is_yes]
        view: SubjectView | None = None
        catalogue: Catalogue | None = None
        if yeses:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    view = await self._view_before(key, max(one.appended.offset for one in yeses))
                    catalogue = await self._catalogue(view)
            except (Unavailable, TimeoutError):
                view = None
        return [_effect(one, view, catalogue, may_read=may_read) for one in given]

    async def _view_before(self, key: SubjectKey, offset: int) -> SubjectView | None:
        """The subject once everything before ``offset`` of its partition is folded."""
        view = (await self._reader.views([key]))[key]
        if view.live is not None and view.live.next_offset >= offset:
            return view
        partition: PartitionKey = (key.log_id, key.generation, Lane.LIVE.number, key.partition)
        if not await self._watch.reach({partition: offset}, WAIT_SECONDS):
            return None
        return (await self._reader.views([key]))[key]

    async def _catalogue(self, view: SubjectView | None) -> Catalogue | None:
        if view is None or view.catalogue_version is None or view.catalogue_digest is None:
            return None
        version = CatalogueVersion(view.catalogue_version, view.catalogue_digest)
        return await self._catalogues.version(view.key.controller_id, version)


def _effect(given: Given, view: SubjectView | None, catalogue: Catalogue | None, *, may_read: bool) -> Effect:
    act = given.act
    if not act.is_yes:
        return Effect(True)
    if view is None or view.refused or catalogue is None or act.purpose is None:
        return Effect(None)
    if given.event.envelope.voice is not Voice.PERSON:
        # Voices never outrank each other, and what an administrator's yes lifts is no no of the person's.
        return Effect(None)
    yes = _standing_yes(given, view)
    if yes is None:
        return Effect(None)
    question = Question(
        purpose=act.purpose,
        channel=act.channel,
        recipient=act.recipient,
        item=act.item or act.topic,
        category=act.category,
    )
    noes = outranking(catalogue, view.rows, question, yes)
    return Effect(not noes, _outranking(noes[0], may_read) if noes else None)


def _standing_yes(given: Given, view: SubjectView) -> Row | None:
    """The row of the yes: as folded, or as it will be folded when it is the very next record to be."""
    live, offset = view.live, given.appended.offset
    if live is None or live.next_offset < offset:
        return None
    # Up to here the stamp is known, and the floor only matters to a no.
    stamp_ms, clock_floor_ms = advance_stamp(live.stamp_ms, 0, given.appended.broker_ms)
    record = Record(
        coordinates=Coordinates(
            log_id=view.key.log_id,
            generation=view.key.generation,
            lane=Lane.LIVE,
            partition=view.key.partition,
            offset=offset,
        ),
        broker_ms=given.appended.broker_ms,
        stamp_ms=stamp_ms,
        clock_floor_ms=clock_floor_ms,
    )
    (own,) = rows_of(given.event, record)
    held = next((row for row in view.rows if row.row_key == own.row_key), None)
    if live.next_offset > offset:
        return held
    if held is None:
        return own
    # A repeat writes no row: the first record of an event id counts.
    repeated = held.first is not None and held.first.event_id == given.event.envelope.event_id
    return held if repeated else merge(held, own)


def _outranking(no: Row, may_read: bool) -> Outranking:
    half, detail = no.first, no.detail
    assert half is not None and detail is not None, "a standing no has a first half"
    masked = not may_read and half.value in NO_REASONS
    return Outranking(
        event_id=half.event_id.hex(),
        reason=MASKED_REASON if masked else half.value,
        purpose=no.purpose or None,
        channel=no.channel or None,
        recorded_at=detail.stamp_ms,
    )
