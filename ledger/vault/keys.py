"""A key per subject, made with the subject id and never later; destroying it destroys all that it sealed.

The key lies in ``vault.subject``, wrapped under the key-encryption key. AES-256-GCM (NIST SP 800-38D) with a random
96-bit nonce: at 2**32 subjects per key-encryption key the chance of a repeated nonce is still below 2**-32.
"""

import os
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.domain.identifiers import Identifier, IdentifierKind
from ledger.domain.orders import OrderContents
from ledger.errors import IntegrityViolation

__all__ = [
    "KEY_EPOCH",
    "make_subject_key",
    "open_evidence",
    "open_identifier",
    "open_order_contents",
    "seal_evidence",
    "seal_identifier",
    "seal_order_contents",
    "unwrap_subject_key",
]

SUBJECT_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
# Of the key-encryption key in use now; a subject's row says under which one its key is wrapped.
KEY_EPOCH: Final = 1


def make_subject_key(key_encryption_key: bytes, controller_id: int, subject_id: bytes) -> tuple[bytes, bytes]:
    """A new 256-bit key for a subject that is being created, and the same key wrapped for its row."""
    key = os.urandom(SUBJECT_KEY_BYTES)
    return key, _encrypt(key_encryption_key, key, _subject_data(b"subject key", controller_id, subject_id))


def unwrap_subject_key(
    key_encryption_key: bytes, wrapped: bytes, controller_id: int, subject_id: bytes
) -> bytes:
    """The subject's key. Raises ``IntegrityViolation(vault_unreadable)`` when the row is not this subject's, or was
    wrapped under another key-encryption key."""
    return _decrypt(key_encryption_key, wrapped, _subject_data(b"subject key", controller_id, subject_id))


def seal_identifier(
    subject_key: bytes, who: Identifier, controller_id: int, subject_id: bytes, blind_index: bytes
) -> bytes:
    """The identifier's value under its subject's key, bound to its directory row."""
    data = _identifier_data(who.kind, who.normaliser, controller_id, subject_id, blind_index)
    return _encrypt(subject_key, who.value.encode(), data)


def open_identifier(
    subject_key: bytes,
    sealed: bytes,
    *,
    kind: str,
    normaliser: int,
    controller_id: int,
    subject_id: bytes,
    blind_index: bytes,
) -> Identifier:
    """The identifier of a directory row. Raises ``IntegrityViolation(vault_unreadable)`` when it is another row's."""
    data = _identifier_data(IdentifierKind(kind), normaliser, controller_id, subject_id, blind_index)
    value = _decrypt(subject_key, sealed, data).decode()
    return Identifier(kind=IdentifierKind(kind), value=value, normaliser=normaliser)


def seal_evidence(
    subject_key: bytes, evidence: bytes, controller_id: int, subject_id: bytes, commitment: bytes
) -> bytes:
    """Evidence with its salt under its subject's key, bound to its row and so to the event that names it."""
    return _encrypt(subject_key, evidence, _evidence_data(controller_id, subject_id, commitment))


def open_evidence(
    subject_key: bytes, sealed: bytes, controller_id: int, subject_id: bytes, commitment: bytes
) -> bytes:
    """The evidence of a row. Raises ``IntegrityViolation(vault_unreadable)`` when it is another row's."""
    return _decrypt(subject_key, sealed, _evidence_data(controller_id, subject_id, commitment))


def seal_order_contents(
    key_encryption_key: bytes, contents: OrderContents, controller_id: int, order_id: bytes
) -> bytes:
    """Whom an order is about, as the vault keeps it until the order is answered: the subject's own key is gone by
    then. Bound to the order's row."""
    return _encrypt(
        key_encryption_key, msgspec.msgpack.encode(contents), _order_data(controller_id, order_id)
    )


def open_order_contents(
    key_encryption_key: bytes, sealed: bytes, controller_id: int, order_id: bytes
) -> OrderContents:
    """Whom an order is about. Raises ``IntegrityViolation(vault_unreadable)`` when it is another row's."""
    opened = _decrypt(key_encryption_key, sealed, _order_data(controller_id, order_id))
    return msgspec.msgpack.decode(opened, type=OrderContents)


def _evidence_data(controller_id: int, subject_id: bytes, commitment: bytes) -> bytes:
    return msgspec.msgpack.encode((b"evidence", controller_id, subject_id, commitment))


def _order_data(controller_id: int, order_id: bytes) -> bytes:
    return msgspec.msgpack.encode((b"order contents", controller_id, order_id, KEY_EPOCH))


def _subject_data(purpose: bytes, controller_id: int, subject_id: bytes) -> bytes:
    return msgspec.msgpack.encode((purpose, controller_id, subject_id, KEY_EPOCH))


def _identifier_data(
    kind: IdentifierKind, normaliser: int, controller_id: int, subject_id: bytes, blind_index: bytes
) -> bytes:
    return msgspec.msgpack.encode(
        (b"identifier", controller_id, subject_id, kind.value, normaliser, blind_index)
    )


def _encrypt(key: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated_data)


def _decrypt(key: bytes, sealed: bytes, associated_data: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated_data)
    except (InvalidTag, ValueError) as error:
        raise IntegrityViolation("vault_unreadable") from error
