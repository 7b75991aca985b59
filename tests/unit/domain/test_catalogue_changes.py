"""What a new version changes, and whether it could allow anything that was denied."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.cli.catalogue_files import load_catalogue
from ledger.domain.catalogue import Basis, Catalogue, NoticeText
from ledger.domain.catalogue_changes import changes, rewritten_notices, widens

OMILON = load_catalogue(Path(__file__).parents[3] / "deploy" / "catalogues" / "omilon")


def with_entry(table: str, key: str, **fields: Any) -> Catalogue:
    """Omilon's catalogue with some fields of one entry replaced."""
    entries = dict(getattr(OMILON, table))
    entries[key] = msgspec.structs.replace(entries[key], **fields)
    return msgspec.structs.replace(OMILON, **{table: entries})


def without(table: str, key: str) -> Catalogue:
    return msgspec.structs.replace(
        OMILON, **{table: {k: v for k, v in getattr(OMILON, table).items() if k != key}}
    )


NEWS = "om.news"


@pytest.mark.parametrize(
    ("new", "place"),
    [
        (with_entry("purposes", NEWS, channels=("email",)), "purposes.om.news.channels"),
        (with_entry("purposes", NEWS, recipients=()), "purposes.om.news.recipients"),
        (with_entry("purposes", NEWS, groups=("marketing", "activities")), "purposes.om.news.groups"),
        (
            with_entry("purposes", NEWS, existing_customer_required=True),
            "purposes.om.news.existing_customer_required",
        ),
        (with_entry("purposes", "om.improve", direct_marketing=True), "purposes.om.improve.direct_marketing"),
        (with_entry("message_classes", "operation", declinable=True), "message_classes.operation.declinable"),
        (with_entry("notices", "activities@2", purposes=("om.newsletter",)), "notices.activities@2.purposes"),
        (with_entry("purposes", NEWS, title={"sv": "Nytt", "en": "New"}), "purposes.om.news.title"),
        (without("purposes", NEWS), "purposes.om.news"),
        (without("groups", "marketing"), "groups.marketing"),
        (without("holders", "crm"), "holders.crm"),
        (with_entry("holders", "crm", deadline_days=3), "holders.crm.deadline_days"),
        (with_entry("holds", "bookkeeping", years=10), "holds.bookkeeping.years"),
        (with_entry("holds", "bookkeeping", purposes=()), "holds.bookkeeping.purposes"),
    ],
)
def test_what_takes_away_or_only_renames_does_not_widen(new: Catalogue, place: str) -> None:
    found = changes(OMILON, new)
    assert [change.place for change in found] == [place]
    assert not widens(found)


@pytest.mark.parametrize(
    ("new", "place"),
    [
        (
            with_entry("purposes", "om.newsletter", channels=("email", "post")),
            "purposes.om.newsletter.channels",
        ),
        (
            with_entry("purposes", "om.newsletter", basis=Basis.LEGITIMATE_INTERESTS),
            "purposes.om.newsletter.basis",
        ),
        (with_entry("purposes", NEWS, groups=()), "purposes.om.news.groups"),
        (with_entry("purposes", NEWS, message_class="service"), "purposes.om.news.message_class"),
        (with_entry("purposes", NEWS, direct_marketing=False), "purposes.om.news.direct_marketing"),
        (
            with_entry("purposes", NEWS, categories=("contact", "contract", "viewing")),
            "purposes.om.news.categories",
        ),
        (
            with_entry("message_classes", "promotion", declinable=False),
            "message_classes.promotion.declinable",
        ),
        (
            with_entry("notices", "cookies@1", purposes=(*OMILON.notices["cookies@1"].purposes, NEWS)),
            "notices.cookies@1.purposes",
        ),
        (
            with_entry("holds", "bookkeeping", purposes=("om.accounting", "om.invoice")),
            "holds.bookkeeping.purposes",
        ),
        (
            msgspec.structs.replace(OMILON, channels={**OMILON.channels, "sms": {"sv": "Sms", "en": "SMS"}}),
            "channels.sms",
        ),
    ],
)
def test_what_may_allow_something_new_widens(new: Catalogue, place: str) -> None:
    found = changes(OMILON, new)
    assert [change.place for change in found] == [place]
    assert widens(found)


def test_a_new_holder_allows_nothing_and_a_new_hold_may() -> None:
    for table, key, wider in (("holders", "panel", False), ("holds", "bookkeeping", True)):
        (found,) = changes(without(table, key), OMILON)
        assert (found.place, found.kind, found.widens) == (f"{table}.{key}", "added", wider)


def test_the_same_catalogue_has_no_changes() -> None:
    assert changes(OMILON, OMILON) == ()


def test_against_nothing_everything_is_added() -> None:
    found = changes(None, OMILON)
    assert {change.kind for change in found} == {"added"}
    assert len([change for change in found if change.place.startswith("purposes.")]) == len(OMILON.purposes)


def test_another_text_under_the_same_notice_version_is_found() -> None:
    texts = dict(OMILON.notices["activities@2"].texts, sv=NoticeText(sha256="00", text="Annat"))
    assert rewritten_notices(OMILON, with_entry("notices", "activities@2", texts=texts)) == ("activities@2",)
    assert rewritten_notices(OMILON, OMILON) == ()


def test_a_new_language_of_a_notice_rewrites_nothing() -> None:
    texts = dict(OMILON.notices["activities@2"].texts, fi=NoticeText(sha256="00", text="Sama"))
    assert rewritten_notices(OMILON, with_entry("notices", "activities@2", texts=texts)) == ()


def test_a_change_reads_as_one_line() -> None:
    found = changes(OMILON, with_entry("purposes", "om.newsletter", channels=("email", "post")))
    assert str(found[0]) == "~ purposes.om.newsletter.channels: [email] -> [email, post]  (widens)"
