"""What an erasure, a hold, a suppression and an old file leave to ask."""

import msgspec
import pytest

from ledger.domain.catalogue import Catalogue, Hold
from ledger.domain.events import (
    Capture,
    ErasureAdvanced,
    ErasureCarried,
    ErasureRequested,
    HeldCategory,
    IdentifierLinked,
    Lane,
    Origin,
    QuarantineDiscarded,
    RecordPlace,
    Scope,
    SubjectBlocked,
    SubjectErased,
    SuppressionCarried,
    Voice,
)
from ledger.domain.ranks import RANK_MAX
from ledger.domain.standing import rows_of
from tests.support.catalogue import small_catalogue
from tests.support.histories import HOUR, LOG_ID, MINUTE, NOON, History, envelope, record

REQUEST = b"R" * 16
EMAIL = Scope(purpose="newsletter", channel="email")


def with_categories() -> Catalogue:
    """The small catalogue, whose newsletter uses contact details and whose profiling uses behaviour."""
    catalogue = small_catalogue("example")
    uses = {"newsletter": ("contact",), "profiling": ("behaviour",)}
    purposes = {
        name: msgspec.structs.replace(purpose, categories=uses.get(name, purpose.categories))
        for name, purpose in catalogue.purposes.items()
    }
    return msgspec.structs.replace(catalogue, purposes=purposes)


@pytest.fixture
def history() -> History:
    """Somebody who has agreed to newsletter and profiling."""
    history = History(with_categories())
    history.grant(0)
    history.grant(0, "profiling", None)
    return history


def block(history: History, at: int, *categories: str) -> None:
    history.tell(
        at,
        lambda head: SubjectBlocked(envelope=head, categories=categories),
        request_id=REQUEST,
        voice=Voice.CONTROLLER,
    )


def erase(history: History, at: int, *categories: str, held: tuple[HeldCategory, ...] = ()) -> None:
    event = SubjectErased(
        envelope=envelope(900 + at // MINUTE, request_id=REQUEST, voice=Voice.CONTROLLER),
        categories=categories,
        held=held,
    )
    history.added += rows_of(event, record(NOON + at, offset=900))


def reasons(history: History) -> tuple[str, str]:
    return history.ask().reason, history.ask("profiling", None).reason


def test_a_subject_under_erasure_is_denied_everything(history: History) -> None:
    block(history, HOUR)
    assert reasons(history) == ("blocked", "blocked")
    assert history.ask("delivery", "email").reason == "blocked"


def test_an_erased_subject_stays_so_whatever_is_said_later(history: History) -> None:
    block(history, HOUR)
    erase(history, 2 * HOUR)
    history.grant(3 * HOUR, verified=True)
    block(history, 4 * HOUR)
    assert reasons(history) == ("erased", "erased")


def test_an_erasure_needs_no_catalogue_to_deny(history: History) -> None:
    block(history, HOUR)
    history.catalogue = None  # type: ignore[assignment]
    assert history.ask().reason == "blocked"


def test_the_erasure_of_a_category_leaves_the_others_alone(history: History) -> None:
    block(history, HOUR, "contact")
    assert reasons(history) == ("blocked", "consent_given")
    erase(history, 2 * HOUR, "contact")
    assert reasons(history) == ("erased", "consent_given")


def test_an_erased_category_may_be_used_again_by_a_later_yes_alone(history: History) -> None:
    erase(history, HOUR, "contact")
    history.grant(HOUR + MINUTE)
    assert history.ask().reason == "erased"
    history.grant(2 * HOUR)
    assert history.ask()


def test_a_blocked_category_is_not_lifted_by_a_yes(history: History) -> None:
    block(history, HOUR, "contact")
    history.grant(2 * HOUR)
    assert history.ask().reason == "blocked"


def test_what_is_held_serves_the_purposes_of_its_hold_until_its_date(history: History) -> None:
    hold = Hold(
        id="books", title={"en": "Books"}, source="law", categories=("contact",), purposes=("newsletter",), years=1
    )
    history.catalogue = msgspec.structs.replace(history.catalogue, holds={"books": hold})
    kept = HeldCategory(hold="books", category="contact", until_ms=NOON + 48 * HOUR)
    erase(history, HOUR, "behaviour", held=(kept,))
    assert reasons(history) == ("consent_given", "erased")
    assert history.ask("newsletter", "email", now=48 * HOUR).reason == "held"
    history.catalogue = msgspec.structs.replace(
        history.catalogue, holds={"books": msgspec.structs.replace(hold, purposes=("delivery",))}
    )
    assert history.ask().reason == "held"
    history.catalogue = msgspec.structs.replace(history.catalogue, holds={})
    assert history.ask().reason == "held"


def suppress(history: History, at: int, scope: Scope, *, rank_ms: int = NOON - 24 * HOUR, **said: str) -> None:
    history.tell(
        at,
        lambda head: SuppressionCarried(envelope=head, scope=scope, rank_ms=rank_ms, rank_seq=0, **said),
        origin=Origin.CARRIED,
    )


def test_an_old_opt_out_still_blocks_whoever_comes_back() -> None:
    history = History()
    suppress(history, 0, EMAIL)
    assert history.ask().reason == "suppressed"
    history.grant(HOUR)
    assert history.ask().reason == "suppressed"


def test_a_suppression_yields_to_a_verified_yes() -> None:
    history = History()
    suppress(history, 0, EMAIL)
    history.grant(0, verified=True)
    assert history.ask()


def test_a_suppression_keeps_the_rank_that_the_no_had_and_never_more_than_its_own_record() -> None:
    history = History()
    suppress(history, 0, EMAIL, rank_ms=NOON - HOUR)
    suppress(history, 0, Scope(), rank_ms=RANK_MAX)
    by_scope = {row.purpose: row for row in history.rows}
    carried, everything = by_scope["newsletter"].first, by_scope[""].first
    assert carried is not None and everything is not None
    assert carried.rank_ms == NOON - HOUR + MINUTE
    assert (everything.rank_ms, everything.rank_seq) == (NOON, 2 * everything.offset + 1)


def test_a_suppressed_class_or_topic_covers_what_the_first_no_did() -> None:
    history = History()
    suppress(history, 0, Scope(), message_class="marketing")
    history.grant(HOUR)
    assert history.ask().reason == "suppressed"


def carry_erasure(history: History, at: int, erased_before_ms: int) -> None:
    history.tell(
        at,
        lambda head: ErasureCarried(envelope=head, erased_before_ms=erased_before_ms),
        origin=Origin.CARRIED,
        voice=Voice.CONTROLLER,
    )


def test_an_old_file_does_not_bring_an_erased_person_back() -> None:
    history = History()
    carry_erasure(history, 0, NOON)
    history.grant(HOUR, origin=Origin.IMPORTED, capture=Capture.IMPORT, lane=Lane.BACKFILL)
    history.grant(HOUR, notice="signup@1", effective_from=NOON - HOUR)
    assert history.ask().reason == "no_consent"
    history.grant(2 * HOUR)
    assert history.ask()


def test_a_verified_import_of_a_later_time_counts_after_an_erasure() -> None:
    history = History()
    carry_erasure(history, 0, NOON)
    history.grant(
        2 * HOUR, verified=True, origin=Origin.IMPORTED, capture=Capture.IMPORT, effective_from=NOON + HOUR
    )
    assert history.ask()


def test_of_two_markers_the_later_counts() -> None:
    history = History()
    carry_erasure(history, 0, NOON)
    carry_erasure(history, 1, NOON - HOUR)
    (row,) = history.rows
    assert row.detail is not None and row.detail.revision == NOON


def test_steps_of_a_request_decide_nothing(history: History) -> None:
    history.tell(HOUR, lambda head: ErasureRequested(envelope=head, due_at=NOON), request_id=REQUEST)
    for step in ("identified", "refused"):
        history.tell(HOUR, lambda head, step=step: ErasureAdvanced(envelope=head, step=step), request_id=REQUEST)
    assert history.ask()


def test_a_link_names_the_other_subject_and_decides_nothing(history: History) -> None:
    row = history.tell(
        HOUR,
        lambda head: IdentifierLinked(
            envelope=head, link_id=b"l" * 16, other_subject_id=b"o" * 16, verified=True
        ),
    )
    assert row.detail is not None and row.detail.other_subject_id == b"o" * 16
    assert history.ask()


def test_what_is_said_about_a_record_writes_no_row() -> None:
    place = RecordPlace(log_id=LOG_ID, generation=1, lane=Lane.LIVE, partition=0, offset=3)
    event = QuarantineDiscarded(envelope=envelope(), record=place, author="anna", reason="test")
    assert rows_of(event, record()) == ()


def test_a_first_no_after_an_erasure_allows_nothing_else() -> None:
    """What the ledger notes of the erasure makes nobody known: they are known by noes alone, as before it."""
    history = History()
    carry_erasure(history, 0, NOON)
    history.tell(1, lambda head: ErasureRequested(envelope=head, due_at=NOON), request_id=REQUEST)
    history.refuse(HOUR)
    assert history.ask("offers").reason == "no_events"
    history.grant(2 * HOUR, channel="phone")
    assert history.ask("offers").reason == "legitimate_interests"


def test_what_is_erased_but_for_what_is_held_is_everything_also_for_a_use_without_categories(history: History) -> None:
    history.grant(0, "sharing", None, recipient="acme")
    history.catalogue = small_catalogue("example")
    kept = HeldCategory(hold="invoices", category="contact", until_ms=NOON + 48 * HOUR)
    assert history.ask()
    erase(history, HOUR, "behaviour", held=(kept,))
    assert history.ask().reason == "erased"
