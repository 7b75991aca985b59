"""Laws of the decision: total, denying by default, and never loosened by a no or by taking a yes away."""

from collections.abc import Iterable
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain import standing as domain_standing
from ledger.domain.catalogue import Basis, Catalogue
from ledger.domain.decision import Decision, Question, decide, outranking
from ledger.domain.events import Lane, NoticeServed, SubjectEvent, is_protective
from ledger.domain.ranks import Record
from ledger.domain.reasons import OBLIGATIONS, REASONS
from ledger.domain.rows import Row, fold, merge
from ledger.domain.standing import rows_of
from ledger.domain.weighing import NO_SHAPES
from tests.support.acts import (
    BASE_MS,
    catalogues,
    noes,
    questions,
    random_acts,
    rows,
    stamped,
    stamped_logs,
    yeses,
)
from tests.support.catalogue import small_catalogue

Log = list[tuple[SubjectEvent, Record]]

NOW_MS = BASE_MS + 600_000
SMALL = small_catalogue("example")
WEIGHED = msgspec.structs.replace(
    SMALL,
    purposes={
        **SMALL.purposes,
        "delivery": msgspec.structs.replace(
            SMALL.purposes["delivery"],
            basis=Basis.LEGITIMATE_INTERESTS,
            balancing=SMALL.purposes["offers"].balancing,
        ),
    },
)
times = st.integers(-300_000, 600_000).map(lambda offset: BASE_MS + offset)
any_catalogue = st.one_of(st.just(SMALL), catalogues())

QUESTIONS = (
    Question(purpose="newsletter", channel="email"),
    Question(purpose="survey", channel="email"),
    Question(purpose="sharing", recipient="acme"),
    Question(purpose="delivery", channel="sms"),
)
"""What random acts are about; ``delivery`` rests here on legitimate interests and cannot be declined."""

asked = st.one_of(st.sampled_from(QUESTIONS), questions)
logs = stamped_logs(max_size=6)
FEW = settings(max_examples=60)


def standing(log: Log) -> tuple[Row, ...]:
    return tuple(fold(row for event, record in log for row in rows_of(event, record)).values())


@given(st.lists(rows, max_size=6), st.one_of(st.none(), any_catalogue), questions, times, st.booleans())
@settings(max_examples=200)
def test_a_decision_is_made_whatever_the_rows_say(
    found: list[Row], catalogue: Catalogue | None, question: Question, now_ms: int, quarantined: bool
) -> None:
    answer = decide(catalogue, found, question, now_ms, quarantined=quarantined)
    assert isinstance(answer, Decision)
    assert REASONS[answer.reason].allows is answer.allowed is bool(answer)
    assert REASONS[answer.reason].retryable is answer.retryable
    assert set(answer.obligations) <= set(OBLIGATIONS)
    assert (answer.purpose, answer.channel) == (question.purpose, question.channel)


@given(logs, any_catalogue, asked, times)
@FEW
def test_nothing_is_allowed_without_events_catalogue_or_declaration(
    log: Log, catalogue: Catalogue, question: Question, now_ms: int
) -> None:
    found = standing(log)
    assert decide(catalogue, (), question, now_ms).reason == "no_events"
    if not decide(catalogue, found, question, now_ms):
        return
    purpose = catalogue.purposes[question.purpose]
    assert question.channel in (purpose.channels or (None,))
    assert question.recipient is None or question.recipient in purpose.recipients
    assert question.category is None or question.category in purpose.categories
    assert not decide(None, found, question, now_ms)
    assert decide(catalogue, found, question, now_ms, quarantined=True).reason == "quarantined"


def law_broken_by(seeds: Iterable[int]) -> str | None:
    """The first log in which taking a no away turns allow into deny, or taking a yes away deny into allow."""
    for seed in seeds:
        random = Random(seed)
        log = random_acts(random, random.randint(1, 6))
        for place, (event, _) in enumerate(log):
            left = standing(log[:place] + log[place + 1 :])
            for question in QUESTIONS:
                before, after = (
                    bool(decide(WEIGHED, some, question, NOW_MS)) for some in (left, standing(log))
                )
                if _contradicts(event, question, bool(left), before, after):
                    return f"seed {seed}, {question}, without {event}:\n" + "\n".join(map(str, log))
    return None


def _contradicts(event: SubjectEvent, question: Question, known: bool, before: bool, after: bool) -> bool:
    if is_protective(event):
        # Somebody's first act makes them known, and no "no" speaks to what cannot be declined.
        exempt = not known and not WEIGHED.is_declinable(WEIGHED.purposes[question.purpose])
        return after and not before and not exempt
    if isinstance(event, NoticeServed):
        return False
    return before and not after


def test_adding_a_no_or_removing_a_yes_never_turns_deny_into_allow() -> None:
    assert law_broken_by(range(1_500)) is None


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_adding_a_no_or_removing_a_yes_never_turns_deny_into_allow_in_many_logs() -> None:
    assert law_broken_by(range(1_500, 60_000)) is None


def test_the_laws_find_a_coming_grant_put_in_the_place_of_a_standing_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(domain_standing, "instance_of", lambda text, verified, envelope, record: text)
    assert law_broken_by(range(1_500)) is not None


@given(logs, noes, any_catalogue, asked)
@FEW
def test_a_no_of_any_form_never_turns_deny_into_allow(
    log: Log, no: SubjectEvent, catalogue: Catalogue, question: Question
) -> None:
    after, before = (
        decide(catalogue, standing(some), question, NOW_MS) for some in _with_and_without(log, no)
    )
    purpose = catalogue.purposes.get(question.purpose)
    if log or purpose is None or catalogue.is_declinable(purpose):
        assert before or not after


@given(logs, yeses, any_catalogue, asked)
@FEW
def test_a_yes_of_any_form_taken_away_never_turns_deny_into_allow(
    log: Log, yes: SubjectEvent, catalogue: Catalogue, question: Question
) -> None:
    after, before = (
        decide(catalogue, standing(some), question, NOW_MS) for some in _with_and_without(log, yes)
    )
    assert after or not before


def _with_and_without(log: Log, event: SubjectEvent) -> tuple[Log, Log]:
    """The log with one act more, and without it."""
    whole = stamped(
        [*(one for one, _ in log), event],
        [*(record.coordinates.lane for _, record in log), Lane.LIVE],
        [*(record.broker_ms for _, record in log), BASE_MS],
    )
    return whole, whole[:-1]


@given(st.lists(rows, min_size=1, max_size=6), any_catalogue, asked, times, rows)
@FEW
def test_adding_any_row_that_is_no_yes_never_turns_deny_into_allow(
    found: list[Row], catalogue: Catalogue, question: Question, now_ms: int, more: Row
) -> None:
    no = msgspec.structs.replace(more, shape="no", kind="consent", second=None)
    if all(row.shape in NO_SHAPES for row in found):
        assert not decide(catalogue, found, question, now_ms) or _cannot_be_declined(catalogue, question)
    assert decide(catalogue, found, question, now_ms) or not decide(catalogue, [*found, no], question, now_ms)


def _cannot_be_declined(catalogue: Catalogue, question: Question) -> bool:
    return not catalogue.is_declinable(catalogue.purposes[question.purpose])


@given(st.lists(rows, max_size=5), any_catalogue, asked, times, st.randoms(use_true_random=False))
@FEW
def test_the_order_of_rows_changes_neither_answer_nor_reason(
    found: list[Row], catalogue: Catalogue, question: Question, now_ms: int, random: Random
) -> None:
    answer = decide(catalogue, found, question, now_ms)
    shuffled = list(found)
    random.shuffle(shuffled)
    again = decide(catalogue, shuffled, question, now_ms)
    assert (answer.allowed, answer.reason) == (again.allowed, again.reason)


@given(logs, logs, any_catalogue, asked)
@FEW
def test_another_subjects_or_controllers_acts_cannot_matter(
    own: Log, foreign: Log, catalogue: Catalogue, question: Question
) -> None:
    """Rows carry neither subject nor controller, so whoever folds keeps them apart: as the fold and replay do."""
    anna, bodil, abroad = (1, b"anna"), (1, b"bodil"), (2, b"anna")
    folded: dict[tuple[int, bytes], dict[bytes, Row]] = {}
    for whose, log in ((anna, own), (bodil, foreign), (abroad, foreign)):
        for event, record in log:
            held = folded.setdefault(whose, {})
            for row in rows_of(event, record):
                held[row.row_key] = merge(held[row.row_key], row) if row.row_key in held else row
    found = tuple(folded.get(anna, {}).values())
    assert decide(catalogue, found, question, NOW_MS) == decide(catalogue, standing(own), question, NOW_MS)


@pytest.mark.parametrize("question", QUESTIONS[:3])
def test_a_grant_that_allows_is_one_that_nothing_outranks(question: Question) -> None:
    for seed in range(500):
        log = random_acts(Random(seed), 5)
        found = standing(log)
        answer = decide(WEIGHED, found, question, NOW_MS)
        if answer and answer.deciding_events:
            (grant,) = (
                row for row in found if row.first and row.first.event_id.hex() == answer.deciding_events[0]
            )
            assert outranking(WEIGHED, found, question, grant) == ()
