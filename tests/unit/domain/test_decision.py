"""One rule of the decision at a time, in the order in which they are weighed."""

import msgspec
import pytest

from ledger.domain.catalogue import Basis, Catalogue
from ledger.domain.decision import Decision, decide, deny, outranking
from ledger.domain.events import ConsentGiven, Envelope, Lane, Scope, Voice
from ledger.domain.scopes import Question
from ledger.domain.weighing import No, outranks
from ledger.errors import Denied
from tests.support.catalogue import FAR_AHEAD_MS, small_catalogue
from tests.support.histories import HOUR, MINUTE, NOON, History

CATALOGUE = small_catalogue("example")
EMAIL = Scope(purpose="newsletter", channel="email")


def changed(purpose: str, **fields: object) -> Catalogue:
    """The small catalogue with one purpose changed."""
    purposes = CATALOGUE.purposes | {purpose: msgspec.structs.replace(CATALOGUE.purposes[purpose], **fields)}
    return msgspec.structs.replace(CATALOGUE, purposes=purposes)


def test_a_grant_allows_and_says_why() -> None:
    history = History()
    grant = history.grant(0)
    answer = history.ask()
    assert grant.first is not None
    assert answer == Decision(
        allowed=True,
        reason="consent_given",
        purpose="newsletter",
        channel="email",
        basis="consent",
        deciding_events=(grant.first.event_id.hex(),),
        notice="signup@3",
        obligations=("include_opt_out",),
        catalogue_version=1,
    )
    assert answer.require() is answer


def test_of_two_grants_that_allow_the_latest_is_named() -> None:
    history = History()
    for at, notice in ((0, "signup@3"), (HOUR, "signup@1")):
        history.grant(at, notice=notice)
        assert history.ask().notice == notice


def test_a_deny_is_false_and_require_raises_it() -> None:
    answer = History().ask()
    assert not answer
    with pytest.raises(Denied) as raised:
        answer.require()
    assert raised.value.decision is answer
    assert raised.value.reason == "no_events"


def test_a_subject_in_quarantine_is_denied_whatever_stands() -> None:
    history = History()
    history.grant(0)
    assert history.ask(quarantined=True).reason == "quarantined"


def test_a_subject_without_events_is_denied_on_every_basis() -> None:
    assert [History().ask(purpose).reason for purpose in CATALOGUE.purposes] == ["no_events"] * 6


def test_without_a_catalogue_nothing_is_allowed() -> None:
    history = History()
    history.grant(0)
    answer = decide(None, history.rows, Question(purpose="newsletter", channel="email"), NOON)
    assert (answer.reason, answer.catalogue_version) == ("catalogue_missing", None)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"purpose": "telepathy"}, "purpose_not_registered"),
        ({"channel": None}, "channel_required"),
        ({"channel": "phone"}, "channel_not_declared"),
        ({"purpose": "profiling", "channel": "email"}, "channel_not_declared"),
        ({"category": "contact"}, "category_not_declared"),
        ({"recipient": "acme"}, "recipient_not_declared"),
        ({"purpose": "delivery"}, "basis_not_supported"),
    ],
)
def test_what_is_not_declared_is_denied_with_its_own_code(
    question: dict[str, str | None], reason: str
) -> None:
    history = History()
    history.grant(0)
    assert history.ask(**question).reason == reason  # type: ignore[arg-type]


def test_an_administrators_off_denies_before_anything_else_is_weighed() -> None:
    history = History()
    history.grant(0)
    off = history.withdraw(HOUR, voice=Voice.ADMINISTRATOR)
    answer = history.ask()
    assert answer.reason == "switched_off"
    assert off.first is not None and answer.deciding_events == (off.first.event_id.hex(),)


def test_an_administrators_on_ends_the_off_that_it_outranks() -> None:
    history = History()
    history.grant(0)
    history.prefer(HOUR, "out", EMAIL, voice=Voice.ADMINISTRATOR)
    history.prefer(2 * HOUR, "in", EMAIL, voice=Voice.ADMINISTRATOR)
    assert history.ask().reason == "consent_given"
    history.prefer(3 * HOUR, "out", EMAIL, voice=Voice.ADMINISTRATOR)
    assert history.ask().reason == "switched_off"


def test_neither_the_persons_yes_nor_an_on_elsewhere_ends_an_administrators_off() -> None:
    history = History()
    history.prefer(0, "out", EMAIL, voice=Voice.ADMINISTRATOR)
    history.grant(HOUR)
    history.prefer(HOUR, "in", EMAIL)
    history.prefer(HOUR, "in", Scope(purpose="newsletter", channel="sms"), voice=Voice.ADMINISTRATOR)
    assert history.ask().reason == "switched_off"


def test_an_administrators_on_holds_no_longer_than_it_says() -> None:
    history = History()
    history.grant(0)
    history.prefer(HOUR, "out", EMAIL, voice=Voice.ADMINISTRATOR)
    history.grant(
        2 * HOUR, voice=Voice.ADMINISTRATOR, expires_at=NOON + 5 * HOUR, effective_from=NOON + 4 * HOUR
    )
    assert history.ask(now=3 * HOUR).reason == "switched_off"
    assert history.ask(now=4 * HOUR).reason == "consent_given"
    assert history.ask(now=5 * HOUR).reason == "switched_off"


def test_what_cannot_be_weighed_comes_before_what_is_switched_off_and_the_latest_decides() -> None:
    history = History()
    history.grant(0)
    first = history.withdraw(1, Scope(), voice=Voice.ADMINISTRATOR)
    latest = history.prefer(2, "out", Scope(), voice=Voice.ADMINISTRATOR)
    assert first.first is not None and latest.first is not None
    rows = history.rows
    question = Question(purpose="newsletter", channel="email")
    for found in (rows, rows[::-1]):
        answer = decide(CATALOGUE, found, question, NOON)
        assert (answer.reason, answer.deciding_events) == ("switched_off", (latest.first.event_id.hex(),))
    odd = msgspec.structs.replace(first, row_key=b"new", kind="minor")
    for found in ((*rows, odd), (odd, *rows)):
        assert decide(CATALOGUE, found, question, NOON).reason == "not_understood"


def test_one_grant_must_outrank_every_no() -> None:
    """A grant in each lane, a no in each, and each grant above the no of its own lane alone."""
    history = History()
    for lane in (Lane.LIVE, Lane.BACKFILL):
        history.withdraw(0, lane=lane)
        history.grant(1, lane=lane, seen=history.seen(lane))
    assert history.ask().reason == "withdrawn"


@pytest.mark.parametrize(
    "change", [{"kind": "minor"}, {"shape": "hold"}, {"shape": "pair", "kind": "restriction"}]
)
def test_a_row_that_this_version_cannot_weigh_denies(change: dict[str, str]) -> None:
    history = History()
    history.grant(0)
    history.added.append(msgspec.structs.replace(history.withdraw(-HOUR), row_key=b"new", **change))
    assert history.ask().reason == "not_understood"
    assert history.ask("profiling", None).reason == "no_consent"


def test_a_value_that_this_version_does_not_know_denies() -> None:
    history = History()
    history.grant(HOUR)
    row = history.withdraw(0)
    assert row.first is not None
    odd = msgspec.structs.replace(
        row, row_key=b"new", first=msgspec.structs.replace(row.first, value="revoked")
    )
    history.added.append(odd)
    assert history.ask().reason == "not_understood"


def test_a_yes_of_a_kind_that_this_version_does_not_know_lifts_nothing() -> None:
    history = History()
    history.withdraw(0)
    yes = history.grant(HOUR)
    history.records.pop()
    history.added.append(msgspec.structs.replace(yes, row_key=b"new", kind="membership"))
    assert history.ask().reason == "withdrawn"


def test_an_end_that_came_before_its_beginning_denies_nothing() -> None:
    history = History()
    history.grant(0)
    row = history.object_to(-HOUR, EMAIL)
    history.records.pop()
    history.added.append(msgspec.structs.replace(row, first=None, detail=None, second=row.first))
    assert history.ask().reason == "consent_given"


@pytest.mark.parametrize("basis_purpose", ["newsletter", "offers"])
def test_a_no_that_no_yes_outranks_denies_with_its_own_reason(basis_purpose: str) -> None:
    scope = Scope(purpose=basis_purpose, channel="email")
    for tell, reason in (
        (lambda history: history.withdraw(0, scope), "withdrawn"),
        (lambda history: history.refuse(0, scope), "refused"),
        (lambda history: history.prefer(0, "out", scope), "opted_out"),
        (lambda history: history.object_to(0, scope), "objected"),
    ):
        history = History()
        history.serve_notice(-HOUR)
        no = tell(history)
        answer = history.ask(basis_purpose)
        assert (answer.reason, answer.deciding_events) == (reason, (no.first.event_id.hex(),))


def test_the_latest_no_gives_the_reason() -> None:
    history = History()
    history.withdraw(0)
    history.prefer(MINUTE, "out", EMAIL)
    history.refuse(HOUR)
    assert history.ask().reason == "refused"
    assert history.ask().notice == "signup@3"


def test_a_no_does_not_touch_what_cannot_be_declined() -> None:
    catalogue = changed(
        "delivery", basis=Basis.LEGITIMATE_INTERESTS, balancing=CATALOGUE.purposes["offers"].balancing
    )
    history = History(catalogue)
    history.prefer(0, "out")
    history.object_to(0, Scope())
    assert history.ask("delivery").reason == "legitimate_interests"


def test_direct_marketing_can_be_declined_whatever_its_class_says() -> None:
    history = History(changed("offers", message_class="service"))
    history.serve_notice(0)
    assert history.ask("offers").reason == "legitimate_interests"
    history.object_to(1, Scope(purpose="offers"))
    assert history.ask("offers").reason == "objected"


def test_an_objection_to_direct_marketing_is_never_overruled_and_another_may_be() -> None:
    for purpose, reason in (("offers", "objected"), ("survey", "legitimate_interests")):
        history = History()
        history.serve_notice(0)
        row = history.object_to(1, Scope(purpose=purpose))
        history.added.append(msgspec.structs.replace(row, second=row.first))
        assert history.ask(purpose).reason == reason


@pytest.mark.parametrize("voice", [Voice.CONTROLLER, Voice.AUTHORITY, Voice.SIGNAL])
def test_a_controllers_an_authoritys_and_a_signals_no_yield_to_the_persons_later_yes_alone(
    voice: Voice,
) -> None:
    history = History()
    history.grant(0)
    history.withdraw(HOUR, voice=voice)
    assert history.ask().reason == "withdrawn"
    history.grant(2 * HOUR, voice=voice)
    assert history.ask().reason == "withdrawn"
    history.grant(3 * HOUR)
    assert history.ask().reason == "consent_given"


def test_without_a_grant_there_is_no_consent() -> None:
    history = History()
    history.serve_notice(0)
    assert history.ask().reason == "no_consent"


def test_of_the_noes_that_an_opt_in_lifted_and_no_grant_did_the_latest_is_the_reason() -> None:
    history = History()
    history.grant(-HOUR)
    history.prefer(0, "out", EMAIL)
    history.refuse(MINUTE)
    history.prefer(HOUR, "in", EMAIL)
    assert history.ask().reason == "refused"


def test_direct_marketing_without_a_channel_has_no_message_to_put_an_opt_out_in() -> None:
    history = History(changed("profiling", direct_marketing=True))
    history.grant(0, "profiling", None)
    answer = history.ask("profiling", None)
    assert (answer.reason, answer.obligations) == ("consent_given", ())


def test_an_opt_in_is_no_consent_though_it_lifts_a_no() -> None:
    history = History()
    history.withdraw(0)
    history.prefer(HOUR, "in", EMAIL)
    assert history.ask().reason == "no_consent"
    history = History()
    history.grant(-HOUR)
    history.withdraw(0)
    history.prefer(HOUR, "in", EMAIL)
    assert history.ask().reason == "withdrawn"


@pytest.mark.parametrize(
    "granted",
    [
        {"purpose": "profiling"},
        {"channel": "sms"},
        {"channel": None},
        {"item": "chess"},
        {"recipient": "acme"},
        {"category": "contact"},
    ],
)
def test_a_grant_of_anything_else_is_no_consent(granted: dict[str, str]) -> None:
    history = History()
    history.grant(0, **granted)
    assert history.ask().reason == "no_consent"


def test_a_grant_is_for_the_recipient_item_and_category_that_it_names() -> None:
    history = History()
    history.grant(0, "sharing", None, recipient="acme", category="contact")
    assert history.ask("sharing", None, recipient="acme", category="contact").allowed
    for other in ({}, {"recipient": "acme"}, {"recipient": "globex", "category": "contact"}):
        assert history.ask("sharing", None, **other).reason == "no_consent"
    history.grant(1, "sharing", None, recipient="acme")
    assert history.ask("sharing", None, recipient="acme", category="behaviour").allowed
    history.grant(2, "profiling", None, item="chess")
    assert history.ask("profiling", None, item="chess").allowed
    assert history.ask("profiling", None, item="poker").reason == "no_consent"


def test_consent_to_a_group_of_purposes_is_none() -> None:
    history = History()
    history.tell(0, _group_grant)
    assert history.ask().reason == "no_consent"


def _group_grant(head: Envelope) -> ConsentGiven:
    return ConsentGiven(
        envelope=head,
        scope=Scope(purpose_group="marketing", channel="email"),
        notice="signup@3",  # type: ignore[arg-type]
    )


def test_an_opt_in_may_name_a_class_or_a_group() -> None:
    for told in (
        {"message_class": "marketing"},
        {"scope": Scope(purpose_group="marketing", channel="email")},
    ):
        history = History()
        history.prefer(0, "out", Scope(purpose="offers"))
        scope = told.pop("scope", Scope(channel="email"))
        history.prefer(HOUR, "in", scope, **told)
        assert history.ask("offers").reason == "legitimate_interests"
        assert history.ask("offers", now=2 * HOUR).allowed


def test_consent_ends_when_its_time_is_up_and_at_that_very_millisecond() -> None:
    history = History()
    history.grant(0, expires_at=NOON + HOUR)
    assert history.ask(now=HOUR - 1).allowed
    assert history.ask(now=HOUR).reason == "consent_expired"


def test_consent_that_begins_later_does_not_hold_yet() -> None:
    history = History()
    history.grant(0, effective_from=NOON + HOUR)
    assert history.ask(now=HOUR - 1).reason == "consent_not_yet_effective"
    assert history.ask(now=HOUR).allowed


def test_a_withdrawal_before_an_expired_grant_is_the_reason() -> None:
    history = History()
    history.withdraw(0)
    history.grant(HOUR, expires_at=NOON + 2 * HOUR)
    assert history.ask(now=HOUR).allowed
    assert history.ask(now=3 * HOUR).reason == "withdrawn"


@pytest.mark.parametrize("notice", ["terms@1", "unknown@1"])
def test_consent_rests_on_a_text_that_covers_the_purpose(notice: str) -> None:
    history = History()
    history.grant(0, notice=notice)
    assert history.ask().reason == "notice_not_valid"
    history.grant(-HOUR)
    assert history.ask().allowed


def test_a_complete_double_opt_in_is_a_grant() -> None:
    history = History()
    confirmed = history.grant(HOUR, confirms=b"r" * 16)
    plain = history.grant(0)
    history.records.pop()
    assert history.ask().reason == "no_consent"
    history.added.append(
        msgspec.structs.replace(confirmed, first=plain.first, detail=plain.detail, second=None)
    )
    answer = history.ask()
    assert answer.reason == "consent_given"
    assert len(answer.deciding_events) == 2
    history.withdraw(MINUTE)
    assert history.ask().reason == "withdrawn"


def test_legitimate_interests_need_a_balancing_record_that_is_still_good() -> None:
    history = History()
    history.serve_notice(0)
    answer = history.ask("offers")
    assert (answer.reason, answer.basis, answer.obligations) == (
        "legitimate_interests", "legitimate_interests", ("include_opt_out",),
    )  # fmt: skip
    assert history.ask("survey").obligations == ()
    assert history.ask("offers", now=FAR_AHEAD_MS - NOON).reason == "balancing_record_stale"
    for fields, reason in (
        ({"balancing": None}, "balancing_record_stale"),
        ({"existing_customer_required": True}, "existing_customer_not_shown"),
    ):
        history.catalogue = changed("offers", **fields)
        assert history.ask("offers").reason == reason


def test_somebodys_first_no_to_one_thing_does_not_allow_another() -> None:
    history = History()
    history.refuse(0)
    assert history.ask("offers").reason == "no_events"
    history.serve_notice(1)
    assert history.ask("offers").reason == "legitimate_interests"


@pytest.mark.parametrize("basis", [Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTERESTS])
def test_a_basis_that_cannot_be_checked_yet_denies(basis: Basis) -> None:
    history = History(changed("delivery", basis=basis))
    history.grant(0)
    assert history.ask("delivery").reason == "basis_not_supported"


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (Scope(), True),
        (Scope(purpose="sharing"), True),
        (Scope(purpose="newsletter"), False),
        (Scope(purpose="telepathy"), False),
        (Scope(channel="email"), False),
        (Scope(purpose="sharing", channel="email"), True),
        (Scope(channel="pigeon"), True),
        (Scope(recipient="acme"), True),
        (Scope(recipient="globex"), False),
        (Scope(category="contact"), True),
        (Scope(category="behaviour"), False),
        (Scope(category="blood"), True),
        (Scope(purpose_group="marketing"), False),
        (Scope(purpose_group="riddles"), True),
        (Scope(item="chess"), False),
    ],
)
def test_a_no_covers_what_it_leaves_out_and_the_names_that_nobody_declared(
    scope: Scope, covered: bool
) -> None:
    history = History()
    history.grant(-HOUR, "sharing", None, recipient="acme", category="contact")
    history.withdraw(0, scope)
    answer = history.ask("sharing", None, recipient="acme", category="contact")
    assert answer.reason == ("withdrawn" if covered else "consent_given")


def test_a_no_to_one_category_covers_a_question_about_all() -> None:
    history = History()
    history.grant(-HOUR, "sharing", None, recipient="acme")
    history.withdraw(0, Scope(category="behaviour"))
    assert history.ask("sharing", None, recipient="acme").reason == "withdrawn"
    assert history.ask("sharing", None, recipient="acme", category="contact").allowed
    catalogue = msgspec.structs.replace(
        CATALOGUE, categories=CATALOGUE.categories | {"blood": {"en": "Blood"}}
    )
    for scope, reason in (
        (Scope(category="blood"), "consent_given"),
        (Scope(purpose="profiling", category="blood"), "withdrawn"),
    ):
        history = History(catalogue)
        history.grant(-HOUR, "profiling", None)
        history.withdraw(0, scope)
        assert history.ask("profiling", None).reason == reason


@pytest.mark.parametrize(
    ("message_class", "covered"), [("marketing", True), ("service", False), ("riddles", True)]
)
def test_an_opt_out_of_a_class_covers_its_purposes(message_class: str, covered: bool) -> None:
    history = History()
    history.grant(-HOUR)
    history.prefer(0, "out", message_class=message_class)
    assert history.ask().reason == ("opted_out" if covered else "consent_given")


def test_a_no_that_names_no_item_covers_every_item() -> None:
    history = History()
    history.grant(-HOUR, "profiling", None, item="chess")
    assert history.ask("profiling", None, item="chess").allowed
    history.withdraw(0, Scope(purpose="profiling"))
    assert history.ask("profiling", None, item="chess").reason == "withdrawn"


def test_an_opt_in_to_a_purpose_within_a_class_names_neither() -> None:
    history = History()
    history.prefer(0, "out", Scope(purpose="survey", channel="email"))
    history.prefer(HOUR, "in", Scope(purpose="survey", channel="email"), message_class="marketing")
    assert history.ask("survey").reason == "opted_out"
    history.prefer(2 * HOUR, "in", Scope(purpose="survey", channel="email"))
    assert history.ask("survey").reason == "legitimate_interests"


def test_a_topic_is_an_item_too() -> None:
    history = History()
    history.grant(-HOUR, "profiling", None, item="chess")
    history.prefer(0, "out", topic="chess")
    assert history.ask("profiling", None, item="chess").reason == "opted_out"
    history.prefer(HOUR, "in", Scope(purpose="profiling"), topic="chess")
    assert history.ask("profiling", None, item="chess").reason == "opted_out"
    history.grant(2 * HOUR, "profiling", None, item="chess")
    assert history.ask("profiling", None, item="chess").reason == "consent_given"


def test_in_another_lane_a_no_gains_a_minute() -> None:
    for ahead, stands in ((MINUTE, False), (MINUTE + 1, True)):
        history = History()
        no = history.withdraw(0)
        history.serve_notice(2 * MINUTE + ahead, lane=Lane.BACKFILL)
        yes = history.grant(2 * MINUTE + ahead, lane=Lane.BACKFILL)
        assert no.first is not None
        assert outranks(yes, No(no, no.first)) is stands
        assert history.ask().allowed is stands


def test_in_one_partition_only_a_greater_rank_outranks() -> None:
    history = History()
    no = history.withdraw(0)
    for yes_at, stands in ((2 * MINUTE, False), (2 * MINUTE + 1, True)):
        yes = history.grant(yes_at)
        assert no.first is not None
        assert outranks(yes, No(no, no.first)) is stands
    nothing = msgspec.structs.replace(yes, first=None)
    assert not outranks(nothing, No(no, no.first))


def test_of_equal_ranks_the_no_wins() -> None:
    history = History()
    no = history.withdraw(0)
    assert no.first is not None
    for lane in (Lane.LIVE, Lane.BACKFILL):
        yes = history.grant(0, lane=lane)
        assert yes.first is not None
        ahead_ms = 0 if lane is Lane.LIVE else MINUTE
        half = msgspec.structs.replace(
            yes.first, rank_ms=no.first.rank_ms + ahead_ms, rank_seq=no.first.rank_seq
        )
        assert not outranks(msgspec.structs.replace(yes, first=half), No(no, no.first))


def test_what_outranks_a_yes_is_told_greatest_first() -> None:
    history = History()
    question = Question(purpose="newsletter", channel="email")
    yes = history.grant(0)
    assert outranking(CATALOGUE, history.rows, question, yes) == ()
    first, second = history.withdraw(0), history.object_to(HOUR, Scope())
    history.withdraw(-HOUR, Scope(purpose="profiling"))
    assert outranking(CATALOGUE, history.rows, question, yes) == (second, first)
    assert outranking(CATALOGUE, history.rows, Question(purpose="telepathy"), yes) == ()


def test_a_deny_names_what_decided() -> None:
    history = History()
    row = history.withdraw(0)
    answer = deny(
        Question(purpose="newsletter"), "stale", catalogue=CATALOGUE, basis=Basis.CONSENT,
        deciding=[row.first] if row.first else [], notice="signup@3",
    )  # fmt: skip
    assert (answer.retryable, answer.basis, answer.notice, answer.catalogue_version) == (
        True,
        "consent",
        "signup@3",
        1,
    )
    assert len(answer.deciding_events) == 1
