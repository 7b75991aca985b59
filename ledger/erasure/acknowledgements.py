"""Takes what holders answer: checked in every respect before it changes anything, and taken once.

Anybody who may write to the topic of acknowledgements can write anything there. So an answer counts only for an order
that was given, from the holder that it was given to, signed with a key of that holder which is in use, and done at a
time that can be. Everything else is refused by a code and changes nothing. The first valid answer stands; the same
one again is no news.
"""

import hashlib
from typing import Any, Final, Literal, NamedTuple

from ledger.domain.identifiers import is_id
from ledger.domain.orders import ErasureAcknowledgement, signed_bytes
from ledger.erasure.holders import Holders
from ledger.erasure.queue import announce
from ledger.errors import Conflict, MalformedRecord, Rejected
from ledger.event_log import codec
from ledger.metrics import ACKNOWLEDGEMENTS
from ledger.order_security import is_signed_by
from ledger.read_model import pool, sql
from ledger.sealing import key_id
from ledger.vault.directory import Controller

__all__ = ["CLOCKS_APART_MS", "Acknowledgements", "Taken"]

CLOCKS_APART_MS: Final = 600_000
"""By how much a holder's clock may differ from the ledger's, either way."""
ACKNOWLEDGED: Final = 1
EVIDENCE: Final = 2
_QUERIES: Final = "ledger.vault.queries"


class Taken(NamedTuple):
    """What became of one answer. ``code`` says why it was refused; ``request_id`` is known of the others alone."""

    outcome: Literal["taken", "repeated", "refused"]
    code: str | None = None
    request_id: bytes | None = None


class Acknowledgements:
    """Takes acknowledgements through a pool of the vault, with the registered keys of :class:`Holders`."""

    def __init__(self, vault: Any, holders: Holders) -> None:
        self._vault = vault
        self._holders = holders

    async def take(self, value: bytes | None, now_ms: int) -> Taken:
        """Takes the value of one record of the topic; its effects are durable on return, in one transaction.

        The order is then acknowledged (verification 1, or 2 with a digest of evidence) or, when something is left, the
        holder refuses, or evidence is demanded and missing, refused, so that the request stays open for somebody to see. Whatever is wrong with the
        bytes, the answer says so and nothing is raised; only ``Unavailable`` is, when Postgres is down.
        """
        try:
            message = _decoded(value)
            controller = await self._holders.controller_of(message.controller)
            if controller is None:
                raise Rejected("acknowledgement_unknown_order")
            taken = await self._take(controller, message, now_ms)
        except (Rejected, Conflict) as error:
            taken = Taken("refused", error.code)
        ACKNOWLEDGEMENTS.labels(taken.code or taken.outcome).inc()
        return taken

    async def _take(self, controller: Controller, message: ErasureAcknowledgement, now_ms: int) -> Taken:
        keys = await self._holders.keys(controller.id, message.holder)
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            order = await connection.fetchrow(
                sql.load("order_lock", _QUERIES), controller.id, message.order_id
            )
            if order is None or order["request_id"] != message.request_id:
                raise Rejected("acknowledgement_unknown_order")
            if order["holder"] != message.holder:
                raise Rejected("acknowledgement_foreign")
            if (
                keys is None
                or message.key_id != key_id(keys.signing_key)
                or not is_signed_by(message, keys.signing_key)
            ):
                raise Rejected("acknowledgement_forged")
            _refuse_impossible_time(message, order, now_ms)
            digest = hashlib.sha256(signed_bytes(message)).digest()
            if order["acknowledgement_digest"] is not None:
                if order["acknowledgement_digest"] != digest:
                    raise Conflict("acknowledgement_conflicting")
                return Taken("repeated", request_id=message.request_id)
            if digest in order["refused_digests"]:
                # It did not do, and the order was given anew since: whoever has kept it could refuse for the holder.
                return Taken("repeated", request_id=message.request_id)
            if order["state"] == "verified":
                # The ledger's own scan was quicker, and knows more than the answer says.
                return Taken("repeated", request_id=message.request_id)
            await self._answer(connection, controller, message, order, digest, now_ms)
        return Taken("taken", request_id=message.request_id)

    async def _answer(
        self,
        connection: Any,
        controller: Controller,
        message: ErasureAcknowledgement,
        order: Any,
        digest: bytes,
        now_ms: int,
    ) -> None:
        told = ACKNOWLEDGED if message.evidence_digest is None else EVIDENCE
        state, outcome, detail, verification = "refused", "refused", message.detail, 0
        if message.outcome == "refused" or message.left > 0:
            detail = detail or ("records_left" if message.left > 0 else None)
        elif order["required_verification"] == EVIDENCE and told < EVIDENCE:
            # Nobody would ask the holder again. Where the ledger scans for itself, the scan is the evidence.
            detail = "evidence_missing"
        else:
            state, outcome, verification = "acknowledged", message.outcome, told
        await connection.execute(
            sql.load("order_answer", _QUERIES), controller.id, message.order_id, state, now_ms, outcome, detail,
            message.found, message.left, message.evidence_digest, digest, verification,
        )  # fmt: skip
        await announce(
            connection, controller, message.request_id, order["subject_ids"], state,
            holder=message.holder, order_id=message.order_id, outcome=outcome, verification=verification,
        )  # fmt: skip


def _decoded(value: bytes | None) -> ErasureAcknowledgement:
    try:
        message = codec.decode(value or b"")
    except MalformedRecord as error:
        raise Rejected("acknowledgement_malformed") from error
    if (
        not isinstance(message, ErasureAcknowledgement)
        or not (is_id(message.controller) and is_id(message.holder))
        or message.outcome not in ("erased", "nothing_held", "refused")
        or min(message.found, message.left) < 0
        or not (message.detail is None or is_id(message.detail))
    ):
        raise Rejected("acknowledgement_malformed")
    return message


def _refuse_impossible_time(message: ErasureAcknowledgement, order: Any, now_ms: int) -> None:
    if message.done_at > now_ms + CLOCKS_APART_MS:
        raise Rejected("acknowledgement_from_future")
    # The attempt is counted before an order leaves, so at 0 nobody can have it.
    if order["attempts"] == 0 or message.done_at < order["issued_ms"] - CLOCKS_APART_MS:
        raise Rejected("acknowledgement_early")
