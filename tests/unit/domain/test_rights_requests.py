"""What a request covers, what the law keeps of it, by when, and what is carried beyond it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ledger.domain.catalogue import Catalogue, Hold, Holder
from ledger.domain.deadlines import hold_ends, request_due
from ledger.domain.events import Scope, Voice
from ledger.domain.rights_requests import (
    OPEN_STATES,
    RequestState,
    assess,
    event_id_of,
    holders_told,
    is_verified_enough,
    noes_to_carry,
    order_id_of,
)
from tests.support.catalogue import small_catalogue
from tests.support.histories import HOUR, NOON, History

STOCKHOLM = ZoneInfo("Europe/Stockholm")
REQUEST = b"R" * 16


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM).timestamp() * 1000)


def day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, STOCKHOLM).strftime("%Y-%m-%d %H:%M:%S")


def books(**changed: object) -> Hold:
    fields = {"id": "books", "title": {"en": "Books"}, "source": "law", "categories": ("contact",), "years": 7}
    return Hold(**{**fields, **changed})  # type: ignore[arg-type]


def catalogue(*holds: Hold, holders: tuple[Holder, ...] = ()) -> Catalogue:
    return msgspec.structs.replace(
        small_catalogue("example"),
        holds={hold.id: hold for hold in holds},
        holders={holder.id: holder for holder in holders},
    )


def holder(name: str, *categories: str) -> Holder:
    return Holder(
        id=name, title={"en": name}, kind="store", method="order", identifiers=("email",),
        categories=categories, deadline_days=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("received", "due", "extended"),
    [
        ("2026-11-24 17:00", "2026-12-24 23:59:59", "2027-02-24 23:59:59"),
        ("2026-01-31 00:00", "2026-02-28 23:59:59", "2026-04-30 23:59:59"),
        ("2026-03-01 23:59", "2026-04-01 23:59:59", "2026-06-01 23:59:59"),
    ],
)
def test_a_person_is_owed_an_answer_within_a_calendar_month_and_two_more_if_extended(
    received: str, due: str, extended: str
) -> None:
    assert day(request_due(at(received))) == due
    assert day(request_due(at(received), extended=True)) == extended


def test_a_hold_ends_with_the_last_hour_of_its_last_day() -> None:
    since = at("2026-02-03 09:00")
    assert day(hold_ends(books(), since)) == "2033-02-03 23:59:59"
    assert day(hold_ends(books(until_year_end=True), since)) == "2033-12-31 23:59:59"
    assert day(hold_ends(books(years=0, months=1), since)) == "2026-03-03 23:59:59"


def test_everything_goes_when_nothing_is_kept() -> None:
    found = assess(catalogue(books()), (), {}, NOON, NOON, hold_ends)
    assert (found.is_whole, found.erased, found.held, found.refused) == (True, (), (), False)
    assert assess(None, (), {}, NOON, NOON, hold_ends).is_whole


def test_a_hold_keeps_its_categories_and_the_identity() -> None:
    found = assess(catalogue(books()), (), {"books": NOON}, NOON, NOON, hold_ends)
    assert (found.is_whole, found.refused) == (False, False)
    assert "contact" not in found.erased and found.erased
    (held,) = found.held
    assert (held.hold, held.category, held.until_ms) == ("books", "contact", hold_ends(books(), NOON))
    assert found.resumes_ms == held.until_ms


def test_a_hold_that_applies_to_everybody_counts_from_the_request() -> None:
    found = assess(catalogue(books(applies="always")), (), {}, NOON, NOON, hold_ends)
    assert [held.until_ms for held in found.held] == [hold_ends(books(), NOON)]


def test_a_hold_that_has_ended_keeps_nothing() -> None:
    long_ago = at("2001-01-01 00:00")
    assert assess(catalogue(books()), (), {"books": long_ago}, NOON, NOON, hold_ends).is_whole


def test_of_two_holds_the_longer_keeps() -> None:
    found = assess(
        catalogue(books(), books(id="tax", years=10)), (), {"books": NOON, "tax": NOON}, NOON, NOON, hold_ends
    )
    assert [held.hold for held in found.held] == ["tax"]


def test_a_request_for_what_is_kept_alone_is_refused() -> None:
    found = assess(catalogue(books()), ("contact",), {"books": NOON}, NOON, NOON, hold_ends)
    assert (found.refused, found.erased) == (True, ())


def test_a_request_for_a_category_never_erases_the_identity() -> None:
    found = assess(catalogue(books()), ("behaviour",), {"books": NOON}, NOON, NOON, hold_ends)
    assert (found.is_whole, found.erased, found.held) == (False, ("behaviour",), ())


def test_every_holder_of_what_is_erased_is_told() -> None:
    told = catalogue(holders=(holder("crm"), holder("list", "contact"), holder("ads", "behaviour")))
    assert [one.id for one in holders_told(told, (), is_whole=True)] == ["ads", "crm", "list"]
    assert [one.id for one in holders_told(told, ("contact",), is_whole=False)] == ["crm", "list"]
    assert holders_told(None, (), is_whole=True) == ()


def test_the_persons_noes_outlive_the_erasure_and_nothing_else_does() -> None:
    history = History()
    history.grant(0)
    no = history.withdraw(HOUR)
    objection = history.object_to(HOUR, Scope(purpose="offers"))
    out = history.prefer(HOUR, "out", message_class="marketing")
    history.prefer(HOUR, "in", message_class="marketing")
    history.serve_notice(HOUR)
    history.withdraw(2 * HOUR, voice=Voice.ADMINISTRATOR)
    carried = {row.row_key for row in noes_to_carry(history.rows)}
    assert carried == {no.row_key, objection.row_key, out.row_key}


def test_reports_never_round_up() -> None:
    assert [is_verified_enough(found, 2) for found in range(4)] == [False, False, True, True]


def test_ids_follow_from_what_they_name() -> None:
    ids = {
        event_id_of(REQUEST, "blocked", "", "aa"),
        event_id_of(REQUEST, "blocked", "aa"),
        event_id_of(REQUEST, "settled", "", "aa"),
        event_id_of(b"S" * 16, "blocked", "", "aa"),
        order_id_of(REQUEST, "blocked"),
    }
    assert len(ids) == 5 and {len(found) for found in ids} == {16}
    assert event_id_of(REQUEST, "blocked", "", "aa") in ids


def test_a_request_is_open_until_it_is_complete_or_refused() -> None:
    assert set(RequestState) - OPEN_STATES == {RequestState.COMPLETE, RequestState.REFUSED}
