"""A check with the position of an acknowledged withdrawal never allows: ten thousand tries under load."""

import asyncio
from collections import Counter
from typing import Any

from tests.support.api import ApiUnderTest, new_email
from tests.support.http_load import LoadConnection

TRIES = 10_000
WORKERS = 64
CHECKS_PER_WITHDRAWAL = 8


async def test_a_check_at_the_position_of_a_withdrawal_never_allows(api: ApiUnderTest) -> None:
    """Each worker's person says yes, as seen on the screen, and no again: an older reading would allow."""
    reasons: Counter[str] = Counter()
    between: Counter[str] = Counter()

    async def worker() -> None:
        async with LoadConnection(api.url, api.key) as connection:
            person, position = {"email": new_email()}, None
            while reasons.total() < TRIES:
                granted = await recorded(connection, person, position, "grant", notice="signup@3")
                between[await checked(connection, person, granted)] += 1
                position = await recorded(connection, person, None, "withdraw")
                for _ in range(CHECKS_PER_WITHDRAWAL):
                    reasons[await checked(connection, person, position)] += 1

    await asyncio.gather(*(worker() for _ in range(WORKERS)))
    assert set(reasons) <= {"withdrawn", "position_not_reached"}, reasons
    assert reasons["withdrawn"] > TRIES * 0.9, reasons
    assert between["consent_given"] > TRIES / CHECKS_PER_WITHDRAWAL * 0.9, between


async def recorded(
    connection: LoadConnection, person: dict[str, str], seen: str | None, act: str, **fields: Any
) -> str:
    acts = [{"act": act, "purpose": "newsletter", "channel": "email", **fields}]
    status, saved = await connection.post("/v1/acts", {"subject": person, "acts": acts, "seen": seen})
    assert status == 201, saved
    position: str = saved["position"]
    return position


async def checked(connection: LoadConnection, person: dict[str, str], position: str) -> str:
    question = {"subject": person, "purpose": "newsletter", "channel": "email"}
    body = {"questions": [question], "at_least": position, "wait_ms": 10_000}
    status, answer = await connection.post("/v1/decisions", body)
    assert status == 200, answer
    reason: str = answer["answers"][0]["reason"]
    return reason
