"""The events that a line becomes, under ids that are the same whenever the same file is imported again.

An event id is an HMAC over the *subject id* and what is said. The subject id and not the address: an id made from the
address would let whoever holds the key find an erased person in the log for ever. A person who comes back after an
erasure has another subject id, and so other event ids.

An unsubscribe whose time is not stated is told from the next one by the file that says it: a later file may say no
again for somebody who has come back meanwhile, and taking that for a repeat would lose it.
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from ledger.domain.acts import Act, event_of
from ledger.domain.events import Capture, Envelope, Lane, Origin, SubjectEvent, Voice
from ledger.importing.answers import No, Yes
from ledger.importing.plan import Plan

__all__ = ["EventMaker", "Pending"]

ID_BYTES: Final = 16
_DOMAIN: Final = b"consent-ledger import event v1"


class Pending(NamedTuple):
    """An event to be appended: its lane, key and content."""

    lane: Lane
    subject_id: bytes
    event: SubjectEvent


class EventMaker:
    """Makes the events of one file. ``mac_key`` is the vault's; ``file_digest`` names the file by its content."""

    def __init__(self, plan: Plan, mac_key: bytes, file_digest: bytes) -> None:
        self._plan = plan
        self._mac_key = mac_key
        self._file_digest = file_digest

    def noes(self, subject_id: bytes, no: No, *, time_dropped: bool) -> Iterator[Pending]:
        """The events of an unsubscribe, for the live lane: one for each purpose of the import. ``time_dropped``: the
        file states a time that could not be read.

        Its rank is that of the record, unless the operator vouches for exact times and zone: then it is that of the
        end of the stated instant, and a later grant stands (standing.md, "Rank").
        """
        stated = no.stated
        is_exact = self._plan.times_exact and stated is not None and not stated.is_day
        effective_from = None
        if stated is not None:
            effective_from = stated.last_ms if is_exact else stated.no_from_ms
        dropped = ("effective_from",) if time_dropped else ()
        for act in self._plan.noes:
            yield self._pending(Lane.LIVE, subject_id, act, effective_from, is_exact, dropped)

    def yeses(self, subject_id: bytes, yes: Yes, purposes: tuple[str, ...]) -> Iterator[Pending]:
        """The grants of a line, for the backfill lane, at the lowest rank: they stand where nobody said no."""
        for purpose in purposes:
            act = self._plan.yeses[purpose]
            yield self._pending(Lane.BACKFILL, subject_id, act, yes.effective_from)

    def _pending(
        self,
        lane: Lane,
        subject_id: bytes,
        act: Act,
        effective_from: int | None,
        is_exact: bool = False,
        dropped: tuple[str, ...] = (),
    ) -> Pending:
        event_id = self._event_id(lane, subject_id, act, effective_from, is_exact)
        envelope = Envelope(
            event_id=event_id,
            act_id=event_id,
            controller=self._plan.controller,
            source=self._plan.source,
            voice=Voice.PERSON,
            capture=Capture.IMPORT,
            origin=Origin.IMPORTED,
            stated_exactly=is_exact,
            effective_from=effective_from,
            # Nobody measured how long the list lay there, and the file's word for it is in effective_from.
            waited_ms=None,
            may_be_repeat=True,
            catalogue_version=self._plan.catalogue.version,
            dropped_fields=dropped,
        )
        return Pending(lane, subject_id, event_of(act, envelope))

    def _event_id(
        self, lane: Lane, subject_id: bytes, act: Act, effective_from: int | None, is_exact: bool
    ) -> bytes:
        undated = self._file_digest if lane is Lane.LIVE and effective_from is None else b""
        said = (
            _DOMAIN, self._plan.controller, subject_id, act.act.value, act.purpose, act.channel, act.notice,
            effective_from, is_exact, undated,
        )  # fmt: skip
        return hmac.new(self._mac_key, msgspec.msgpack.encode(said), hashlib.sha256).digest()[:ID_BYTES]
