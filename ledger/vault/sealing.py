"""An identifier sealed to the ledger: what an outbox holds until it can ask for the subject id.

In the form of :mod:`ledger.sealing` (HPKE, RFC 9180). Whoever finds the outbox's file learns nothing; only the
ledger's sealing key opens it.
"""

import msgspec

from ledger.domain.identifiers import Identifier
from ledger.errors import Rejected
from ledger.sealing import open_with, public_key_of, seal_to

__all__ = ["open_sealed", "public_key_of", "seal"]


def seal(public_key: bytes, controller: str, who: Identifier) -> bytes:
    """The identifier, readable by the ledger alone and only as one of this controller's. Differs at every call."""
    return seal_to(public_key, msgspec.msgpack.encode(who), _info(controller))


def open_sealed(sealing_key: bytes, controller: str, sealed: bytes) -> Identifier:
    """The identifier as it was sealed. Raises ``Rejected(sealed_identifier_unreadable)`` for everything else."""
    opened = open_with(sealing_key, sealed, _info(controller))
    if opened is None:
        raise Rejected("sealed_identifier_unreadable")
    try:
        return msgspec.msgpack.decode(opened, type=Identifier)
    except msgspec.MsgspecError as error:
        raise Rejected("sealed_identifier_unreadable") from error


def _info(controller: str) -> bytes:
    return msgspec.msgpack.encode((b"consent-ledger identifier v1", controller))
