"""Sends the orders that are due: to a holder's service by the topic of orders, to a holder's topic by tombstone.

Any number of processes may send at once: each takes rows that no other holds, for a minute. A process that dies over
them leaves them to the next, and the holder knows an order by its id. Method ``tombstone`` needs no service at the
holder, the ledger writes tombstones and rollers itself and a scan is the answer; ``both`` does both, since a consumer
that is away for longer than a tombstone is kept would never hear of it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ledger.domain.orders import OrderContents
from ledger.erasure.holders import HolderKeys, Holders
from ledger.erasure.orders import RESEND_SECONDS, sealed_order
from ledger.erasure.queue import announce
from ledger.errors import IntegrityViolation, LedgerError
from ledger.event_log import codec
from ledger.event_log.compacted_topic import CompactedTopic
from ledger.event_log.producer import Appender
from ledger.event_log.topic_table import orders_topic
from ledger.log_lines import get_logger
from ledger.metrics import ORDERS_OVERDUE, ORDERS_SENT
from ledger.read_model import pool, sql
from ledger.vault.keys import open_order_contents
from ledger.vault.secrets import Secrets

__all__ = ["OrderSender"]

BATCH: Final = 200
LEASE_SECONDS: Final = 60.0
"""Longer than one batch may take: what a dead process had taken is sent after this."""
APPEND_SECONDS: Final = 20.0
TRY_AGAIN_SECONDS: Final = 15.0
"""After a sending that failed, and while the holder is not registered."""
_QUERIES: Final = "ledger.vault.queries"
_log = get_logger(__name__)


class OrderSender:
    """Sends orders and notes it, through pools of the vault and of the read model."""

    def __init__(
        self,
        vault: Any,
        holders: Holders,
        secrets: Secrets,
        appender: Appender,
        bootstrap: str,
        *,
        resend_seconds: float = RESEND_SECONDS,
    ) -> None:
        self._vault = vault
        self._holders = holders
        self._secrets = secrets
        self._appender = appender
        self._bootstrap = bootstrap
        self._resend_seconds = resend_seconds

    async def send_due(self, now_ms: int) -> int:
        """Sends at most 200 orders that are due at ``now_ms``, each acknowledged and noted; returns how many went.

        What cannot be sent stays as it is, with the code of the reason in ``detail``, and is tried again: an order
        to a holder that is not registered (``holder_unregistered``) or whose topic cannot take tombstones becomes
        overdue in the end, and the request shows it. Raises ``Unavailable`` when Postgres is down.
        """
        async with pool.borrowed(self._vault) as connection:
            rows = await connection.fetch(sql.load("order_take_due", _QUERIES), now_ms, LEASE_SECONDS, BATCH)
        by_topic: dict[str | None, list[Any]] = {}
        for row in rows:
            by_topic.setdefault(row["topic"] if row["method"] != "order" else None, []).append(row)
        # Side by side, so that a topic that is slow to be written to delays no order.
        groups = await asyncio.gather(
            *(self._send_group(topic, group, now_ms) for topic, group in by_topic.items())
        )
        return sum(codes.count(None) for codes in groups)

    async def mark_overdue(self, now_ms: int) -> list[Any]:
        """Marks and announces orders whose day has passed without an answer that is good enough, each once.

        Returns their rows (controller_id, order_id, request_id, holder, state, due_ms, subject_ids).
        """
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            late = await connection.fetch(sql.load("order_mark_overdue", _QUERIES), now_ms, BATCH)
            for row in late:
                controller = await self._holders.controller(row["controller_id"])
                await announce(
                    connection, controller, row["request_id"], row["subject_ids"], "overdue",
                    holder=row["holder"], order_id=row["order_id"], until_ms=row["due_ms"],
                )  # fmt: skip
        for row in late:
            ORDERS_OVERDUE.inc()
            _log.warning("order_overdue", request_id=row["request_id"], reason=row["state"])
        return list(late)

    async def _send_group(self, topic: str | None, rows: Sequence[Any], now_ms: int) -> list[str | None]:
        """None for each order that was sent, else why not. ``topic`` gets a tombstone for every subject first."""
        opened = [_Opened(row, *self._contents(row)) for row in rows]
        if topic is not None:
            try:
                await self._tombstone(topic, opened)
            except LedgerError as error:
                return [await self._put_off(row, error.code, now_ms) for row in rows]
        keys = await self._keys_of(rows)
        codes = await asyncio.gather(*(self._send(one, keys) for one in opened))
        await self._note([row for row, code in zip(rows, codes, strict=True) if code is None], now_ms)
        for row, code in zip(rows, codes, strict=True):
            if code is not None:
                await self._put_off(row, code, now_ms)
        return codes

    async def _keys_of(self, rows: Sequence[Any]) -> dict[tuple[int, str], HolderKeys | None]:
        named = {(row["controller_id"], row["holder"]) for row in rows if row["method"] != "tombstone"}
        return {key: await self._holders.keys(*key) for key in named}

    async def _tombstone(self, topic: str, opened: Sequence["_Opened"]) -> None:
        keys = {key for one in opened if not one.row["categories"] for key in one.contents.subject_ids}
        async with CompactedTopic.open(self._bootstrap, topic) as compacted:
            partial = [one for one in opened if one.row["categories"]]
            if partial:
                # Who stays a customer may be in the topic again by now: only what is older than the order goes.
                found = await compacted.scan({key for one in partial for key in one.contents.subject_ids})
                for one in partial:
                    keys |= found.due(one.contents.subject_ids, one.row["issued_ms"])
            await compacted.tombstone(keys)
            await compacted.roll()

    async def _send(self, opened: "_Opened", keys: Mapping[tuple[int, str], HolderKeys | None]) -> str | None:
        row = opened.row
        if opened.code is not None or row["method"] == "tombstone":
            return opened.code
        own_keys = keys[row["controller_id"], row["holder"]]
        if own_keys is None:
            return "holder_unregistered"
        try:
            controller = await self._holders.controller(row["controller_id"])
            order = sealed_order(
                row,
                opened.contents,
                controller=controller.name,
                sealing_key=own_keys.sealing_key,
                signing_key=self._secrets.order_signing_key,
            )
            value = codec.encode(order)
            key, topic = row["holder"].encode(), orders_topic(controller.name)
            await self._appender.append(topic, 0, key, lambda _: value, timeout_s=APPEND_SECONDS)
        except LedgerError as error:
            return error.code
        return None

    async def _note(self, rows: Sequence[Any], now_ms: int) -> None:
        if not rows:
            return
        # A tombstone is followed up by a scan, at once; an order is sent again.
        waits = [0.0 if row["method"] == "tombstone" else self._resend_seconds for row in rows]
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(
                sql.load("order_note_sent", _QUERIES),
                [row["controller_id"] for row in rows],
                [row["order_id"] for row in rows],
                now_ms,
                waits,
            )
        for row in rows:
            ORDERS_SENT.labels("first" if row["attempts"] == 1 else "again").inc()

    async def _put_off(self, row: Any, code: str, now_ms: int) -> str:
        # Only here is it certain that nothing has gone out; after any other failure the order may have arrived.
        untold = code == "holder_unregistered"
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(
                sql.load("order_put_off", _QUERIES),
                row["controller_id"],
                row["order_id"],
                code,
                now_ms,
                min(TRY_AGAIN_SECONDS, self._resend_seconds),
                untold,
            )
        ORDERS_SENT.labels("failed").inc()
        _log.warning("order_not_sent", request_id=row["request_id"], code=code)
        return code

    def _contents(self, row: Any) -> tuple[OrderContents, str | None]:
        """Whom the order is about, and the code of what is wrong with it: one bad row must not stop the others."""
        kek = self._secrets.key_encryption_key
        try:
            return open_order_contents(kek, row["contents"], row["controller_id"], row["order_id"]), None
        except IntegrityViolation as error:
            return OrderContents(), error.code


class _Opened(NamedTuple):
    row: Any
    contents: OrderContents
    code: str | None
