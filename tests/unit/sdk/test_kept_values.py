"""What a direct producer remembers, and for how long."""

import asyncio

import pytest

from ledger.domain.catalogue import Catalogue
from ledger.errors import Rejected, Unavailable
from ledger.sdk.kept_catalogue import KeptCatalogue
from ledger.sdk.people import Person, email, subject_id
from ledger.sdk.resolved_ids import IdGrownOld, Resolution, ResolvedIds
from ledger.sdk.turns import FirstCalls, Turns
from tests.support.catalogue import small_catalogue

ANNA = email("anna@example.se")


class Clock:
    """Seconds since boot, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Directory:
    """Resolves everybody to the id that stands in it, taking ``seconds`` for it."""

    def __init__(self, clock: Clock, seconds: float = 0.0) -> None:
        self.clock = clock
        self.seconds = seconds
        self.subject_id = b"a" * 16
        self.active = True
        self.asked = 0

    async def resolve(self, person: Person) -> Resolution:
        self.asked += 1
        found = Resolution(self.subject_id, self.active)
        self.clock.now += self.seconds
        return found


async def test_an_id_is_remembered_for_a_minute() -> None:
    clock = Clock()
    directory = Directory(clock)
    ids = ResolvedIds(directory.resolve, clock)
    await ids.of(ANNA)
    clock.now += 60.0
    await ids.of(ANNA)
    assert directory.asked == 1
    clock.now += 0.1
    directory.subject_id = b"b" * 16
    assert (await ids.of(ANNA)).subject_id == b"b" * 16


async def test_the_minute_counts_from_before_the_resolve() -> None:
    clock = Clock()
    directory = Directory(clock, seconds=50.0)
    ids = ResolvedIds(directory.resolve, clock)
    resolved = await ids.of(ANNA)
    assert not ids.is_old(resolved)
    clock.now += 10.1
    assert ids.is_old(resolved)
    await ids.of(ANNA)
    assert directory.asked == 2


async def test_an_id_that_the_caller_holds_is_never_asked_for_and_never_old() -> None:
    clock = Clock()
    directory = Directory(clock)
    ids = ResolvedIds(directory.resolve, clock)
    resolved = await ids.of(subject_id(b"c" * 16))
    clock.now += 1e9
    assert not ids.is_old(resolved)
    assert (await ids.anew(subject_id(b"c" * 16))).subject_id == b"c" * 16
    assert directory.asked == 0


async def test_an_id_lives_as_long_as_the_ledger_says_and_no_attempt_begins_under_an_old_one() -> None:
    clock, allowed = Clock(), [60.0]
    directory = Directory(clock)
    ids = ResolvedIds(directory.resolve, clock, lambda: allowed[0])
    resolved = await ids.of(ANNA)
    clock.now += 3.0
    ids.require_young(resolved)
    allowed[0] = 2.0
    with pytest.raises(IdGrownOld):
        ids.require_young(resolved)
    await ids.of(ANNA)
    assert directory.asked == 2


async def test_somebody_under_erasure_is_asked_for_each_time() -> None:
    clock = Clock()
    directory = Directory(clock)
    directory.active = False
    ids = ResolvedIds(directory.resolve, clock)
    assert [(await ids.of(ANNA)).active, (await ids.of(ANNA)).active] == [False, False]
    assert directory.asked == 2


async def test_a_resolve_that_fails_is_not_remembered() -> None:
    clock = Clock()

    async def fails(person: Person) -> Resolution:
        raise Unavailable("ledger_unavailable")

    ids = ResolvedIds(fails, clock)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await ids.of(ANNA)


async def test_a_catalogue_is_asked_for_once_a_minute_whoever_asks() -> None:
    clock, asked = Clock(), []

    async def fetch() -> Catalogue:
        asked.append(clock.now)
        await asyncio.sleep(0)
        return small_catalogue()

    kept = KeptCatalogue(fetch, clock)
    await asyncio.gather(*(kept.current() for _ in range(5)))
    clock.now += 60.0
    await kept.current()
    assert len(asked) == 1
    clock.now += 0.1
    assert await kept.current() == small_catalogue()
    assert len(asked) == 2


@pytest.mark.parametrize("error", [Unavailable("ledger_unavailable"), Rejected("catalogue_malformed")])
async def test_a_catalogue_that_nobody_can_tell_is_none_and_not_asked_for_at_every_act(
    error: Exception,
) -> None:
    clock, asked = Clock(), []

    async def fetch() -> Catalogue:
        asked.append(clock.now)
        raise error

    kept = KeptCatalogue(fetch, clock)
    assert [await kept.current() for _ in range(3)] == [None, None, None]
    assert len(asked) == 1
    clock.now += 5.1
    await kept.current()
    assert len(asked) == 2


async def test_a_catalogue_older_than_a_minute_is_not_used_when_no_other_can_be_had() -> None:
    clock, answers = Clock(), [small_catalogue()]

    async def fetch() -> Catalogue:
        if not answers:
            raise Unavailable("ledger_unavailable")
        return answers.pop()

    kept = KeptCatalogue(fetch, clock)
    assert await kept.current() is not None
    clock.now += 60.1
    assert await kept.current() is None


async def test_turns_are_taken_in_the_order_of_asking_and_leave_nothing_behind() -> None:
    turns, order = Turns(), []

    async def take(name: str, person: Person) -> None:
        async with turns.of(person):
            await asyncio.sleep(0)
            order.append(name)

    bertil = email("bertil@example.se")
    await asyncio.gather(take("a1", ANNA), take("a2", ANNA), take("b1", bertil), take("a3", ANNA))
    assert [name for name in order if name.startswith("a")] == ["a1", "a2", "a3"]
    assert order.index("b1") < order.index("a3")
    assert turns._held == {}


async def test_a_turn_that_is_given_up_lets_the_next_one_in() -> None:
    turns = Turns()
    async with turns.of(ANNA):
        waiting = asyncio.create_task(_one_turn(turns))
        given_up = asyncio.create_task(_one_turn(turns))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
    assert await waiting == "taken"
    assert given_up.cancelled()
    assert turns._held == {}


async def _one_turn(turns: Turns) -> str:
    async with turns.of(ANNA):
        return "taken"


def test_the_earliest_call_under_a_key_counts_until_it_is_settled() -> None:
    calls = FirstCalls()
    assert calls.of("key", 10.0) == 10.0
    assert calls.of("key", 70.0) == 10.0
    assert calls.of("key", 5.0) == 5.0
    assert calls.of("other", 70.0) == 70.0
    calls.settle("key")
    assert calls.of("key", 90.0) == 90.0
