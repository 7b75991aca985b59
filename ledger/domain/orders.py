"""What an erasure sends to each holder, and what each answers: signed both ways, about a person only under seal.

Not on the log: orders and acknowledgements have topics of their own, which are kept for a week. A signature is
Ed25519 (RFC 8032) over :func:`signed_bytes`.
"""

from typing import Final

import msgspec

from ledger.domain.identifiers import Identifier

__all__ = ["ErasureAcknowledgement", "ErasureOrder", "OrderContents", "signed_bytes"]

_DOMAINS: Final = {
    "ErasureOrder": b"consent-ledger erasure order v1",
    "ErasureAcknowledgement": b"consent-ledger erasure acknowledgement v1",
}


class OrderContents(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be erased, as that holder knows them. Travels only sealed to the holder's key (RFC 9180)."""

    subject_ids: tuple[bytes, ...] = ()
    identifiers: tuple[Identifier, ...] = ()


class ErasureOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger tells a holder to erase a person (GDPR art. 17(1), 19). The same order may come again until answered.

    ``categories`` empty: everything. ``counts_from``: the attempt from which answers count; what was answered to an
    earlier one did not do, so the holder acts again. ``key_id``: the first 8 bytes of SHA-256 of the sealing key that it is for.
    """

    order_id: bytes
    request_id: bytes
    controller: str
    holder: str
    method: str
    categories: tuple[str, ...]
    issued_at: int
    due_at: int
    attempt: int
    counts_from: int
    key_id: bytes
    sealed: bytes
    signature: bytes


class ErasureAcknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """A holder answers an order: what it found, what is left of it, and proof if it has any.

    ``outcome``: erased, nothing_held or refused; ``detail`` is an id that says why it was refused.
    """

    order_id: bytes
    request_id: bytes
    controller: str
    holder: str
    outcome: str
    done_at: int
    found: int
    left: int
    key_id: bytes
    signature: bytes
    evidence_digest: bytes | None = None
    detail: str | None = None


_canonical: Final = msgspec.msgpack.Encoder(order="sorted")


def signed_bytes(message: ErasureOrder | ErasureAcknowledgement) -> bytes:
    """What the signature of an order or acknowledgement is over: kind and every other field, in one form."""
    fields = msgspec.to_builtins(message, builtin_types=(bytes,))
    del fields["signature"]
    return _DOMAINS[type(message).__name__] + b"\0" + _canonical.encode(fields)
