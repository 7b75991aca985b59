"""An identifier sealed to the ledger: what an outbox holds until it can ask for the subject id.

HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Whoever finds the outbox's file
learns nothing; only the ledger's sealing key opens it. A sealed value is
``01 | first 8 bytes of SHA-256(public key) | HPKE encapsulated key and ciphertext``.
"""

import hashlib
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from ledger.domain.identifiers import Identifier
from ledger.errors import Rejected

__all__ = ["open_sealed", "public_key_of", "seal"]

FORMAT: Final = b"\x01"
KEY_ID_BYTES: Final = 8
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def public_key_of(sealing_key: bytes) -> bytes:
    """The 32 bytes of the public key that anybody may seal to, from the ledger's raw private key."""
    return X25519PrivateKey.from_private_bytes(sealing_key).public_key().public_bytes_raw()


def seal(public_key: bytes, controller: str, who: Identifier) -> bytes:
    """The identifier, readable by the ledger alone and only as one of this controller's. Differs at every call."""
    key = X25519PublicKey.from_public_bytes(public_key)
    return (
        FORMAT
        + _key_id(public_key)
        + _SUITE.encrypt(msgspec.msgpack.encode(who), key, info=_info(controller))
    )


def open_sealed(sealing_key: bytes, controller: str, sealed: bytes) -> Identifier:
    """The identifier as it was sealed. Raises ``Rejected(sealed_identifier_unreadable)`` for everything else."""
    key = X25519PrivateKey.from_private_bytes(sealing_key)
    header = FORMAT + _key_id(public_key_of(sealing_key))
    if not sealed.startswith(header):
        raise Rejected("sealed_identifier_unreadable")
    try:
        opened = _SUITE.decrypt(sealed[len(header) :], key, info=_info(controller))
        return msgspec.msgpack.decode(opened, type=Identifier)
    except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
        raise Rejected("sealed_identifier_unreadable") from error


def _key_id(public_key: bytes) -> bytes:
    return hashlib.sha256(public_key).digest()[:KEY_ID_BYTES]


def _info(controller: str) -> bytes:
    return msgspec.msgpack.encode((b"consent-ledger identifier v1", controller))
