"""A batch cut where it says something about a doubt: all before it must be committed when that is settled."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from aiokafka import ConsumerRecord

__all__ = ["pieces"]

# Each of them reads one record of the log, and other partitions wait meanwhile.
MAX_RESOLUTIONS: Final = 50


def pieces(
    records: Sequence[ConsumerRecord], resolving: frozenset[int]
) -> Iterator[Sequence[ConsumerRecord]]:
    """The records in their order, in runs of either acts or events at the offsets ``resolving``, these bounded."""
    for resolves, run in groupby(records, key=lambda record: record.offset in resolving):
        piece = list(run)
        size = MAX_RESOLUTIONS if resolves else len(piece)
        for start in range(0, len(piece), size):
            yield piece[start : start + size]
