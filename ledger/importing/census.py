"""Who stands in a file more than once, in 14 bytes a line: people are told apart by a part of their blind index.

Nothing of it is written anywhere. Two people whose 64 bits agree would be reported as one (one chance in 37 million
for a million people); nothing but the report rests on it.
"""

from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["Census", "Opposites"]

BUCKETS: Final = 256
SAYS_YES: Final = 1
SAYS_NO: Final = 2
MAX_SHOWN: Final = 1_000


class Opposites(NamedTuple):
    """Lines of one person of which one says yes and another no; the no stands."""

    yes_line: int
    no_line: int


class Census:
    """Counts people by line."""

    def __init__(self) -> None:
        # By the first byte, so that the table which finds the doubles holds a small part of the file at a time.
        self._people = [array("Q") for _ in range(BUCKETS)]
        self._lines = [array("I") for _ in range(BUCKETS)]
        self._answers = [array("B") for _ in range(BUCKETS)]

    def add(self, line: int, index: bytes, *, yes: bool, no: bool) -> None:
        """Notes what ``line`` says of the person with this blind index."""
        bucket = index[0]
        self._people[bucket].append(int.from_bytes(index[1:9], "big"))
        self._lines[bucket].append(line)
        self._answers[bucket].append(SAYS_YES * yes | SAYS_NO * no)

    def repeats(self) -> int:
        """How many lines are about a person of an earlier line."""
        return sum(len(people) - len(set(people)) for people in self._people)

    def opposites(self) -> tuple[int, tuple[Opposites, ...]]:
        """How many people are said yes for in one line and no for in another; the pairs of lines of the first 1,000."""
        pairs = sorted(pair for bucket in range(BUCKETS) for pair in self._opposites_in(bucket))
        return len(pairs), tuple(pairs[:MAX_SHOWN])

    def _opposites_in(self, bucket: int) -> Iterator[Opposites]:
        first_yes: dict[int, int] = {}
        first_no: dict[int, int] = {}
        entries = zip(self._people[bucket], self._lines[bucket], self._answers[bucket], strict=True)
        for person, line, answers in entries:
            if answers == SAYS_YES:
                first_yes.setdefault(person, line)
            elif answers & SAYS_NO:
                first_no.setdefault(person, line)
        for person, line in first_yes.items():
            if person in first_no:
                yield Opposites(line, first_no[person])
