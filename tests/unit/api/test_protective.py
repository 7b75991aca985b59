"""What of a request is recorded when something in it is wrong."""

from typing import Any

import pytest

from ledger.api.acts import Submission, read
from ledger.api.protective import Entry, held_back, judged, read_entries, recordable, without_yeses
from ledger.errors import Conflict, Rejected
from tests.support.catalogue import small_catalogue

NOW_MS = 1_800_000_000_000
PERSON = {"subject": {"account": "42"}}
GRANT = {"act": "grant", "purpose": "newsletter", "channel": "email", "notice": "signup@3"}
REFUSE = {"act": "refuse", "purpose": "profiling"}
WITHDRAW = {"act": "withdraw", "purpose": "newsletter"}


def submitted(*acts: dict[str, Any], **common: Any) -> Submission:
    return read({**PERSON, "acts": list(acts), **common}, NOW_MS)


def entries_of(*acts: dict[str, Any], **common: Any) -> tuple[Entry, ...]:
    submission = submitted(*acts, **common)
    return judged(submission.entries, small_catalogue(), submission.refusal, NOW_MS)


def test_a_sound_request_is_recorded_noes_first_and_keeps_its_places() -> None:
    entries = recordable(entries_of(GRANT, REFUSE, WITHDRAW))
    assert [(entry.kind, entry.index, entry.place) for entry in entries] == [
        ("refuse", 1, 0),
        ("withdraw", 2, 1),
        ("grant", 0, 2),
    ]


def test_a_lone_yes_with_a_defect_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        recordable(entries_of({**GRANT, "purpose": "nonsense"}))
    assert (refused.value.code, refused.value.context["path"]) == ("purpose_unknown", "$.acts[0].purpose")


def test_beside_a_refused_yes_the_noes_alone_are_recorded() -> None:
    entries = entries_of({**GRANT, "notice": "signup@9"}, GRANT, REFUSE)
    assert [entry.kind for entry in recordable(entries)] == ["refuse"]
    codes = {entry.index: held_back(entry).code for entry in entries if entry.kind == "grant"}
    assert codes == {0: "notice_unknown", 1: "choice_held_back"}


def test_a_no_that_cannot_be_read_does_not_take_another_no_with_it() -> None:
    entries = recordable(entries_of({"act": "withdraw", "purpose": "No Id"}, REFUSE))
    assert [entry.kind for entry in entries] == ["refuse"]


def test_an_unknown_act_refuses_the_request_since_nobody_can_say_whether_it_is_a_no() -> None:
    with pytest.raises(Rejected) as refused:
        read_entries([REFUSE, {"act": "forget"}])
    assert refused.value.code == "act_unknown"


@pytest.mark.parametrize(
    ("common", "code"),
    [
        ({"occurred_at": "2100-01-01T00:00:00Z"}, "time_in_future"),
        ({"waited_ms": -5}, "field_wrong_type"),
        ({"seen": "p1.x"}, "position_malformed"),
        ({"capture": 7}, "field_wrong_type"),
        ({"campaign": "spring"}, "field_unknown"),
        ({"effective_from": "2100-01-01T00:00:00Z"}, "effective_too_far_ahead"),
    ],
)
def test_a_defect_of_the_body_refuses_yeses_and_is_reported_with_noes(
    common: dict[str, Any], code: str
) -> None:
    with pytest.raises(Rejected) as refused:
        recordable(entries_of(GRANT, **common))
    assert refused.value.code == code
    submission = submitted(GRANT, REFUSE, **common)
    assert [report.code for report in submission.dropped] == [code]
    entries = judged(submission.entries, small_catalogue(), submission.refusal, NOW_MS)
    assert [entry.kind for entry in recordable(entries)] == ["refuse"]


def test_a_wait_that_nobody_can_read_is_unknown_and_not_zero() -> None:
    assert submitted(WITHDRAW).waited_ms == 0
    assert submitted(WITHDRAW, waited_ms=None).waited_ms is None
    assert submitted(WITHDRAW, waited_ms="long").waited_ms is None


def test_what_the_screen_showed_is_not_asked_of_a_no() -> None:
    submission = submitted(WITHDRAW, seen="garbage")
    assert (submission.seen, submission.dropped) == (None, ())


def test_times_wait_and_screen_are_not_part_of_what_an_act_says() -> None:
    first = submitted(GRANT, waited_ms=3)
    again = submitted({**GRANT, "item": None}, waited_ms=70_000, occurred_at="2026-01-01T00:00:00Z")
    other = submitted({**GRANT, "item": "one"})
    voiced = submitted(GRANT, voice="administrator")
    assert first.content == again.content
    assert len({first.content, other.content, voiced.content}) == 3


def test_under_a_used_key_only_the_yeses_are_refused() -> None:
    entries = without_yeses(entries_of(GRANT, REFUSE), Conflict("idempotency_key_reused"))
    assert [entry.kind for entry in recordable(entries)] == ["refuse"]
    with pytest.raises(Conflict):
        recordable(without_yeses(entries_of(GRANT), Conflict("idempotency_key_reused")))


@pytest.mark.parametrize(
    ("purpose", "becomes"),
    [
        ("newsletter", "withdraw"),
        ("offers", "object"),
        ("delivery", "preference_out"),
        ("gone", "preference_out"),
    ],
)
def test_unsubscribing_becomes_what_the_catalogue_says(purpose: str, becomes: str) -> None:
    (entry,) = entries_of({"act": "unsubscribe", "purpose": purpose, "channel": "email"})
    assert entry.act is not None
    assert entry.act.act == becomes


def test_without_a_catalogue_noes_are_recorded_and_yeses_refused() -> None:
    submission = submitted(GRANT, {"act": "unsubscribe", "purpose": "newsletter"})
    entries = judged(submission.entries, None, submission.refusal, NOW_MS)
    (left,) = recordable(entries)
    assert left.act is not None
    assert left.act.act == "preference_out"
    assert held_back(entries[1]).code == "catalogue_missing"
