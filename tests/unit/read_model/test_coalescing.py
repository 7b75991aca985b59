"""Questions that wait together share a query, and none is answered from before it was asked."""

import asyncio

import pytest

from ledger.errors import Unavailable
from ledger.read_model.coalescing import MAX_BATCH, MAX_WAITING, Coalescer


async def test_questions_that_wait_share_queries_over_two_lanes() -> None:
    batches: list[int] = []

    async def fetch(keys: list[int]) -> list[int]:
        batches.append(len(keys))
        await asyncio.sleep(0.01)
        return [key * 2 for key in keys]

    coalescer = Coalescer(fetch, lanes=2, timeout_seconds=5)
    answers = await asyncio.gather(*(coalescer.ask([number]) for number in range(300)))
    assert answers == [[number * 2] for number in range(300)]
    assert len(batches) <= 3


async def test_a_question_is_never_answered_by_a_query_that_began_before_it() -> None:
    version = 0

    async def fetch(keys: list[int]) -> list[int]:
        seen = version
        await asyncio.sleep(0.01)
        return [seen for _ in keys]

    coalescer = Coalescer(fetch, lanes=2, timeout_seconds=5)

    async def ask_after_writing() -> None:
        nonlocal version
        version += 1
        written = version
        (seen,) = await coalescer.ask([0])
        assert seen >= written

    async def later(number: int) -> None:
        await asyncio.sleep(number * 0.001)
        await ask_after_writing()

    await asyncio.gather(*(later(number) for number in range(100)))


async def test_more_questions_than_one_query_takes_are_spread_over_several() -> None:
    sizes: list[int] = []

    async def fetch(keys: list[int]) -> list[int]:
        sizes.append(len(keys))
        return keys

    coalescer = Coalescer(fetch, timeout_seconds=5)
    wanted = list(range(2 * MAX_BATCH + 1))
    assert await coalescer.ask(wanted) == wanted
    assert max(sizes) == MAX_BATCH


async def test_a_store_that_hangs_is_told_as_unavailable_and_answers_again_later() -> None:
    hangs = asyncio.Event()

    async def fetch(keys: list[int]) -> list[int]:
        await hangs.wait()
        return keys

    coalescer = Coalescer(fetch, lanes=1, timeout_seconds=0.05)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await coalescer.ask([1])
    hangs.set()
    assert await coalescer.ask([2]) == [2]


async def test_an_error_reaches_everybody_who_asked_and_nobody_else() -> None:
    fails = True

    async def fetch(keys: list[int]) -> list[int]:
        if fails:
            raise Unavailable("postgres_unavailable")
        return keys

    coalescer = Coalescer(fetch, timeout_seconds=5)
    results = await asyncio.gather(
        *(coalescer.ask([number, number]) for number in range(5)), return_exceptions=True
    )
    assert all(isinstance(result, Unavailable) for result in results)
    fails = False
    assert await coalescer.ask([7]) == [7]


async def test_a_caller_that_leaves_is_not_asked_for() -> None:
    asked: list[int] = []
    free = asyncio.Event()

    async def fetch(keys: list[int]) -> list[int]:
        asked.extend(keys)
        await free.wait()
        return keys

    coalescer = Coalescer(fetch, lanes=1, timeout_seconds=5)
    first = asyncio.create_task(coalescer.ask([1]))
    await asyncio.sleep(0.01)
    gone = asyncio.create_task(coalescer.ask([2]))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.wait([gone])
    free.set()
    assert await first == [1]
    assert await coalescer.ask([3]) == [3]
    assert asked == [1, 3]


async def test_more_questions_than_may_wait_are_refused() -> None:
    async def fetch(keys: list[int]) -> list[int]:
        return keys

    coalescer = Coalescer(fetch, timeout_seconds=5)
    with pytest.raises(Unavailable) as refused:
        await coalescer.ask(range(MAX_WAITING + 1))
    assert refused.value.code == "overloaded"
