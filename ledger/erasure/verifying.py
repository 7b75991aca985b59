"""The ledger's own look (verification 3): a holder's topic is scanned until it holds no value of the erased person.

One scan of a topic serves all orders that wait for it. Where the ledger writes the tombstones (methods ``tombstone``
and ``both``), a round also writes rollers, without which an idle partition keeps its values for ever, and tombstones
anew for what somebody has written since. Rounds come at growing distances: a quarter of the time that has passed.
"""

from collections.abc import Sequence
from typing import Any, Final

from ledger.erasure.holders import Holders
from ledger.erasure.queue import announce
from ledger.errors import LedgerError
from ledger.event_log.compacted_topic import CompactedTopic, Scan, scan_topic
from ledger.log_lines import get_logger
from ledger.metrics import ORDERS_VERIFIED
from ledger.read_model import pool, sql
from ledger.vault.directory import Controller

__all__ = ["Verifier"]

BATCH: Final = 1_000
LEASE_SECONDS: Final = 600.0
"""Longer than the scan of a large topic may take."""
FIRST_WAIT_SECONDS: Final = 1.0
LAST_WAIT_SECONDS: Final = 3_600.0
SCANNED: Final = 3
_QUERIES: Final = "ledger.vault.queries"
_log = get_logger(__name__)


class Verifier:
    """Scans holders' topics and notes what is verified, through a pool of the vault."""

    def __init__(self, vault: Any, holders: Holders, bootstrap: str) -> None:
        self._vault = vault
        self._holders = holders
        self._bootstrap = bootstrap

    async def verify_due(self, now_ms: int) -> int:
        """Scans the topics of orders that wait for it at ``now_ms``; returns how many orders are verified by it.

        A topic that cannot be read keeps its orders open, with the reason's code in ``detail``; they become overdue.
        Raises ``Unavailable`` when Postgres is down.
        """
        async with pool.borrowed(self._vault) as connection:
            rows = await connection.fetch(
                sql.load("order_take_to_scan", _QUERIES), now_ms, LEASE_SECONDS, BATCH
            )
        by_topic: dict[str, list[Any]] = {}
        for row in rows:
            by_topic.setdefault(row["topic"], []).append(row)
        verified = 0
        for topic, group in by_topic.items():
            verified += await self._verify_topic(topic, group, now_ms)
        return verified

    async def _verify_topic(self, topic: str, rows: Sequence[Any], now_ms: int) -> int:
        try:
            found = await self._scanned(topic, rows)
        except LedgerError as error:
            _log.warning("topic_not_scanned", topic=topic, code=error.code)
            await self._put_off(rows, error.code, now_ms)
            ORDERS_VERIFIED.labels("unreadable").inc(len(rows))
            return 0
        clean: list[Any] = []
        waiting: list[Any] = []
        for row in rows:
            (waiting if found.left(row["subject_ids"], _before_ms(row)) else clean).append(row)
        await self._note(clean, now_ms)
        await self._put_off(waiting, "topic_not_clean", now_ms)
        ORDERS_VERIFIED.labels("clean").inc(len(clean))
        ORDERS_VERIFIED.labels("not_clean").inc(len(waiting))
        return len(clean)

    async def _scanned(self, topic: str, rows: Sequence[Any]) -> Scan:
        keys = {subject_id for row in rows for subject_id in row["subject_ids"]}
        ours = [row for row in rows if row["method"] != "order"]
        if not ours:
            return await scan_topic(self._bootstrap, topic, keys)
        async with CompactedTopic.open(self._bootstrap, topic) as compacted:
            # Before the scan: it takes long in a large topic, and the cleaner works meanwhile.
            await compacted.roll()
            found = await compacted.scan(keys)
            due = (found.due(row["subject_ids"], _before_ms(row)) for row in ours)
            await compacted.tombstone(frozenset().union(*due))
            return found

    async def _note(self, rows: Sequence[Any], now_ms: int) -> None:
        """All in one transaction: one wait for the disk, and whoever dies over it has verified none."""
        controllers = await self._controllers(rows)
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            for row in rows:
                controller = controllers[row["controller_id"]]
                outcome = await connection.fetchval(
                    sql.load("order_verified", _QUERIES), controller.id, row["order_id"], now_ms
                )
                if outcome is not None:
                    await announce(
                        connection, controller, row["request_id"], row["subject_ids"], "verified",
                        holder=row["holder"], order_id=row["order_id"], outcome=outcome, verification=SCANNED,
                    )  # fmt: skip

    async def _controllers(self, rows: Sequence[Any]) -> dict[int, Controller]:
        numbers = {row["controller_id"] for row in rows}
        return {number: await self._holders.controller(number) for number in numbers}

    async def _put_off(self, rows: Sequence[Any], code: str, now_ms: int) -> None:
        columns = [
            (row["controller_id"], row["order_id"], code, now_ms, _wait_s(now_ms - row["since_ms"]))
            for row in rows
        ]
        async with pool.borrowed(self._vault) as connection:
            await connection.executemany(sql.load("order_scan_later", _QUERIES), columns)


def _wait_s(passed_ms: int) -> float:
    return min(max(passed_ms / 4000, FIRST_WAIT_SECONDS), LAST_WAIT_SECONDS)


def _before_ms(row: Any) -> int | None:
    """Who is erased in part only may come to the topic again, with what was written after the order: not counted."""
    return row["issued_ms"] if row["categories"] else None
