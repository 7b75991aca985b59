"""How orders and acknowledgements are protected on their way: signed by who sends them, about a person under seal.

Both ends use it: the ledger seals and signs orders and checks acknowledgements, a holder the other way round.
Signatures are Ed25519 (RFC 8032) over the message's canonical bytes; the contents of an order are HPKE (RFC 9180),
bound to controller, holder and order, so that none can be passed off as another's.
"""

from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.domain.orders import ErasureAcknowledgement, ErasureOrder, OrderContents, signed_bytes
from ledger.sealing import open_with, seal_to

__all__ = ["UNSIGNED", "is_signed_by", "open_contents", "seal_contents", "signed", "verify_key_of"]

UNSIGNED: Final = bytes(64)
"""Stands in a message until it is signed."""

MessageT = TypeVar("MessageT", ErasureOrder, ErasureAcknowledgement)


def verify_key_of(signing_key: bytes) -> bytes:
    """The 32 bytes with which anybody can check a signature, from the raw private key."""
    return Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()


def signed(message: MessageT, signing_key: bytes) -> MessageT:
    """The message with its signature."""
    signature = Ed25519PrivateKey.from_private_bytes(signing_key).sign(signed_bytes(message))
    return msgspec.structs.replace(message, signature=signature)


def is_signed_by(message: ErasureOrder | ErasureAcknowledgement, verify_key: bytes) -> bool:
    """Whether the message, every field of it, was signed with the private half of ``verify_key``."""
    try:
        Ed25519PublicKey.from_public_bytes(verify_key).verify(message.signature, signed_bytes(message))
    except InvalidSignature:
        return False
    return True


def seal_contents(
    public_key: bytes, contents: OrderContents, *, controller: str, holder: str, order_id: bytes
) -> bytes:
    """Who is to be erased, readable by this holder alone and only as part of this order."""
    return seal_to(public_key, msgspec.msgpack.encode(contents), _info(controller, holder, order_id))


def open_contents(sealing_key: bytes, order: ErasureOrder) -> OrderContents | None:
    """Who is to be erased, or None when the order was not sealed to this key or holds something else."""
    opened = open_with(sealing_key, order.sealed, _info(order.controller, order.holder, order.order_id))
    if opened is None:
        return None
    try:
        return msgspec.msgpack.decode(opened, type=OrderContents)
    except msgspec.MsgspecError:
        return None


def _info(controller: str, holder: str, order_id: bytes) -> bytes:
    return msgspec.msgpack.encode((b"consent-ledger order contents v1", controller, holder, order_id))
