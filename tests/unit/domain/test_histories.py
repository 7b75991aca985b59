"""Histories that broke simpler rules, by their numbers in the account of how standing was attacked.

Those that need events of later versions (links, minors, erasure, signals, as-of, contracts) are not here yet.
"""

import inspect

import msgspec

from ledger.domain.catalogue import Basis
from ledger.domain.events import Capture, Lane, Origin, RanksBelow, Scope, Voice
from ledger.domain.standing import rows_of
from tests.support.catalogue import small_catalogue
from tests.support.histories import HOUR, MINUTE, NOON, SECOND, History
from tests.support.true_times import NEWSLETTER as ABOUT_NEWSLETTER
from tests.support.true_times import Copy, Deed, FoldedLog, ask, play

EMAIL = Scope(purpose="newsletter", channel="email")
DAY = 24 * HOUR


def answer(*world: Deed) -> str:
    """The reason once every record of the world is folded, repeats and all."""
    log = FoldedLog()
    for _ in play(world, log):
        pass
    return ask(log, ABOUT_NEWSLETTER).reason


def test_history_01_a_withdrawal_stamped_by_a_slower_leader_still_follows_the_grant_before_it() -> None:
    history = History()
    history.withdraw(-HOUR)
    shown = history.seen()
    grant = history.grant(0, seen=shown)
    withdrawal = history.withdraw(-20 * SECOND)
    assert withdrawal.rank > grant.rank
    assert withdrawal.rank.ms == NOON
    assert history.ask().reason == "withdrawn"


def test_history_02_a_clock_two_hours_ahead_and_an_outbox_do_not_lift_a_withdrawal() -> None:
    history = History()
    history.withdraw(HOUR)
    history.grant(3 * HOUR, occurred_at=NOON + 2 * HOUR, waited_ms=3 * HOUR, origin=Origin.OUTBOX)
    assert history.ask().reason == "withdrawn"


def test_history_02_two_minutes_of_unmeasured_retries_do_not_lift_a_withdrawal() -> None:
    history = History()
    history.withdraw(1)
    history.grant(2 * MINUTE, occurred_at=NOON + HOUR)
    assert history.ask().reason == "withdrawn"


def test_history_02_a_grant_whose_wait_nobody_could_measure_outranks_nothing() -> None:
    history = History()
    history.withdraw(0)
    history.grant(DAY, waited_ms=None, occurred_at=NOON + DAY)
    assert history.ask(now=2 * DAY).reason == "withdrawn"


def test_history_03_an_over_measured_wait_does_not_date_a_withdrawal_back_before_a_backward_step() -> None:
    history = History()
    history.grant(0, occurred_at=NOON)
    history.serve_notice(-10 * SECOND)
    history.withdraw(MINUTE, waited_ms=DAY)
    assert history.ask().reason == "withdrawn"


def test_history_03_a_wait_that_could_not_be_measured_dates_nothing_back() -> None:
    history = History()
    history.grant(0, occurred_at=NOON)
    history.withdraw(MINUTE, waited_ms=None, occurred_at=NOON - DAY)
    assert history.ask().reason == "withdrawn"


def test_history_03_in_an_idle_partition_two_minutes_of_the_wait_are_kept() -> None:
    history = History()
    history.withdraw(-HOUR)
    history.grant(0, seen=history.seen(), occurred_at=NOON + MINUTE)
    history.withdraw(4 * MINUTE, waited_ms=5 * MINUTE)
    assert history.ask().reason == "withdrawn"


def test_history_04_a_grant_sent_again_after_a_withdrawal_is_not_reborn() -> None:
    again = Copy(HOUR, 0, fresh=True)
    grant = Deed("grant", 0, (Copy(0, 0), again), clock_error_ms=0)
    assert answer(grant, Deed("withdraw", MINUTE, (Copy(MINUTE, 0),))) == "withdrawn"


def test_history_05_a_letter_typed_with_last_years_date_is_not_outranked_by_this_years_grant() -> None:
    history = History()
    history.grant(0)
    history.withdraw(HOUR, capture=Capture.LETTER, effective_from=NOON - 365 * DAY)
    assert history.ask().reason == "withdrawn"


def test_history_05_a_clerk_who_was_shown_the_later_grant_may_let_it_stand() -> None:
    history = History()
    grant = history.grant(0)
    below = RanksBelow(ms=grant.rank.ms, seq=grant.rank.seq)
    history.withdraw(HOUR, capture=Capture.LETTER, effective_from=NOON - DAY, ranks_below=below)
    assert history.ask().reason == "consent_given"


def test_history_06_an_import_does_not_lift_an_opt_out() -> None:
    for origin in (Origin.IMPORTED, Origin.INFERRED):
        for lane in (Lane.LIVE, Lane.BACKFILL):
            history = History()
            history.prefer(0, "out", EMAIL)
            history.grant(DAY, origin=origin, occurred_at=NOON + DAY, lane=lane)
            assert history.ask(now=2 * DAY).reason == "opted_out"


def test_history_06_an_imported_grant_stands_where_nobody_said_no() -> None:
    history = History()
    history.grant(0, origin=Origin.IMPORTED, lane=Lane.BACKFILL)
    assert history.ask().reason == "consent_given"


def test_history_07_a_click_on_an_old_confirmation_link_does_not_lift_a_refusal() -> None:
    history = History()
    asked = history.grant(0)
    history.records.pop()
    history.refuse(HOUR)
    confirmed = history.grant(2 * HOUR, confirms=b"r" * 16)
    assert history.ask().reason == "refused"
    history.added.append(
        msgspec.structs.replace(confirmed, first=asked.first, detail=asked.detail, second=None)
    )
    assert history.ask().reason == "refused"


def test_history_08_ending_one_objection_leaves_the_other_in_force() -> None:
    history = History()
    history.serve_notice(0)
    first = history.object_to(1, Scope(purpose="survey"))
    history.object_to(2, Scope(purpose="survey"))
    history.added.append(msgspec.structs.replace(first, first=None, detail=None, second=first.first))
    assert history.ask("survey").reason == "objected"


def test_history_09_an_administrators_off_and_on_leaves_the_persons_refusal_in_force() -> None:
    history = History()
    history.refuse(0)
    history.prefer(HOUR, "out", EMAIL, voice=Voice.ADMINISTRATOR)
    assert history.ask().reason == "switched_off"
    history.prefer(2 * HOUR, "in", EMAIL, voice=Voice.ADMINISTRATOR)
    history.grant(3 * HOUR, voice=Voice.ADMINISTRATOR)
    assert history.ask().reason == "refused"


def test_history_10_a_minor_is_not_weighed_by_this_version_and_therefore_denied() -> None:
    history = History()
    history.grant(HOUR)
    everything = history.withdraw(0, Scope())
    history.records.pop()
    history.added.append(msgspec.structs.replace(everything, row_key=b"minor", kind="minor"))
    assert history.ask().reason == "not_understood"


def test_history_11_withdrawing_consent_closes_every_other_basis_of_the_purpose() -> None:
    catalogue = small_catalogue("example")
    interests = msgspec.structs.replace(
        catalogue.purposes["newsletter"],
        basis=Basis.LEGITIMATE_INTERESTS,
        balancing=catalogue.purposes["offers"].balancing,
    )
    history = History()
    history.grant(0)
    history.withdraw(HOUR)
    history.catalogue = msgspec.structs.replace(
        catalogue, purposes=catalogue.purposes | {"newsletter": interests}
    )
    assert history.ask().reason == "withdrawn"


def test_history_12_within_one_millisecond_the_no_wins() -> None:
    history = History()
    history.withdraw(-HOUR)
    shown = history.seen()
    grant = history.grant(0, seen=shown)
    withdrawal = history.withdraw(0)
    assert withdrawal.rank > grant.rank
    assert history.ask().reason == "withdrawn"
    history = History()
    history.withdraw(0)
    history.grant(2 * MINUTE)
    assert history.ask().reason == "withdrawn"


def test_history_13_a_withdrawal_counts_at_once_though_the_asking_clock_is_behind() -> None:
    history = History()
    history.grant(0)
    history.withdraw(HOUR)
    assert history.ask(now=HOUR - 1).reason == "withdrawn"
    assert history.ask(now=-DAY).reason == "withdrawn"


def test_history_14_asking_again_after_the_end_does_not_revive_a_grant() -> None:
    history = History()
    history.grant(0, expires_at=NOON + HOUR)
    history.serve_notice(2 * HOUR)
    history.prefer(3 * HOUR, "in", EMAIL)
    assert history.ask(now=DAY).reason == "consent_expired"


def test_history_15_a_no_never_expires() -> None:
    history = History()
    history.grant(0)
    history.withdraw(HOUR, effective_from=NOON + HOUR)
    row = history.withdraw(2 * HOUR)
    assert row.detail is not None and row.detail.until_ms is None
    assert history.ask(now=100 * 365 * DAY).reason == "withdrawn"


def test_history_19_a_later_explicit_grant_lifts_noes_of_every_kind() -> None:
    history = History()
    history.prefer(0, "out")
    history.object_to(1, Scope())
    history.withdraw(2)
    history.grant(HOUR)
    assert history.ask().reason == "consent_given"
    assert history.ask("newsletter", "sms").reason == "objected"


def test_history_20_a_shorter_renewal_does_not_end_the_longer_grant() -> None:
    history = History()
    history.grant(0, expires_at=NOON + 10 * DAY)
    history.grant(HOUR, expires_at=NOON + DAY)
    assert history.ask(now=5 * DAY).reason == "consent_given"
    assert history.ask(now=10 * DAY).reason == "consent_expired"


def test_history_20_a_grant_on_another_text_does_not_spoil_the_good_one() -> None:
    history = History()
    history.grant(0)
    history.grant(HOUR, notice="terms@1")
    assert history.ask().reason == "consent_given"


def test_history_20_a_renewal_that_begins_later_does_not_end_the_one_that_holds() -> None:
    history = History()
    history.grant(0)
    history.grant(HOUR, effective_from=NOON + 30 * DAY)
    assert history.ask(now=DAY).reason == "consent_given"


def test_history_20_a_yes_in_the_other_lane_does_not_end_the_one_that_stands() -> None:
    history = History()
    history.withdraw(0)
    history.grant(1, seen=history.seen())
    assert history.ask().reason == "consent_given"
    history.grant(2 * MINUTE + 1, lane=Lane.BACKFILL)
    assert history.ask().reason == "consent_given"


def test_history_21_a_no_in_the_other_lane_does_not_hide_the_one_that_stands() -> None:
    history = History()
    history.withdraw(1, lane=Lane.BACKFILL)
    history.grant(2, lane=Lane.BACKFILL, seen=history.seen(Lane.BACKFILL))
    history.withdraw(0)
    assert history.ask().reason == "withdrawn"


def test_history_22_the_late_copy_of_a_withdrawal_does_not_undo_the_regrant() -> None:
    again = Copy(HOUR, 0, fresh=True)
    withdrawal = Deed("withdraw", 0, (Copy(0, 0), again))
    assert answer(withdrawal, Deed("grant", 10 * MINUTE, (Copy(10 * MINUTE, 0),))) == "consent_given"


def test_history_23_on_an_hour_slow_host_a_regrant_stands_by_what_was_seen() -> None:
    for shown, reason in ((True, "consent_given"), (False, "withdrawn")):
        history = History()
        history.withdraw(0)
        seen = history.seen() if shown else None
        history.grant(10 * MINUTE, occurred_at=NOON - 50 * MINUTE, seen=seen)
        assert history.ask().reason == reason


def test_history_24_a_late_off_after_an_on_keeps_the_off() -> None:
    history = History()
    history.grant(0)
    history.withdraw(MINUTE, waited_ms=None)
    assert history.ask().reason == "withdrawn"


def test_history_25_a_notice_served_changes_neither_answer_nor_reason() -> None:
    history = History()
    history.grant(0)
    history.serve_notice(HOUR)
    assert history.ask().reason == "consent_given"
    history.withdraw(2 * HOUR)
    history.serve_notice(3 * HOUR)
    assert history.ask().reason == "withdrawn"


def test_history_27_recipient_item_category_and_group_are_told_apart() -> None:
    history = History()
    history.grant(0, "sharing", None, recipient="acme")
    history.grant(0, "sharing", None, recipient="globex")
    history.withdraw(HOUR, Scope(purpose="sharing", recipient="globex"))
    assert history.ask("sharing", None, recipient="acme").reason == "consent_given"
    assert history.ask("sharing", None, recipient="globex").reason == "withdrawn"


def test_history_27_a_purpose_added_to_a_group_later_is_covered_by_the_old_no() -> None:
    history = History()
    history.serve_notice(0)
    history.prefer(1, "out", Scope(purpose_group="marketing"))
    assert history.ask("survey").reason == "legitimate_interests"
    survey = msgspec.structs.replace(history.catalogue.purposes["survey"], groups=("marketing",))
    history.catalogue = msgspec.structs.replace(
        history.catalogue, purposes=history.catalogue.purposes | {"survey": survey}
    )
    assert history.ask("survey").reason == "opted_out"


def test_history_31_a_mirrored_grant_with_the_mirrors_time_outranks_nothing() -> None:
    history = History()
    history.withdraw(0)
    history.grant(DAY, origin=Origin.CARRIED)
    assert history.ask(now=2 * DAY).reason == "withdrawn"


def test_history_36_rows_are_read_from_the_event_and_its_stamp_alone() -> None:
    assert list(inspect.signature(rows_of).parameters) == ["event", "record"]
