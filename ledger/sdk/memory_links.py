"""Two names of one person in a ledger in memory, by the rules of the real one."""

import secrets
from collections.abc import Callable

from ledger.domain.identifiers import Identifier
from ledger.domain.linking import MAX_GROUP, linked_events
from ledger.errors import Conflict
from ledger.sdk.answers import Link
from ledger.sdk.memory_log import MemoryLog
from ledger.sdk.people import Person, SubjectId

__all__ = ["linked"]


def linked(
    log: MemoryLog,
    controller: str,
    now_ms: int,
    person: Person,
    other: Person,
    carry: Callable[[bytes, Identifier], None],
) -> Link:
    """The two as one person. ``carry`` ties what outlived an erasure of a name to the subject that now has it."""
    one, two = _known(log, person), _known(log, other)
    if one is not None and two is not None:
        return _joined(log, controller, now_ms, one, two)
    known, name = (one, other) if one is not None else (two, person)
    if known is None:
        known = log.resolve(other)
        carry(known, _unknown(other))
    _require_active(log, known)
    before = len(log.records)
    log.attach(known, _unknown(name))
    carry(known, _unknown(name))
    position = log.end_position().encode() if len(log.records) > before else None
    return Link(subject_id=known.hex(), other_subject_id=known.hex(), outcome="attached", position=position)


def _joined(log: MemoryLog, controller: str, now_ms: int, one: bytes, two: bytes) -> Link:
    is_new = two not in log.group_of(one)
    _require_active(log, one)
    _require_active(log, two)
    if is_new and len(log.group_of(one) | log.group_of(two)) > MAX_GROUP:
        raise Conflict("link_group_full", limit=MAX_GROUP)
    if is_new:
        log.join(one, two)
        for subject, event in linked_events(controller, secrets.token_bytes(16), one, two).items():
            log.append(subject, event, now_ms)
    return Link(
        subject_id=one.hex(),
        other_subject_id=two.hex(),
        outcome="joined" if is_new else "already",
        position=log.end_position().encode() if one != two else None,
    )


def _known(log: MemoryLog, who: Person) -> bytes | None:
    found = log.lookup(who)
    return log.require_known(found) if found is not None else None


def _require_active(log: MemoryLog, subject: bytes) -> None:
    if not all(log.is_active(member) for member in log.group_of(subject)):
        raise Conflict("subject_not_active")


def _unknown(who: Person) -> Identifier:
    assert not isinstance(who, SubjectId), "a subject id that nobody has was refused"
    return who
