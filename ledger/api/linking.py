"""``POST /v1/subjects/link``: two names that a verified act proved to be one person's."""

from collections.abc import Sequence

import msgspec

from ledger.api.calls import Call
from ledger.api.logs import Log
from ledger.api.people import SubjectForm, named
from ledger.domain.events import Lane
from ledger.domain.positions import Position, PositionEntry
from ledger.errors import Rejected
from ledger.vault.controllers import Controller
from ledger.vault.linking import Placed

__all__ = ["LinkAnswer", "LinkBody", "post_link"]


class LinkBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two names of one person, each by exactly one of the four. ``verified``: the person proved both to be theirs."""

    subject: SubjectForm
    other: SubjectForm
    verified: bool = False


class LinkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the two lead to now. ``outcome``: ``attached`` (the one nobody had is now the other's), ``joined`` (two
    subject ids are one person from now on) or ``already``. ``position`` covers what was appended for it; null when
    nothing was."""

    subject_id: str
    other_subject_id: str
    outcome: str
    position: str | None


async def post_link(call: Call) -> LinkAnswer:
    """Links the two; durable and acknowledged by the log on return.

    An unverified link is refused: anybody could join a stranger's address to their own account, and be answered,
    exported and erased together with them (races.md, D12).
    """
    body: LinkBody = call.body
    subject, other = named(body.subject), named(body.other, "$.other")
    if not body.verified:
        raise Rejected("link_unverified", field="verified", path="$.verified")
    log = await call.services.logs.of(call.caller)
    controller = Controller(call.caller.controller_id, call.caller.controller)
    linked = await call.services.linking.link(controller, subject, other)
    position = _position(log, linked.placed)
    return LinkAnswer(
        subject_id=linked.subject_id.hex(),
        other_subject_id=linked.other_subject_id.hex(),
        outcome=linked.outcome.value,
        position=position.encode() if position is not None else None,
    )


def _position(log: Log, placed: Sequence[Placed]) -> Position | None:
    """The position that covers all of it, on as many partitions as it stands in."""
    position: Position | None = None
    for one in placed:
        entry = PositionEntry(
            log_id=log.log_id,
            generation=log.generation,
            lane=Lane.LIVE,
            partition=one.appended.partition,
            next_offset=one.appended.offset + 1,
            stamp_ms=one.appended.broker_ms,
        )
        position = Position.of(entry) if position is None else position.merge(Position.of(entry))
    return position
