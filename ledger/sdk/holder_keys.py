"""A holder's two key pairs as files: one that stays with the holder, one with the public halves for the ledger.

X25519 (orders are sealed to it) and Ed25519 (acknowledgements are signed with it), 32 bytes each.
"""

import base64
import os
import stat
from pathlib import Path
from typing import Final, Literal, Self, TypeVar

import msgspec

from ledger.domain.identifiers import is_id
from ledger.errors import ConfigurationError, Rejected
from ledger.order_security import verify_key_of
from ledger.sealing import KEY_BYTES, public_key_of

__all__ = ["HolderKeys", "PublicKeys", "order_key_text", "read_order_key"]

_ORDER_KEY_PREFIX: Final = "ledger-order-key-v1:"


class PublicKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the ledger's operator registers. Tells nothing about anybody."""

    format: Literal["ledger-holder-public-keys-v1"] = "ledger-holder-public-keys-v1"
    name: str
    sealing_key: bytes
    signing_key: bytes

    @staticmethod
    def load(path: Path | str) -> "PublicKeys":
        """The public keys in a file. Raises ``ConfigurationError(holder_keys_malformed)``."""
        return _decoded(_text(Path(path)), PublicKeys)


class HolderKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The private keys of one holder. Its ``repr`` shows none of them."""

    format: Literal["ledger-holder-keys-v1"] = "ledger-holder-keys-v1"
    name: str
    sealing_key: bytes
    signing_key: bytes

    def __repr__(self) -> str:
        return f"<keys of the holder {self.name}>"

    @classmethod
    def make(cls, name: str) -> Self:
        """New keys for the holder ``name``, which is an id as in the catalogue. Raises ``Rejected(id_malformed)``."""
        if not is_id(name):
            raise Rejected("id_malformed", "A holder's name is an id, as in the catalogue.", field="name")
        # Both kinds of private key are any 32 random bytes (RFC 7748, 5; RFC 8032, 5.1.5).
        return cls(name=name, sealing_key=os.urandom(KEY_BYTES), signing_key=os.urandom(KEY_BYTES))

    @staticmethod
    def load(path: Path | str) -> "HolderKeys":
        """The keys in a file that nobody else may read.

        Raises ``ConfigurationError`` (``holder_keys_malformed``, ``holder_keys_unsafe``).
        """
        text = _text(Path(path))
        if Path(path).stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
            raise ConfigurationError("holder_keys_unsafe")
        return _decoded(text, HolderKeys)

    def write(self, path: Path | str) -> None:
        """Writes a new file that its owner alone may read; durable on return, and never over another file.

        Raises ``ConfigurationError(holder_keys_malformed)`` when it cannot.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            detail = f"The file of the keys cannot be made: {error.strerror}."
            raise ConfigurationError("holder_keys_malformed", detail) from error
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self)) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @property
    def public(self) -> PublicKeys:
        """The public halves, for the ledger's operator."""
        return PublicKeys(
            name=self.name,
            sealing_key=public_key_of(self.sealing_key),
            signing_key=verify_key_of(self.signing_key),
        )


def order_key_text(order_key: bytes) -> str:
    """The ledger's public order key as holders get it: one line."""
    return _ORDER_KEY_PREFIX + base64.urlsafe_b64encode(order_key).decode("ascii")


def read_order_key(path: Path | str) -> bytes:
    """The ledger's public order key from a file. Raises ``ConfigurationError(holder_keys_malformed)``."""
    text = _text(Path(path)).decode("utf-8", "replace").strip()
    try:
        key = base64.b64decode(text.removeprefix(_ORDER_KEY_PREFIX), altchars=b"-_", validate=True)
    except ValueError:
        key = b""
    if not text.startswith(_ORDER_KEY_PREFIX) or len(key) != KEY_BYTES:
        raise ConfigurationError(
            "holder_keys_malformed", "The file holds no order key of a ledger (`ledger holders order-key`)."
        )
    return key


KeysT = TypeVar("KeysT", "HolderKeys", "PublicKeys")


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        detail = f"The file of the keys cannot be read: {error.strerror}."
        raise ConfigurationError("holder_keys_malformed", detail) from error


def _decoded(text: bytes, kind: type[KeysT]) -> KeysT:
    """The keys in a file's text, of the right form and length."""
    try:
        found = msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError):
        # No cause: the decoder's message might show a part of a key.
        raise ConfigurationError("holder_keys_malformed") from None
    if not is_id(found.name) or {len(found.sealing_key), len(found.signing_key)} != {KEY_BYTES}:
        raise ConfigurationError("holder_keys_malformed")
    return found
