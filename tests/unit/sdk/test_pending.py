"""An answer that was not awaited is neither true nor false."""

import asyncio
import gc
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from ledger.errors import NotAwaited
from ledger.sdk.pending import Pending


async def _seven() -> int:
    return 7


def pending() -> Pending[int]:
    """An answer of seven."""
    return Pending("check", _seven)


async def test_awaited_it_is_the_answer() -> None:
    assert await pending() == 7


async def test_it_can_be_a_task_and_a_part_of_a_gathering() -> None:
    task = asyncio.create_task(pending())
    assert await asyncio.gather(pending(), task) == [7, 7]
    assert await asyncio.wait_for(pending(), 1) == 7


@pytest.mark.parametrize(
    "use",
    [
        bool,
        lambda answer: not answer,
        list,
        len,
        lambda answer: answer.allowed,
        lambda answer: answer.reason,
        lambda answer: answer.require(),
        lambda answer: [verdict for verdict in answer if verdict],
    ],
)
async def test_used_before_it_is_awaited_it_raises(use: Callable[[Any], object]) -> None:
    answer = pending()
    with pytest.raises(NotAwaited) as raised:
        use(answer)
    assert "await check(...)" in str(raised.value)
    answer.close()


async def test_other_attributes_are_simply_missing() -> None:
    answer = pending()
    assert not hasattr(answer, "colour")
    answer.close()


async def test_thrown_away_it_warns() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pending()
        gc.collect()
    assert [str(warning.message) for warning in caught] == ["check(...) was never awaited: nothing was asked"]


async def test_nothing_is_asked_before_it_is_awaited() -> None:
    asked = []

    async def ask() -> None:
        asked.append(1)

    answer = Pending("check", ask)
    await asyncio.sleep(0)
    assert asked == []
    await answer
    assert asked == [1]


async def test_what_is_raised_while_asking_reaches_the_caller() -> None:
    async def ask() -> int:
        raise LookupError("nobody")

    with pytest.raises(LookupError):
        await Pending("check", ask)


async def test_a_cancelled_question_is_cancelled_inside() -> None:
    ended = []

    async def ask() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(1)

    task = asyncio.create_task(Pending("check", ask))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [1]
