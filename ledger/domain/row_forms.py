"""How a row of standing is put together from an event and its stamped record; used for every kind of event alike."""

from ledger.domain.envelope import Envelope, Lane, Scope
from ledger.domain.ranks import Rank, Record
from ledger.domain.rows import Detail, Half, Row, Shape, row_key

__all__ = ["detail_of", "half_of", "instance_of", "lane_mark", "row_of"]


def instance_of(text: str, verified: str, envelope: Envelope, record: Record) -> str:
    """What keeps two yeses of one scope apart: whatever a decision weighs besides the rank.

    Were a grant that begins next month, or one that nobody verified, to take the place of another, then removing
    it would turn deny into allow.
    """
    begins = envelope.effective_from
    ahead = f"from {begins}" if begins is not None and begins > record.stamp_ms else ""
    return "|".join(part for part in (text, ahead, verified, lane_mark(record)) if part)


def lane_mark(record: Record) -> str:
    """Empty for the live lane of the first generation.

    Ranks of two partitions compare only within the skew of their clocks, so there the greater must not take the
    place of the lower: a yes that outranks the one may well not outrank the other.
    """
    coordinates = record.coordinates
    lane = "" if coordinates.lane is Lane.LIVE else coordinates.lane.value
    generation = "" if coordinates.generation == 1 else f"generation {coordinates.generation}"
    return "|".join(part for part in (lane, generation) if part)


def half_of(value: str, rank: Rank, envelope: Envelope, record: Record) -> Half:
    coordinates = record.coordinates
    return Half(
        value=value,
        rank_ms=rank.ms,
        rank_seq=rank.seq,
        event_id=envelope.event_id,
        generation=coordinates.generation,
        lane=coordinates.lane.number,
        partition=coordinates.partition,
        offset=coordinates.offset,
    )


def detail_of(
    envelope: Envelope,
    record: Record,
    *,
    until_ms: int | None = None,
    notice: str | None = None,
    verified: bool = False,
    revision: int | None = None,
    other_subject_id: bytes | None = None,
) -> Detail:
    return Detail(
        effective_from_ms=envelope.effective_from,
        until_ms=until_ms,
        notice=notice,
        verified=verified,
        capture=envelope.capture.value,
        revision=revision,
        stamp_ms=record.stamp_ms,
        waited_ms=envelope.waited_ms,
        other_subject_id=other_subject_id,
    )


def row_of(
    shape: Shape,
    kind: str,
    envelope: Envelope,
    scope: Scope,
    *,
    item: str | None = None,
    purpose_group: str | None = None,
    instance: str = "",
    first: Half | None = None,
    detail: Detail | None = None,
    second: Half | None = None,
) -> Row:
    key_fields = (
        shape,
        envelope.voice.value,
        kind,
        scope.purpose or "",
        (purpose_group if purpose_group is not None else scope.purpose_group) or "",
        scope.channel or "",
        scope.recipient or "",
        (item if item is not None else scope.item) or "",
        scope.category or "",
        instance,
    )
    _, voice, _, purpose, group, channel, recipient, row_item, category, _ = key_fields
    return Row(
        row_key=row_key(*key_fields),
        shape=shape,
        voice=voice,
        kind=kind,
        purpose=purpose,
        purpose_group=group,
        channel=channel,
        recipient=recipient,
        item=row_item,
        category=category,
        instance=instance,
        first=first,
        detail=detail,
        second=second,
    )
