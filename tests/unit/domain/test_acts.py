"""The event that each act becomes, on every road alike."""

import hashlib

import pytest

from ledger.domain.acts import (
    PROTECTIVE_KINDS,
    YES_KINDS,
    Act,
    ActKind,
    event_ids,
    event_of,
    noes_first,
    unsubscribe_as,
)
from ledger.domain.events import ConsentGiven, Envelope, ObjectionRaised, is_protective
from tests.support.catalogue import small_catalogue

ENVELOPE = Envelope(event_id=b"e" * 16, act_id=b"a" * 16, controller="example", source="test")


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        (ActKind.GRANT, "ConsentGiven"),
        (ActKind.REFUSE, "ConsentRefused"),
        (ActKind.WITHDRAW, "ConsentWithdrawn"),
        (ActKind.OBJECT, "ObjectionRaised"),
        (ActKind.PREFERENCE_IN, "PreferenceSet"),
        (ActKind.PREFERENCE_OUT, "PreferenceSet"),
        (ActKind.NOTICE_SERVED, "NoticeServed"),
    ],
)
def test_each_act_has_its_event_and_both_agree_on_what_protects(kind: ActKind, event: str) -> None:
    made = event_of(Act(act=kind, purpose="newsletter", channel="email", notice="signup@3"), ENVELOPE)
    assert type(made).__name__ == event
    assert is_protective(made) == (kind in PROTECTIVE_KINDS)


def test_a_grant_whose_address_was_proved_says_so() -> None:
    grant = Act(act=ActKind.GRANT, purpose="newsletter", channel="email", notice="signup@3", verified=True)
    made = event_of(grant, ENVELOPE)
    assert isinstance(made, ConsentGiven)
    assert made.verified


def test_what_can_allow_and_what_can_only_tighten_are_disjoint() -> None:
    assert YES_KINDS.isdisjoint(PROTECTIVE_KINDS)
    assert set(ActKind) == YES_KINDS | PROTECTIVE_KINDS | {ActKind.NOTICE_SERVED}


def test_an_objection_sent_again_names_the_same_episode() -> None:
    act = Act(act=ActKind.OBJECT, purpose="offers")
    first, second = event_of(act, ENVELOPE), event_of(act, ENVELOPE)
    assert isinstance(first, ObjectionRaised)
    assert first == second
    assert first.episode_id == ENVELOPE.event_id


@pytest.mark.parametrize("act", [Act(act=ActKind.UNSUBSCRIBE, purpose="offers"), Act(act=ActKind.GRANT)])
def test_an_act_that_was_not_decided_becomes_no_event(act: Act) -> None:
    with pytest.raises(ValueError, match="was not admitted"):
        event_of(act, ENVELOPE)


def test_the_id_of_a_single_event_is_that_of_its_act() -> None:
    assert event_ids(b"a" * 16, 1) == (b"a" * 16,)


def test_the_ids_of_several_events_follow_from_act_and_index() -> None:
    ids = event_ids(b"a" * 16, 3)
    assert ids == tuple(
        hashlib.sha256(b"a" * 16 + index.to_bytes(4, "big")).digest()[:16] for index in range(3)
    )
    assert len(set(ids)) == 3
    assert event_ids(b"a" * 16, 2) == ids[:2]


def test_noes_go_first_and_keep_their_order() -> None:
    acts = [Act(act=kind, purpose=f"p{place}") for place, kind in enumerate(
        (ActKind.GRANT, ActKind.REFUSE, ActKind.PREFERENCE_IN, ActKind.WITHDRAW)
    )]  # fmt: skip
    assert [act.purpose for act in noes_first(acts)] == ["p1", "p3", "p0", "p2"]


@pytest.mark.parametrize(
    ("purpose", "kind"),
    [
        ("newsletter", ActKind.WITHDRAW),
        ("offers", ActKind.OBJECT),
        ("delivery", ActKind.PREFERENCE_OUT),
        ("telepathy", ActKind.PREFERENCE_OUT),
        (None, ActKind.PREFERENCE_OUT),
    ],
)
def test_unsubscribing_is_what_the_basis_calls_for(purpose: str | None, kind: ActKind) -> None:
    assert unsubscribe_as(small_catalogue(), purpose) is kind
    assert unsubscribe_as(None, purpose) is ActKind.PREFERENCE_OUT
