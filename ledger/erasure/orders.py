"""Orders to holders: made with the erasure, sealed and signed afresh at every sending, sent until answered.

The life of an order: :func:`make_order` seals whom it is about under the key-encryption key, as this holder knows
them; the row is written with the step *ordered*. :class:`OrderSender` takes it when it is due, seals it to the
holder's registered key, signs it and appends it to ``ledger.<controller>.orders``. The topic is kept for a week; a
holder that is away longer finds the order there all the same, since it is sent again under the same id in half of
that time, until it is answered (races.md, D19).
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ledger.domain.catalogue import Holder
from ledger.domain.identifiers import Identifier
from ledger.domain.orders import ErasureOrder, OrderContents
from ledger.domain.rights_requests import is_verified_enough, order_id_of
from ledger.errors import NotFound, Rejected
from ledger.order_security import UNSIGNED, seal_contents, signed
from ledger.read_model import pool, sql
from ledger.sealing import key_id
from ledger.vault.keys import seal_order_contents
from ledger.vault.secrets import Secrets

__all__ = ["RESEND_SECONDS", "NewOrder", "add_order", "give_anew", "make_order", "sealed_order", "send_now"]

RESEND_SECONDS: Final = 302_400.0
"""Half of the seven days for which the topic of orders is kept."""
_DAY_MS: Final = 86_400_000
_QUERIES: Final = "ledger.vault.queries"


class NewOrder(NamedTuple):
    """A row of ``vault.erasure_order``, column by column."""

    controller_id: int
    order_id: bytes
    request_id: bytes
    holder: str
    method: str
    categories: tuple[str, ...]
    required_verification: int
    topic: str | None
    contents: bytes
    issued_ms: int
    due_ms: int


def make_order(
    holder: Holder,
    *,
    key_encryption_key: bytes,
    controller_id: int,
    request_id: bytes,
    subject_ids: Sequence[bytes],
    identifiers: Sequence[Identifier],
    categories: Sequence[str],
    now_ms: int,
) -> NewOrder:
    """The order of a request to a holder of the catalogue; the same request makes the same order.

    It names the person only by what the catalogue says the holder finds them by. ``categories``: what is erased,
    everything if empty; those that this holder does not have are left out.
    """
    order_id = order_id_of(request_id, holder.id)
    contents = OrderContents(
        subject_ids=tuple(subject_ids) if "subject_id" in holder.identifiers else (),
        identifiers=tuple(who for who in identifiers if who.kind.value in holder.identifiers),
    )
    return NewOrder(
        controller_id=controller_id,
        order_id=order_id,
        request_id=request_id,
        holder=holder.id,
        method=holder.method,
        categories=tuple(name for name in categories if not holder.categories or name in holder.categories),
        required_verification=holder.verification,
        topic=holder.topic,
        contents=seal_order_contents(key_encryption_key, contents, controller_id, order_id),
        issued_ms=now_ms,
        due_ms=now_ms + holder.deadline_days * _DAY_MS,
    )


async def add_order(
    connection: Any,
    secrets: Secrets,
    *,
    controller_id: int,
    request_id: bytes,
    holder: Holder,
    subject_ids: Sequence[bytes],
    identifiers: Sequence[Identifier],
    categories: Sequence[str],
    now_ms: int,
) -> bytes:
    """Makes the order in the caller's transaction of the vault, to be sent at once; returns its id.

    The same order again is the one that stands.
    """
    order = make_order(
        holder,
        key_encryption_key=secrets.key_encryption_key,
        controller_id=controller_id,
        request_id=request_id,
        subject_ids=subject_ids,
        identifiers=identifiers,
        categories=categories,
        now_ms=now_ms,
    )
    await connection.execute(sql.load("order_create", _QUERIES), *order)
    return order.order_id


async def give_anew(vault: Any, controller_id: int, order_id: bytes, now_ms: int) -> None:
    """Gives a holder an order anew that it has refused, or that is not known as well as the catalogue demands.

    The holder acts again and its next answer counts; the one that it gave before does not, should it come again.
    Raises ``NotFound(order_unknown)``, ``Rejected(order_not_refused)``.
    """
    async with pool.borrowed(vault) as connection, connection.transaction():
        row = await connection.fetchrow(sql.load("order_lock", _QUERIES), controller_id, order_id)
        if row is None:
            raise NotFound("order_unknown")
        is_open = row["state"] == "acknowledged" and not is_verified_enough(
            row["verification"], row["required_verification"]
        )
        if not (row["state"] == "refused" or is_open) or not row["can_be_sent"]:
            raise Rejected("order_not_refused")
        await connection.execute(sql.load("order_give_anew", _QUERIES), controller_id, order_id, now_ms)


async def send_now(connection: Any, controller_id: int, holder: str) -> None:
    """Has a holder's open orders sent at the next tick: it has new keys, and what went before is sealed to the old."""
    with pool.translated():
        await connection.execute(sql.load("order_send_now", _QUERIES), controller_id, holder)


def sealed_order(
    row: Any, contents: OrderContents, *, controller: str, sealing_key: bytes, signing_key: bytes
) -> ErasureOrder:
    """The order of a row as it goes out: sealed to the holder's public ``sealing_key``, signed with the ledger's
    private ``signing_key``."""
    sealed = seal_contents(
        sealing_key, contents, controller=controller, holder=row["holder"], order_id=row["order_id"]
    )
    order = ErasureOrder(
        order_id=row["order_id"],
        request_id=row["request_id"],
        controller=controller,
        holder=row["holder"],
        method=row["method"],
        categories=tuple(row["categories"]),
        issued_at=row["issued_ms"],
        due_at=row["due_ms"],
        attempt=row["attempts"],
        counts_from=row["counts_from"],
        key_id=key_id(sealing_key),
        sealed=sealed,
        signature=UNSIGNED,
    )
    return signed(order, signing_key)
