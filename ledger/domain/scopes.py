"""What a row is about, held against what is asked.

The two polarities differ: a no covers whatever it leaves out, and whatever it names that nobody declared; a yes must
name exactly what is asked. Groups and message classes are the catalogue's, so they are resolved here and not in rows.
"""

import msgspec

from ledger.domain.catalogue import Catalogue, Purpose
from ledger.domain.rows import CLASS_MARK, TOPIC_MARK, Row


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. A field left out: no recipient is the controller alone, no item is nothing in particular."""

    purpose: str
    channel: str | None = None
    recipient: str | None = None
    item: str | None = None
    category: str | None = None


def names(catalogue: Catalogue, purpose: Purpose, row: Row, question: Question) -> bool:
    """Whether a yes names what is asked. An opt-in may name a message class or group in place of the purpose.

    A consent may not: what a group holds is the catalogue's to change, and consent is specific (GDPR art. 4(11)).
    """
    if row.purpose or row.kind != "preference":
        named = row.purpose == question.purpose and not row.purpose_group
    else:
        group = row.purpose_group
        named = group == CLASS_MARK + purpose.message_class or group in purpose.groups
    return (
        named
        and row.channel == (question.channel or "")
        and row.recipient == (question.recipient or "")
        and _same_item(row.item, question.item)
        and row.category in ("", question.category)
    )


def _same_item(item: str, asked: str | None) -> bool:
    return item in (asked, TOPIC_MARK + asked) if asked is not None else item == ""


def covers(catalogue: Catalogue, purpose: Purpose, row: Row, question: Question) -> bool:
    """Whether a no covers what is asked: what it leaves out means everything, and so does a name nobody declared."""
    return (
        row.purpose in ("", question.purpose)
        and _covers_group(catalogue, purpose, row.purpose_group)
        and _covers_channel(catalogue, row, question)
        and (row.recipient == "" or row.recipient == question.recipient)
        and (row.item == "" or _same_item(row.item, question.item))
        and _covers_category(catalogue, purpose, row, question)
    )


def _covers_group(catalogue: Catalogue, purpose: Purpose, group: str) -> bool:
    if group == "" or group in purpose.groups:
        return True
    if group.startswith(CLASS_MARK):
        name = group.removeprefix(CLASS_MARK)
        return name == purpose.message_class or name not in catalogue.message_classes
    return group not in catalogue.groups


def _covers_channel(catalogue: Catalogue, row: Row, question: Question) -> bool:
    if row.channel in ("", question.channel) or row.channel not in catalogue.channels:
        return True
    return question.channel is None and row.purpose == question.purpose


def _covers_category(catalogue: Catalogue, purpose: Purpose, row: Row, question: Question) -> bool:
    if row.category in ("", question.category) or row.category not in catalogue.categories:
        return True
    return question.category is None and (
        row.category in purpose.categories or row.purpose == question.purpose
    )
