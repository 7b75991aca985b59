"""Bytes for one reader alone: HPKE to a public key, bound to what the bytes are and whom they concern.

HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. A sealed value is
``01 | first 8 bytes of SHA-256(public key) | HPKE encapsulated key and ciphertext``. ``info`` says what is sealed and
for whom; with other ``info`` it does not open, so that a value cannot be passed off as another one.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

__all__ = ["KEY_BYTES", "KEY_ID_BYTES", "key_id", "open_with", "public_key_of", "seal_to"]

FORMAT: Final = b"\x01"
KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 8
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def key_id(public_key: bytes) -> bytes:
    """The first 8 bytes of SHA-256 of a public key: by which a reader finds the right one of its keys."""
    return hashlib.sha256(public_key).digest()[:KEY_ID_BYTES]


def public_key_of(private_key: bytes) -> bytes:
    """The 32 bytes of the public key that anybody may seal to, from the raw private key (X25519)."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def seal_to(public_key: bytes, plaintext: bytes, info: bytes) -> bytes:
    """``plaintext`` for the holder of the private key alone. Differs at every call."""
    key = X25519PublicKey.from_public_bytes(public_key)
    return FORMAT + key_id(public_key) + _SUITE.encrypt(plaintext, key, info=info)


def open_with(private_key: bytes, sealed: bytes, info: bytes) -> bytes | None:
    """What was sealed to this key with this ``info``; None for everything else."""
    header = FORMAT + key_id(public_key_of(private_key))
    if not sealed.startswith(header):
        return None
    try:
        return _SUITE.decrypt(
            sealed[len(header) :], X25519PrivateKey.from_private_bytes(private_key), info=info
        )
    except (InvalidTag, ValueError):
        return None
