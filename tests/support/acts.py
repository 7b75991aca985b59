"""Hypothesis strategies for acts, stamped records, rows, catalogues and questions.

Names are few, so that acts meet; each list holds one name that no catalogue declares.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

import msgspec
from hypothesis import strategies as st

from ledger.domain.catalogue import Basis, Catalogue, unsound_places
from ledger.domain.events import (
    Capture,
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    Coordinates,
    Envelope,
    Lane,
    NoticeServed,
    ObjectionRaised,
    Origin,
    PreferenceSet,
    RanksBelow,
    Scope,
    Seen,
    SubjectEvent,
    SuppressionCarried,
    Voice,
)
from ledger.domain.ranks import Record, advance_stamp
from ledger.domain.rows import Detail, Half, Row
from ledger.domain.scopes import Question
from tests.support.catalogue import FAR_AHEAD_MS, LONG_AGO_MS, small_catalogue

__all__ = [
    "BASE_MS",
    "LANES",
    "LOG_ID",
    "catalogues",
    "envelopes",
    "events",
    "halves",
    "noes",
    "questions",
    "random_acts",
    "rows",
    "stamped",
    "stamped_logs",
    "yeses",
]

BASE_MS: Final = 1_760_000_000_000
LOG_ID: Final = b"L" * 16
CONTROLLER: Final = "example"

PURPOSES: Final = ("newsletter", "profiling", "sharing", "offers", "survey", "delivery", "telepathy")
CHANNELS: Final = ("email", "sms", "pigeon")
RECIPIENTS: Final = ("acme", "globex", "initech")
CATEGORIES: Final = ("contact", "behaviour", "blood")
ITEMS: Final = ("gardening", "chess")
CLASSES: Final = ("marketing", "service", "riddles")
GROUPS: Final = ("marketing", "riddles")
NOTICES: Final = ("signup@1", "signup@3", "terms@1", "unknown@1")
LANES: Final = (Lane.LIVE, Lane.LIVE, Lane.LIVE, Lane.BACKFILL)

moments = st.integers(-400_000, 400_000).map(lambda offset: BASE_MS + offset)
ids = st.binary(min_size=16, max_size=16)


def _maybe(values: Sequence[str]) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.none(), st.sampled_from(values))


scopes = st.builds(
    Scope,
    purpose=st.one_of(st.none(), st.sampled_from(PURPOSES)),
    purpose_group=_maybe(GROUPS),
    channel=_maybe(CHANNELS),
    recipient=_maybe(RECIPIENTS),
    item=_maybe(ITEMS),
    category=_maybe(CATEGORIES),
)
specific_scopes = st.builds(
    Scope,
    purpose=st.sampled_from(PURPOSES),
    channel=st.one_of(st.none(), st.sampled_from(CHANNELS)),
    recipient=_maybe(RECIPIENTS),
    item=_maybe(ITEMS),
    category=_maybe(CATEGORIES),
)
seens = st.builds(
    Seen,
    log_id=st.sampled_from((LOG_ID, b"M" * 16)),
    generation=st.sampled_from((1, 1, 2)),
    lane=st.sampled_from(LANES),
    partition=st.sampled_from((0, 0, 1)),
    next_offset=st.integers(0, 40),
    stamp_ms=moments,
)
envelopes = st.builds(
    Envelope,
    event_id=ids,
    act_id=ids,
    controller=st.just(CONTROLLER),
    source=st.just("web"),
    voice=st.sampled_from((Voice.PERSON,) * 6 + tuple(Voice)),
    capture=st.sampled_from(Capture),
    origin=st.sampled_from((Origin.DIRECT,) * 4 + tuple(Origin)),
    occurred_at=st.one_of(st.none(), moments),
    stated_exactly=st.booleans(),
    effective_from=st.one_of(st.none(), st.none(), moments),
    waited_ms=st.one_of(st.none(), st.just(0), st.integers(-1, 500_000)),
    may_be_repeat=st.booleans(),
    seen=st.one_of(st.none(), seens),
    ranks_below=st.one_of(st.none(), st.none(), st.builds(RanksBelow, ms=moments, seq=st.integers(0, 80))),
)

grants = st.builds(
    ConsentGiven,
    envelope=envelopes,
    scope=st.one_of(specific_scopes, specific_scopes, scopes),
    notice=st.sampled_from(NOTICES),
    expires_at=st.one_of(st.none(), st.none(), moments),
    confirms=st.one_of(st.none(), st.none(), st.none(), st.sampled_from((b"1" * 16, b"2" * 16))),
    verified=st.booleans(),
)
preferences_in = st.builds(
    PreferenceSet,
    envelope=envelopes,
    scope=st.one_of(specific_scopes, scopes),
    direction=st.just("in"),
    topic=_maybe(ITEMS),
    message_class=_maybe(CLASSES),
)
preferences_out = st.builds(
    PreferenceSet,
    envelope=envelopes,
    scope=scopes,
    direction=st.just("out"),
    topic=_maybe(ITEMS),
    message_class=_maybe(CLASSES),
)
refusals = st.builds(
    ConsentRefused, envelope=envelopes, scope=scopes, notice=st.one_of(st.none(), st.sampled_from(NOTICES))
)
withdrawals = st.builds(ConsentWithdrawn, envelope=envelopes, scope=scopes)
objections = st.builds(ObjectionRaised, envelope=envelopes, scope=scopes, episode_id=ids)
notices_served = st.builds(
    NoticeServed, envelope=envelopes, notice=st.sampled_from(NOTICES), language=st.sampled_from((None, "sv"))
)

yeses: st.SearchStrategy[SubjectEvent] = st.one_of(grants, grants, preferences_in)
noes: st.SearchStrategy[SubjectEvent] = st.one_of(refusals, withdrawals, preferences_out, objections)
events: st.SearchStrategy[SubjectEvent] = st.one_of(yeses, noes, notices_served)


def stamped(
    acts: Sequence[SubjectEvent], lanes: Sequence[Lane], broker_times: Sequence[int], *, generation: int = 1
) -> list[tuple[SubjectEvent, Record]]:
    """The acts as records of one partition in each lane, stamped in the order given."""
    state: dict[Lane, tuple[int, int, int]] = {}
    records = []
    for event, lane, broker_ms in zip(acts, lanes, broker_times, strict=True):
        offset, stamp_ms, floor_ms = state.get(lane, (0, BASE_MS - 1_000_000, 0))
        offset += 1
        stamp_ms, floor_ms = advance_stamp(stamp_ms, floor_ms, broker_ms)
        state[lane] = (offset, stamp_ms, floor_ms)
        coordinates = Coordinates(log_id=LOG_ID, generation=generation, lane=lane, partition=0, offset=offset)
        record = Record(
            coordinates=coordinates, broker_ms=broker_ms, stamp_ms=stamp_ms, clock_floor_ms=floor_ms
        )
        records.append((event, record))
    return records


@st.composite
def stamped_logs(
    draw: st.DrawFn, acts: st.SearchStrategy[SubjectEvent] = events, *, min_size: int = 0, max_size: int = 8
) -> list[tuple[SubjectEvent, Record]]:
    """Acts of one subject in both lanes; broker time steps forward and back."""
    drawn = draw(st.lists(acts, min_size=min_size, max_size=max_size))
    size = len(drawn)
    lanes = draw(st.lists(st.sampled_from(LANES), min_size=size, max_size=size))
    steps = draw(
        st.lists(st.sampled_from((0, 1, 30_000, 61_000, 150_000, -1, -30_000)), min_size=size, max_size=size)
    )
    now, times = BASE_MS - 300_000, []
    for step in steps:
        now += step
        times.append(now)
    return stamped(drawn, lanes, times)


questions = st.builds(
    Question,
    purpose=st.sampled_from(PURPOSES),
    channel=st.one_of(st.just("email"), _maybe(CHANNELS)),
    recipient=_maybe(RECIPIENTS),
    item=_maybe(ITEMS),
    category=_maybe(CATEGORIES),
)


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Sound variations of the small catalogue: other bases, classes, groups, balancing; some names undeclared."""
    catalogue = small_catalogue(CONTROLLER, draw(st.integers(1, 3)))
    purposes = {}
    for key, purpose in catalogue.purposes.items():
        if draw(st.integers(0, 9)) == 0:
            continue
        basis = draw(st.sampled_from((purpose.basis, purpose.basis, *Basis)))
        balancing = catalogue.purposes["offers"].balancing
        if balancing is not None and draw(st.integers(0, 4)) == 0:
            balancing = msgspec.structs.replace(balancing, review_due_ms=BASE_MS)
        purposes[key] = msgspec.structs.replace(
            purpose,
            basis=basis,
            balancing=balancing,
            direct_marketing=draw(st.booleans()),
            message_class=draw(st.sampled_from(("marketing", "service"))),
            groups=draw(st.sampled_from(((), ("marketing",)))),
            existing_customer_required=draw(st.integers(0, 5)) == 0,
        )
    notices = {
        key: msgspec.structs.replace(
            notice, purposes=tuple(name for name in notice.purposes if name in purposes)
        )
        for key, notice in catalogue.notices.items()
    }
    holds = {
        key: msgspec.structs.replace(hold, purposes=tuple(name for name in hold.purposes if name in purposes))
        for key, hold in catalogue.holds.items()
    }
    varied = msgspec.structs.replace(catalogue, purposes=purposes, notices=notices, holds=holds)
    assert unsound_places(varied) == []
    return varied


halves = st.builds(
    Half,
    value=st.sampled_from(
        (
            "given", "opted_in", "withdrawn", "refused", "opted_out", "objected", "suppressed", "blocked", "erased",
            "held", "abducted",
        )
    ),
    rank_ms=moments,
    rank_seq=st.integers(0, 60),
    event_id=st.sampled_from((b"a" * 16, b"b" * 16)),
    generation=st.sampled_from((1, 1, 2)),
    lane=st.integers(0, 1),
    partition=st.sampled_from((0, 0, 1)),
    offset=st.integers(0, 30),
)
details = st.builds(
    Detail,
    effective_from_ms=st.one_of(st.none(), moments),
    until_ms=st.one_of(st.none(), moments, st.just(FAR_AHEAD_MS), st.just(LONG_AGO_MS)),
    notice=st.one_of(st.none(), st.sampled_from(NOTICES)),
    verified=st.booleans(),
    stamp_ms=moments,
)
rows = st.builds(
    Row,
    row_key=ids,
    shape=st.sampled_from(("yes", "no", "pair", "episode", "fact", "remark")),
    voice=st.sampled_from(("person", "administrator", "controller", "authority", "signal", "poltergeist")),
    kind=st.sampled_from(
        (
            "consent", "preference", "objection", "double_opt_in", "suppression", "restriction", "minor", "erasure",
            "hold", "link", "erased_before",
        )
    ),
    purpose=st.sampled_from(("", *PURPOSES)),
    purpose_group=st.sampled_from(("", "", "marketing", "@marketing", "@riddles", "riddles")),
    channel=st.sampled_from(("", *CHANNELS)),
    recipient=st.sampled_from(("", "", *RECIPIENTS)),
    item=st.sampled_from(("", "", "chess", "#chess")),
    category=st.sampled_from(("", "", *CATEGORIES)),
    first=st.one_of(st.none(), halves, halves, halves),
    detail=st.one_of(st.none(), details, details),
    second=st.one_of(st.none(), halves),
)
"""Anything a read model could hold, even what no event of this version writes."""


def random_acts(random: Random, size: int) -> list[tuple[SubjectEvent, Record]]:
    """Stamped acts that nearly all speak to a few questions, drawn fast, so that thousands of logs can be judged."""
    now, times = BASE_MS - 400_000, []
    acts, lanes = [], []
    for number in range(size):
        now += random.choice((0, 1, 20_000, 61_000, 130_000, -30_000))
        times.append(now)
        lanes.append(random.choice(LANES))
        acts.append(_random_act(random, number, now, lanes))
    return stamped(acts, lanes, times)


def _random_act(random: Random, number: int, now: int, lanes: Sequence[Lane]) -> SubjectEvent:
    envelope = _random_envelope(random, number, now, lanes)
    purpose, channel, recipient = random.choice(
        (
            ("newsletter", "email", None),
            ("survey", "email", None),
            ("sharing", None, "acme"),
            ("delivery", "sms", None),
        )
    )
    exact = Scope(purpose=purpose, channel=channel, recipient=recipient)
    wide = random.choice((exact, exact, Scope(channel=channel), Scope(purpose_group="marketing"), Scope()))
    message_class = random.choice((None, None, "marketing"))
    expires_at = random.choice((None, None, BASE_MS + 500_000, BASE_MS + 700_000))
    match random.randrange(9):
        case 0 | 1 | 2:
            return ConsentGiven(
                envelope=envelope,
                scope=exact,
                notice=random.choice(("signup@1", "signup@3", "terms@1")),
                expires_at=expires_at,
                verified=random.random() < 0.3,
            )
        case 3:
            return PreferenceSet(
                envelope=envelope,
                scope=exact if message_class is None else wide,
                direction="in",
                message_class=message_class,
            )
        case 4:
            return PreferenceSet(envelope=envelope, scope=wide, direction="out", message_class=message_class)
        case 5:
            return ConsentWithdrawn(envelope=envelope, scope=wide)
        case 6:
            return ObjectionRaised(envelope=envelope, scope=wide, episode_id=envelope.event_id)
        case 7:
            return SuppressionCarried(envelope=envelope, scope=wide, rank_ms=now - 200_000, rank_seq=0)
        case _:
            return random.choice(
                (
                    ConsentRefused(envelope=envelope, scope=exact),
                    NoticeServed(envelope=envelope, notice="signup@3"),
                )
            )


def _random_envelope(random: Random, number: int, now: int, lanes: Sequence[Lane]) -> Envelope:
    event_id = number.to_bytes(2, "big") + random.randbytes(14)
    seen = None
    if random.random() < 0.6:
        seen = Seen(
            log_id=LOG_ID,
            generation=1,
            lane=lanes[-1],
            partition=0,
            next_offset=lanes.count(lanes[-1]) - random.choice((0, 0, 1)),
            stamp_ms=now - random.choice((0, 0, 1, 40_000)),
        )
    return Envelope(
        event_id=event_id,
        act_id=event_id,
        controller=CONTROLLER,
        source="web",
        voice=Voice.PERSON if random.random() < 0.85 else random.choice(tuple(Voice)),
        origin=Origin.DIRECT if random.random() < 0.9 else Origin.IMPORTED,
        occurred_at=random.choice((None, now, now - 5_000)),
        effective_from=random.choice((None, None, None, BASE_MS, BASE_MS + 650_000)),
        waited_ms=random.choice((0, 0, 0, 200_000, None)),
        seen=seen,
    )
