"""Event ids that are the same for the same answer, events that say no more than the file, names that are declared."""

import itertools
from typing import Any

import pytest

from ledger.domain.envelope import Lane, Origin
from ledger.domain.events import ConsentGiven, ConsentWithdrawn, ObjectionRaised, PreferenceSet
from ledger.errors import Rejected
from ledger.event_log import codec
from ledger.importing.acts import EventMaker
from ledger.importing.answers import No, Yes
from ledger.importing.plan import Plan, make_plan, parse_tag_purposes
from ledger.importing.times import Stated, TimeRules, read_time
from ledger.vault.suppressions import CarriedNo, Match
from tests.support.catalogue import small_catalogue

NOW_MS = 1_764_000_000_000
ANNA, BO = b"a" * 16, b"b" * 16
LEFT = read_time("2024-01-01 00:00:00", TimeRules())


def plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {"purpose": "newsletter", "channel": "email", "notice": "signup@1"}
    return make_plan(small_catalogue(), now_ms=NOW_MS, **(given | changes))


def maker(*, file: bytes = b"f" * 32, **changes: Any) -> EventMaker:
    return EventMaker(plan(**changes), b"k" * 32, file)


def no_id(of: EventMaker, who: bytes = ANNA, stated: Stated | None = LEFT) -> bytes:
    return next(of.noes(who, No(stated), time_dropped=False)).event.envelope.event_id


def yes_id(of: EventMaker, who: bytes = ANNA, effective_from: int | None = 1) -> bytes:
    return next(of.yeses(who, Yes(effective_from, ()), ("newsletter",))).event.envelope.event_id


def test_the_same_answer_of_another_file_is_the_same_event() -> None:
    assert no_id(maker()) == no_id(maker(file=b"g" * 32))
    assert yes_id(maker()) == yes_id(maker(file=b"g" * 32))
    assert yes_id(maker(), effective_from=None) == yes_id(maker(file=b"g" * 32), effective_from=None)


def test_an_undated_unsubscribe_of_another_file_is_never_taken_for_a_repeat() -> None:
    """The person may have come back between the two files, and have left again."""
    assert no_id(maker(), stated=None) == no_id(maker(), stated=None)
    assert no_id(maker(), stated=None) != no_id(maker(file=b"g" * 32), stated=None)


def test_whatever_differs_in_an_answer_gives_another_event() -> None:
    other_time = read_time("2024-01-02 00:00:00", TimeRules())
    found = [
        no_id(maker()), no_id(maker(), BO), no_id(maker(), stated=other_time), no_id(maker(), stated=None),
        no_id(maker(channel="sms")), no_id(maker(times_exact=True)), no_id(maker(purpose="profiling")),
        no_id(EventMaker(plan(), b"other key" * 4, b"f" * 32)), yes_id(maker()), yes_id(maker(), BO),
        yes_id(maker(), effective_from=2), yes_id(maker(), effective_from=None), yes_id(maker(notice="signup@3")),
    ]  # fmt: skip
    assert all(one != other for one, other in itertools.combinations(found, 2))


def test_the_events_can_be_written_and_say_where_they_come_from() -> None:
    [no] = maker().noes(ANNA, No(LEFT), time_dropped=False)
    [yes] = maker().yeses(ANNA, Yes(5, ()), ("newsletter",))
    assert (no.lane, yes.lane) == (Lane.LIVE, Lane.BACKFILL)
    for one in (no, yes):
        assert codec.decode(codec.encode(one.event)) == one.event
        assert one.event.envelope.origin is Origin.IMPORTED and one.event.envelope.occurred_at is None
    assert yes.event.envelope.effective_from == 5
    assert no.event.envelope.effective_from == LEFT.first_ms


def test_only_a_vouched_for_instant_is_stated_exactly() -> None:
    day = read_time("2024-01-01", TimeRules())
    [exact] = maker(times_exact=True).noes(ANNA, No(LEFT), time_dropped=False)
    [vague] = maker(times_exact=True).noes(ANNA, No(day), time_dropped=False)
    [plain] = maker().noes(ANNA, No(LEFT), time_dropped=False)
    assert (exact.event.envelope.stated_exactly, exact.event.envelope.effective_from) == (True, LEFT.last_ms)
    assert not vague.event.envelope.stated_exactly and not plain.event.envelope.stated_exactly


def test_a_time_that_was_dropped_is_named_in_the_event() -> None:
    [no] = maker().noes(ANNA, No(None), time_dropped=True)
    assert no.event.envelope.dropped_fields == ("effective_from",)
    assert codec.decode(codec.encode(no.event)) == no.event


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [("newsletter", ConsentWithdrawn), ("offers", ObjectionRaised), ("delivery", PreferenceSet)],
)
def test_an_unsubscribe_is_what_the_basis_of_its_purpose_makes_it(purpose: str, expected: type) -> None:
    [no] = maker(purpose=purpose, notice=None).noes(ANNA, No(LEFT), time_dropped=False)
    assert type(no.event) is expected


def test_a_tag_adds_its_purpose_and_an_unsubscribe_ends_them_all() -> None:
    both = plan(tag_purposes={"VIP": "profiling"})
    assert both.purposes_of(("vip", "other")) == ("newsletter", "profiling")
    assert both.purposes_of(()) == ("newsletter",)
    assert plan(purpose=None, tag_purposes={"VIP": "profiling"}).purposes_of(("other",)) == ()
    assert [act.purpose for act in both.noes] == ["newsletter", "profiling"]
    # Profiling is used on no channel, so the list's channel is none of it.
    assert [act.channel for act in both.noes] == ["email", None]
    [grant] = maker(tag_purposes={"vip": "profiling"}).yeses(ANNA, Yes(1, ()), ("profiling",))
    assert isinstance(grant.event, ConsentGiven) and grant.event.scope.channel is None


def carried(**scope: str) -> Match:
    empty = dict.fromkeys(("purpose", "purpose_group", "channel", "recipient", "item", "category"), "")
    return Match((CarriedNo(no_key=b"n" * 16, rank_ms=1, rank_seq=1, **(empty | scope)),), None)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (None, None),
        (Match((), 1), "erased_before"),
        (carried(), "suppressed"),
        (carried(purpose="newsletter"), "suppressed"),
        (carried(purpose_group="marketing"), "suppressed"),
        (carried(purpose="newsletter", channel="email"), "suppressed"),
        (carried(purpose="newsletter", channel="sms"), None),
        (carried(purpose="profiling"), None),
        (carried(purpose="newsletter", recipient="acme"), None),
    ],
    ids=["nothing", "erased", "everything", "purpose", "group", "channel", "other-channel", "other-purpose", "recipient"],
)
def test_what_outlived_an_erasure_bars_the_grants_that_it_covers(match: Match | None, expected: str | None) -> None:
    assert plan().bar(match, "newsletter") == expected


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"purpose": "sell"}, "purpose_unknown"),
        ({"purpose": "Sell it"}, "id_malformed"),
        ({"purpose": None}, "purpose_required"),
        ({"channel": "fax"}, "channel_unknown"),
        ({"channel": "fax", "notice": None}, "channel_unknown"),
        ({"channel": None}, "channel_required"),
        ({"channel": "phone"}, "channel_not_declared"),
        ({"notice": "signup@9"}, "notice_unknown"),
        ({"notice": "terms@1"}, "notice_not_valid"),
        ({"purpose": "offers"}, "purpose_needs_no_consent"),
        ({"tag_purposes": {"vip": "sell"}}, "purpose_unknown"),
        ({"source": "Anna"}, "id_malformed"),
        ({"source": "anna@example.se"}, "id_malformed"),
    ],
    ids=lambda value: "-".join(f"{name}-{of}" for name, of in value.items()) if isinstance(value, dict) else value,
)
def test_a_name_that_the_catalogue_does_not_declare_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Rejected) as refused:
        plan(**changes)
    assert refused.value.code == code


@pytest.mark.parametrize("text", ["vip", "=newsletter", "vip="])
def test_a_tag_without_a_purpose_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="usage"):
        parse_tag_purposes([text])


def test_another_plan_has_another_digest() -> None:
    plans = [plan(), plan(channel="sms"), plan(notice="signup@3"), plan(times_exact=True), plan(source="shop"),
             plan(tag_purposes={"vip": "profiling"})]  # fmt: skip
    assert len({one.digest() for one in plans} | {plan().digest("a column more")}) == len(plans) + 1
    assert plan().digest() == plan().digest()
