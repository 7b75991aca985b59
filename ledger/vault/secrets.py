"""The ledger's secrets: made once as files, loaded by the processes that need them, told apart by fingerprint.

A process with another pepper would make every known person a stranger, opt-outs included. So each secret has a
fingerprint in ``control.secret``, and a process whose file does not match it refuses to start.
"""

import base64
import hashlib
import hmac
import os
import stat
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from ledger.errors import ConfigurationError
from ledger.read_model import pool, sql

__all__ = [
    "PEPPER_EPOCH",
    "SECRET_FILES",
    "SecretFile",
    "Secrets",
    "fingerprint",
    "init",
    "load",
    "verify_fingerprints",
]

SECRET_BYTES: Final = 32
# Of the pepper in use now; a directory row says under which one its blind index was made.
PEPPER_EPOCH: Final = 1

PEPPER: Final = "pepper"
SEALING_KEY: Final = "sealing_key"
KEY_ENCRYPTION_KEY: Final = "key_encryption_key"
SUPPRESSION_PEPPER: Final = "suppression_pepper"
ORDER_SIGNING_KEY: Final = "order_signing_key"
# By name: the file that `init` writes into its folder.
SECRET_FILES: Final = {
    PEPPER: "pepper",
    SEALING_KEY: "sealing-key",
    KEY_ENCRYPTION_KEY: "key-encryption-key",
    SUPPRESSION_PEPPER: "suppression-pepper",
    ORDER_SIGNING_KEY: "order-signing-key",
}
# A file says what it is, so that two swapped paths are an error and not another pepper.
_FILE_PREFIX: Final = "ledger-{name}-v1:"
_FINGERPRINT_DOMAIN: Final = b"consent-ledger secret fingerprint v1"
_INTAKE_DOMAIN: Final = b"consent-ledger intake key v1"


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What only the ledger's API and reactions hold. Each is 32 bytes; ``sealing_key`` is a raw X25519 private key
    (RFC 7748), ``order_signing_key`` a raw Ed25519 one (RFC 8032). ``suppression_pepper`` is apart from ``pepper``
    because what it makes is kept long after the vault has forgotten (races.md, D38).

    Never printed: ``repr`` shows nothing of the values.
    """

    pepper: bytes
    sealing_key: bytes
    key_encryption_key: bytes
    suppression_pepper: bytes
    order_signing_key: bytes

    def __repr__(self) -> str:
        return "<secrets>"

    @property
    def intake_mac_key(self) -> bytes:
        """The key of the idempotency table's HMACs, derived from the pepper: it protects the same people."""
        return hmac.new(self.pepper, _INTAKE_DOMAIN, hashlib.sha256).digest()

    def fingerprints(self) -> dict[str, bytes]:
        """A fingerprint by name of secret: safe to store and show, since each secret has 256 random bits."""
        return {name: fingerprint(name, getattr(self, name)) for name in SECRET_FILES}


class SecretFile(NamedTuple):
    name: str
    path: Path
    created: bool


def fingerprint(name: str, value: bytes) -> bytes:
    """SHA-256 over a domain, the secret's name and its value."""
    return hashlib.sha256(b"\0".join((_FINGERPRINT_DOMAIN, name.encode(), value))).digest()


def init(folder: Path) -> tuple[SecretFile, ...]:
    """Writes the secrets that ``folder`` lacks, mode 0600 in a folder of mode 0700; durable on return.

    A file that is there is left exactly as it is and reported with ``created=False``: the vault cannot be read
    without it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = []
    for name, file_name in SECRET_FILES.items():
        path = folder / file_name
        encoded = base64.urlsafe_b64encode(os.urandom(SECRET_BYTES)).decode("ascii")
        written.append(
            SecretFile(name, path, _write_new(path, _FILE_PREFIX.format(name=name) + encoded + "\n"))
        )
    _sync_folder(folder)
    return tuple(written)


def load(*files: Path) -> Secrets:
    """The secrets from their files, in the order of :data:`SECRET_FILES`, or ``ConfigurationError`` (``secret_missing``, ``secret_malformed``,
    ``secret_unsafe``) that names the secret."""
    return Secrets(**{name: _read(name, file) for name, file in zip(SECRET_FILES, files, strict=True)})


async def verify_fingerprints(connection: Any, secrets: Secrets) -> None:
    """Returns when the database knows these very secrets; the first process to ask makes them known.

    Raises ``ConfigurationError(secret_mismatch)`` that names the secret whose file is another one.
    """
    own = secrets.fingerprints()
    with pool.translated():
        # All or none: a process with one wrong file must not make the other two known.
        async with connection.transaction():
            await connection.execute(sql.load("secret_register"), list(own), list(own.values()))
            known = {
                row["name"]: row["fingerprint"] for row in await connection.fetch(sql.load("secret_list"))
            }
            for name, own_fingerprint in own.items():
                if not hmac.compare_digest(known[name], own_fingerprint):
                    raise ConfigurationError(
                        "secret_mismatch",
                        f"The {name.replace('_', ' ')} in the file is not the one that this database was made with.",
                        secret=name,
                    )


def _read(name: str, path: Path) -> bytes:
    words = name.replace("_", " ")
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigurationError(
            "secret_missing", f"The file of the {words} cannot be read: {error.strerror}.", secret=name
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("secret_malformed", f"The file is no {words}.", secret=name) from error
    if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
        raise ConfigurationError(
            "secret_unsafe", f"Others may read or change the file of the {words}.", secret=name
        )
    prefix = _FILE_PREFIX.format(name=name)
    try:
        value = base64.b64decode(text.removeprefix(prefix), altchars=b"-_", validate=True)
    except ValueError:
        value = b""
    if not text.startswith(prefix) or len(value) != SECRET_BYTES:
        # No cause: the decoder's message might show a part of the secret.
        raise ConfigurationError("secret_malformed", f"The file is no {words}.", secret=name) from None
    return value


def _write_new(path: Path, text: str) -> bool:
    # Complete under another name first: a crash between leaves no half-written secret that is never overwritten.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            # link, unlike rename, fails when the name is taken.
            os.link(draft, path)
        except FileExistsError:
            return False
        return True
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
