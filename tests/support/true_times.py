"""Worlds in which the true time of every act is known, and a judge who goes by it.

People act at true times; hosts have skewed and stepping clocks; outboxes wait, measured or not; acknowledgements get
lost and acts are sent again; leaders change and their clocks differ. From that come broker times and the order of
the log. The product stamps and folds (its own batch fold), and the judge compares the answer with the true times.

The bound of the claim: unmeasured flight plus the difference between broker clocks stays within two minutes, and
broker clocks are at most one minute apart.
"""

import hashlib
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, NamedTuple

from ledger.domain.decision import Decision, Question, decide
from ledger.domain.events import (
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    Envelope,
    Lane,
    ObjectionRaised,
    Origin,
    PreferenceSet,
    Scope,
    Seen,
    SubjectEvent,
)
from ledger.domain.rows import Row, merge
from ledger.read_model.folding.batch import BatchFold, EventKey
from ledger.read_model.folding.records import Progress
from tests.support.catalogue import small_catalogue
from tests.support.log_records import (
    CONTROLLER,
    START_MS,
    RawRecord,
    one_partition,
    partition,
    start,
    subject,
)

__all__ = [
    "BOUND_MS",
    "MAX_SKEW_MS",
    "NEWSLETTER",
    "SURVEY",
    "Copy",
    "Deed",
    "FoldedLog",
    "World",
    "ask",
    "findings",
    "play",
    "random_world",
]

BOUND_MS: Final = 120_000
MAX_SKEW_MS: Final = 60_000
NOON_MS: Final = START_MS + 12 * 3_600_000
"""True times count from here; the log began twelve hours before."""

NEWSLETTER: Final = Question(purpose="newsletter", channel="email")
SURVEY: Final = Question(purpose="survey", channel="email")
CATALOGUE: Final = small_catalogue(CONTROLLER)

YESES: Final = {"newsletter": ("grant", "import"), "survey": ("opt_in",)}
NOES: Final = {
    "newsletter": ("withdraw", "refuse", "opt_out", "object"),
    "survey": ("opt_out", "object"),
}


class Copy(NamedTuple):
    """One record of an act. ``waited_ms`` is what the producer writes, None if nobody could measure it."""

    appended_at: int
    waited_ms: int | None = 0
    broker_offset_ms: int = 0
    fresh: bool = False
    """Sent again by a caller who took the click for a new one: the wait starts at zero, the clock is read anew."""


class Deed(NamedTuple):
    """One act of one person, at a true time, and the records that came of it."""

    what: str
    made_at: int
    copies: tuple[Copy, ...]
    clock_error_ms: int | None = None
    """The host's wall clock less true time when it wrote ``occurred_at``; None: it wrote none."""
    seen_at: int | None = None
    """When the screen that the person acted on was loaded."""
    seen_lane: Lane | None = None
    """Which lane's position the screen carried, if not that of the act."""
    lane: Lane = Lane.LIVE
    person: int = 0


World = tuple[Deed, ...]


class Shown(NamedTuple):
    """What a screen loaded after ``appended_at`` (true time) can have read of a lane."""

    appended_at: int
    lane: Lane
    next_offset: int
    stamp_ms: int


class FoldedLog:
    """Two lanes of one log, folded record by record with the product's batch fold."""

    def __init__(self) -> None:
        self._lanes = {lane: partition(lane=lane) for lane in (Lane.LIVE, Lane.BACKFILL)}
        self._progress = {lane: start(of) for lane, of in self._lanes.items()}
        self._counted: dict[Lane, dict[EventKey, bytes]] = {lane: {} for lane in self._lanes}
        self._standing: dict[bytes, dict[bytes, Row]] = {}
        self._events: list[SubjectEvent] = []
        self.quarantined: set[bytes] = set()

    def append(self, lane: Lane, subject_id: bytes, event: SubjectEvent, broker_ms: int) -> Progress:
        """Appends and folds one record; how far its lane stands then."""
        before = self._progress[lane]
        self._events.append(event)
        value = (len(self._events) - 1).to_bytes(4, "big")
        batch = BatchFold(self._lanes[lane], before, self._decode, one_partition)
        batch.take(RawRecord(before.next_offset, broker_ms, subject_id, value))
        counted = self._counted[lane]
        folded = batch.finish({key: counted[key] for key in batch.asked if key in counted})
        if folded.history[0][16] == "counted":
            counted.setdefault((subject_id, event.envelope.event_id), folded.history[0][17])
        if folded.quarantine:
            self.quarantined.add(subject_id)
        held = self._standing.setdefault(subject_id, {})
        for (_, _, key), row in folded.standing.items():
            held[key] = merge(held[key], row) if key in held else row
        self._progress[lane] = folded.after
        return folded.after

    def rows(self, subject_id: bytes) -> tuple[Row, ...]:
        """The standing of one subject."""
        return tuple(self._standing.get(subject_id, {}).values())

    def progress(self, lane: Lane) -> Progress:
        """How far a lane stands."""
        return self._progress[lane]

    def _decode(self, value: bytes) -> SubjectEvent:
        return self._events[int.from_bytes(value, "big")]


class Finding(NamedTuple):
    """Where the product's answer contradicts the true times: a ghost grant, or a re-grant that does not stand."""

    what: str
    purpose: str
    after_records: int
    reason: str


def findings(world: World) -> list[Finding]:
    """Plays the world and judges the answer after every record."""
    log = FoldedLog()
    found: list[Finding] = []
    for count, (recorded, shown) in enumerate(play(world, log), start=1):
        found += _judge(world, log, recorded, shown, count)
    return found


def play(world: World, log: FoldedLog) -> Iterator[tuple[dict[int, int], list[Shown]]]:
    """Appends every record in its true order. After each: the offset of each act's first record, and what screens show."""
    shown: list[Shown] = []
    recorded: dict[int, int] = {}
    for appended_at, deed_index, index in sorted(
        (copy.appended_at, deed_index, index)
        for deed_index, deed in enumerate(world)
        for index, copy in enumerate(deed.copies)
    ):
        deed = world[deed_index]
        event = _event(world, deed_index, index, shown)
        broker_ms = NOON_MS + appended_at + deed.copies[index].broker_offset_ms
        after = log.append(deed.lane, subject(deed.person), event, broker_ms)
        shown.append(Shown(appended_at, deed.lane, after.next_offset, after.stamp_ms))
        recorded.setdefault(deed_index, after.next_offset - 1)
        yield recorded, shown


def ask(log: FoldedLog, question: Question) -> Decision:
    """The product's answer about the first person."""
    return decide(CATALOGUE, log.rows(subject(0)), question, NOON_MS + 10**10)


def _judge(
    world: World, log: FoldedLog, recorded: dict[int, int], shown: Sequence[Shown], count: int
) -> Iterator[Finding]:
    deeds = [(world[index], offset) for index, offset in recorded.items() if world[index].person == 0]
    for question in (NEWSLETTER, SURVEY):
        purpose = question.purpose
        noes = [(deed, offset) for deed, offset in deeds if deed.what in NOES[purpose]]
        yeses = [deed for deed, _ in deeds if deed.what in YESES[purpose]]
        answer = ask(log, question)
        latest_no = max((deed.made_at for deed, _ in noes), default=None)
        if answer and latest_no is not None and not any(deed.made_at > latest_no for deed in yeses):
            yield Finding("ghost", purpose, count, answer.reason)
        if not answer and any(_must_stand(yes, noes, shown) for yes in yeses):
            yield Finding("lost", purpose, count, answer.reason)


def _must_stand(yes: Deed, noes: Sequence[tuple[Deed, int]], shown: Sequence[Shown]) -> bool:
    """Whether the person had every no on the screen before saying yes, or waited long enough by any clock."""
    if yes.what == "import":
        return False
    if yes.seen_at is not None and yes.seen_lane in (None, yes.lane):
        next_offset = _position(yes.seen_at, yes.lane, shown)[0]
        if all(no.lane is yes.lane and _all_before(no, offset, next_offset) for no, offset in noes):
            return True
    measured = all(copy.waited_ms is not None for copy in yes.copies)
    honest = yes.clock_error_ms is None or yes.clock_error_ms >= 0
    patience = BOUND_MS + 2 * MAX_SKEW_MS
    return measured and honest and all(yes.made_at > no.copies[0].appended_at + patience for no, _ in noes)


def _all_before(no: Deed, offset: int, next_offset: int) -> bool:
    """The first record counts; one that did not know of an earlier copy, and came after it, counts besides."""
    return offset < next_offset and no.copies[0].appended_at == min(copy.appended_at for copy in no.copies)


def _position(at: int, lane: Lane, shown: Sequence[Shown]) -> tuple[int, int]:
    """Next offset and stamp that a screen loaded at a true time had read: what was appended before then."""
    for entry in reversed(shown):
        if entry.lane is lane and entry.appended_at < at:
            return entry.next_offset, entry.stamp_ms
    return 1, START_MS


def _event(world: World, deed_index: int, index: int, shown: Sequence[Shown]) -> SubjectEvent:
    deed = world[deed_index]
    copy = deed.copies[index]
    occurred_at = None
    if deed.clock_error_ms is not None:
        occurred_at = NOON_MS + deed.clock_error_ms + (copy.appended_at if copy.fresh else deed.made_at)
    seen = None
    if deed.seen_at is not None:
        lane = deed.seen_lane or deed.lane
        next_offset, stamp_ms = _position(deed.seen_at, lane, shown)
        seen = Seen(
            log_id=b"L" * 16, generation=1, lane=lane, partition=0, next_offset=next_offset, stamp_ms=stamp_ms
        )
    event_id = hashlib.sha256(deed_index.to_bytes(4, "big")).digest()[:16]
    envelope = Envelope(
        event_id=event_id,
        act_id=event_id,
        controller=CONTROLLER,
        source="web",
        origin=Origin.IMPORTED if deed.what == "import" else Origin.DIRECT,
        occurred_at=occurred_at,
        waited_ms=copy.waited_ms,
        may_be_repeat=index > 0,
        seen=seen,
    )
    return _body(deed.what, envelope)


def _body(what: str, envelope: Envelope) -> SubjectEvent:
    newsletter = Scope(purpose="newsletter", channel="email")
    match what:
        case "grant" | "import":
            return ConsentGiven(envelope=envelope, scope=newsletter, notice="signup@3")
        case "opt_in":
            return PreferenceSet(
                envelope=envelope, scope=Scope(purpose="survey", channel="email"), direction="in"
            )
        case "withdraw":
            return ConsentWithdrawn(envelope=envelope, scope=newsletter)
        case "refuse":
            return ConsentRefused(envelope=envelope, scope=newsletter, notice="signup@3")
        case "opt_out":
            return PreferenceSet(envelope=envelope, scope=Scope(channel="email"), direction="out")
        case _:
            return ObjectionRaised(envelope=envelope, scope=Scope(), episode_id=envelope.event_id)


_GAPS: Final = (0, 1, 999, 20_000, 59_999, 60_000, 60_001, 119_999, 120_000, 120_001, 200_000, 400_000)
_WAITS: Final = (0, 0, 0, 500, 90_000, 120_000, 120_001, 180_000, 600_000, 7_200_000)
_CLOCK_ERRORS: Final = (None, 0, 3_600_000, -3_600_000, 2_000, -2_000)


def random_world(random: Random) -> World:
    """A world of two to seven acts; every draw is a grid value or a free one."""
    skew = random.choice((0, 1_000, 30_000, MAX_SKEW_MS))
    brokers = (0, skew, random.randint(0, skew))
    now, deeds = 0, []
    for _ in range(random.randint(2, 7)):
        now += random.choice(_GAPS) if random.random() < 0.8 else random.randint(0, 500_000)
        deeds.append(_random_deed(random, now, BOUND_MS - skew, brokers))
    return tuple(deeds)


def _random_deed(random: Random, made_at: int, flight: int, brokers: Sequence[int]) -> Deed:
    what = random.choice(
        ("grant", "grant", "grant", "opt_in", "withdraw", "withdraw", "refuse", "opt_out", "object", "import")
    )
    copies = [_random_copy(random, what, made_at, flight, brokers)]
    while random.random() < 0.25:
        copies.append(_another_copy(random, copies[0], made_at, flight, brokers))
    return Deed(
        what,
        made_at,
        tuple(copies),
        clock_error_ms=random.choice(_CLOCK_ERRORS),
        seen_at=made_at - random.choice((0, 1, 5_000, 61_000)) if random.random() < 0.4 else None,
        seen_lane=random.choice((None, None, None, Lane.LIVE, Lane.BACKFILL)),
        lane=Lane.BACKFILL if random.random() < 0.2 else Lane.LIVE,
        person=1 if random.random() < 0.2 else 0,
    )


def _random_copy(random: Random, what: str, made_at: int, flight: int, brokers: Sequence[int]) -> Copy:
    waited = random.choice(_WAITS)
    arrived = made_at + waited + random.choice((0, 0, 1, flight // 2, flight))
    unmeasured = what == "import" or random.random() < 0.15
    written = (0 if what == "import" else None) if unmeasured else waited
    return Copy(arrived, written, random.choice(brokers))


def _another_copy(random: Random, first: Copy, made_at: int, flight: int, brokers: Sequence[int]) -> Copy:
    """The acknowledgement was lost: the SDK sends again and knows the wait; a caller sends again and does not."""
    if random.random() < 0.5:
        later = first.appended_at + random.choice((1, 60_000, 121_000, 900_000))
        return Copy(later, 0, random.choice(brokers), fresh=True)
    waited = (first.waited_ms or 0) + random.choice((60_000, 120_000, 300_000))
    written = None if first.waited_ms is None else waited
    arrived = max(made_at + waited, made_at) + random.choice((0, flight))
    return Copy(arrived, written, random.choice(brokers))
