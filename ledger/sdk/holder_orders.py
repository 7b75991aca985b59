"""What a holder accepts as an order: signed by the ledger, for this controller and holder, sealed to this key."""

from typing import Final

from ledger.domain.orders import ErasureOrder, OrderContents
from ledger.errors import MalformedRecord, Rejected
from ledger.event_log import codec
from ledger.order_security import is_signed_by, open_contents
from ledger.sdk.holder_keys import HolderKeys

__all__ = ["CLOCKS_APART_MS", "opened_order", "order_of"]

CLOCKS_APART_MS: Final = 600_000
"""By how much the ledger's clock may be ahead of this machine's."""


def order_of(
    value: bytes | None, *, controller: str, holder: str, order_key: bytes, now_ms: int
) -> ErasureOrder:
    """The order in a record, which the ledger gave to this holder.

    Raises ``Rejected`` (``order_malformed``, ``order_foreign``, ``order_forged``, ``order_from_future``). An order
    that comes late is an order all the same: the ledger waits for its answer.
    """
    try:
        order = codec.decode(value or b"")
    except MalformedRecord as error:
        raise Rejected("order_malformed") from error
    if not isinstance(order, ErasureOrder):
        raise Rejected("order_malformed")
    if (order.controller, order.holder) != (controller, holder):
        raise Rejected("order_foreign")
    if not is_signed_by(order, order_key):
        raise Rejected("order_forged")
    if order.issued_at > now_ms + CLOCKS_APART_MS:
        raise Rejected("order_from_future")
    return order


def opened_order(order: ErasureOrder, keys: HolderKeys) -> OrderContents:
    """Whom the order is about. Raises ``Rejected(order_unreadable)`` when it is sealed to another key."""
    contents = open_contents(keys.sealing_key, order)
    if contents is None:
        raise Rejected("order_unreadable")
    return contents
