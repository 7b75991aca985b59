"""An explanation says in plain words what decided, what else stands, and what the log holds, in both languages."""

from pathlib import Path

import msgspec
import pytest

from ledger.audit import erasure_words, phrases
from ledger.audit.explanation import Doubt, Explanation, HistoryEntry, explained
from ledger.audit.explanation_text import as_text
from ledger.audit.pages import words as page_words
from ledger.audit.phrases import Language
from ledger.audit.words import event_words, row_words
from ledger.cli.catalogue_files import load_catalogue
from ledger.domain.catalogue import Basis
from ledger.domain.decision import Question, decide
from ledger.domain.events import (
    Capture,
    ConsentGiven,
    ConsentWithdrawn,
    Coordinates,
    Envelope,
    ErasureAdvanced,
    ErasureCarried,
    ErasureRequested,
    HeldCategory,
    IdentifierLinked,
    Lane,
    NoticeServed,
    ObjectionRaised,
    PreferenceSet,
    QuarantineAdmitted,
    QuarantineDiscarded,
    RecordPlace,
    Scope,
    SubjectBlocked,
    SubjectErased,
    SubjectEvent,
    SuppressionCarried,
    Voice,
)
from ledger.domain.ranks import Record
from ledger.domain.rights_requests import RequestState
from ledger.domain.standing import fold, rows_of

OMILON = load_catalogue(Path(__file__).parents[3] / "deploy" / "catalogues" / "omilon")
T0 = 1_790_000_000_000
NEWSLETTER = Scope(purpose="om.newsletter", channel="email")
QUESTION = Question(purpose="om.newsletter", channel="email")


def envelope(number: int, **fields: object) -> Envelope:
    plain = Envelope(
        event_id=bytes([number]) * 16,
        act_id=bytes([number]) * 16,
        controller="omilon",
        source="shop",
        waited_ms=0,
    )
    return msgspec.structs.replace(plain, **fields)


GRANT = ConsentGiven(envelope=envelope(1), scope=NEWSLETTER, notice="activities@2")
LETTER = ConsentWithdrawn(
    envelope=envelope(2, capture=Capture.LETTER, effective_from=T0 - 86_400_000), scope=NEWSLETTER
)
OTHER = ConsentGiven(
    envelope=envelope(3), scope=Scope(purpose="om.survey", channel="email"), notice="activities@2"
)


def entry(offset: int, event: SubjectEvent | None, outcome: str = "counted") -> HistoryEntry:
    at_ms = T0 + offset * 3_600_000
    return HistoryEntry(
        generation=1,
        lane=Lane.LIVE,
        partition=3,
        offset=offset,
        broker_ms=at_ms,
        stamp_ms=at_ms,
        clock_floor_ms=0,
        outcome=outcome,
        event=event,
    )


def record(of: HistoryEntry) -> Record:
    coordinates = Coordinates(log_id=b"x" * 16, generation=1, lane=of.lane, partition=3, offset=of.offset)
    return Record(coordinates=coordinates, broker_ms=of.broker_ms, stamp_ms=of.stamp_ms, clock_floor_ms=0)


def explain(
    entries: list[HistoryEntry], language: Language = "en", doubts: tuple[Doubt, ...] = ()
) -> Explanation:
    rows = list(fold(row for e in entries if e.event for row in rows_of(e.event, record(e))).values())
    decision = decide(OMILON, rows, QUESTION, T0 + 10**9, quarantined=bool(doubts))
    return explained(OMILON, QUESTION, decision, rows, entries[::-1], doubts, language, "omilon")


WITHDREW = "The person withdrew consent to “Newsletter” through “E-mail”."
CONSENTED = "The person consented to “Newsletter” through “E-mail”."
MORNING = [entry(1, GRANT), entry(2, LETTER), entry(3, OTHER)]


def test_the_page_tells_question_verdict_reason_rows_and_records() -> None:
    assert as_text(explain(MORNING[:2])).splitlines() == [
        "May Omilon AB use this person's data for “Newsletter” through “E-mail”?",
        "",
        "NO. The person has withdrawn consent. [withdrawn]",
        "  Ground: consent",
        "  Catalogue version: 2",
        "",
        "What stands for the person:",
        f"  > {WITHDREW} (counts from 2026-09-21T16:13:20.000Z; decides)",
        f"  · {CONSENTED} (activities@2; counts from 2026-09-21T15:11:20.000Z; speaks to the question)",
        "",
        "What the log holds, newest first:",
        f"  2026-09-21T16:13:20.000Z  {WITHDREW} (by letter; takes effect 2026-09-20T14:13:20.000Z; counts; live/3/2)",
        f"  2026-09-21T15:13:20.000Z  {CONSENTED} (by the person's own hand; counts; live/3/1)",
    ]


def test_the_deciding_row_comes_first_and_is_marked() -> None:
    rows = explain(MORNING).rows
    assert [(row.role, row.shape) for row in rows] == [("decides", "no"), ("speaks", "yes"), ("aside", "yes")]


def test_the_swedish_page_is_swedish() -> None:
    text = as_text(explain(MORNING, "sv"))
    assert text.startswith("Får Omilon AB använda personens uppgifter för ”Nyhetsbrev” genom ”E-post”?")
    assert "NEJ. Personen har återkallat sitt samtycke. [withdrawn]" in text
    assert "Personen återkallade samtycket till ”Nyhetsbrev” genom ”E-post”." in text
    assert "per brev; börjar gälla" in text


def test_an_allow_names_the_text_that_was_agreed_to_and_what_must_be_kept_to() -> None:
    text = as_text(explain([entry(1, GRANT)]))
    assert "YES. The person has consented. [consent_given]" in text
    assert "Agreed text: activities@2" in text
    assert "Must: Every message must offer a way to opt out." in text


def test_a_record_that_cannot_be_read_is_listed_and_its_doubt_is_told() -> None:
    doubt = Doubt(place="live/3/4", reason="trailing_bytes", recorded_at="2026-09-21T18:13:20.000Z")
    text = as_text(explain([*MORNING, entry(4, None, "quarantined")], doubts=(doubt,)))
    assert "Open doubts:\n  2026-09-21T18:13:20.000Z  trailing_bytes  (live/3/4)" in text
    assert (
        "A record that cannot be read. (could not be applied; in doubt until somebody decides; live/3/4)"
        in text
    )


def test_only_the_newest_records_are_shown_and_the_rest_is_counted() -> None:
    explanation = explain([entry(n, GRANT, "repeat" if n > 1 else "counted") for n in range(1, 61)])
    assert len(explanation.records) == 50
    assert explanation.records_left_out == 10
    assert "  and 10 more" in as_text(explanation)


def test_nobody_known_gives_a_page_that_says_so() -> None:
    text = as_text(explain([]))
    assert "NO. Nothing is known about the person. [no_events]" in text
    assert text.count("  nothing") == 2


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (PreferenceSet(envelope=envelope(1), scope=Scope(), direction="out"),
         "The person opted out of everything by every means."),
        (PreferenceSet(envelope=envelope(1), scope=Scope(channel="phone"), direction="out", message_class="promotion"),
         "The person opted out of everything of the kind “Promotion and offers” through “Phone”."),
        (PreferenceSet(envelope=envelope(1), scope=Scope(channel="email"), direction="out", topic="sport"),
         "The person opted out of the topic sport through “E-mail”."),
        (PreferenceSet(envelope=envelope(1), scope=NEWSLETTER, direction="in", topic="sport"),
         "The person opted in to “Newsletter” through “E-mail” about sport."),
        (ObjectionRaised(envelope=envelope(1), scope=Scope(purpose_group="marketing"), episode_id=bytes(16)),
         "The person objected to the group “All marketing” by every means."),
        (ObjectionRaised(envelope=envelope(1, voice=Voice.AUTHORITY), scope=Scope(purpose="om.improve"), episode_id=bytes(16)),
         "An authority objected to “Analyse and improve what we offer” by every means."),
        (ConsentGiven(envelope=envelope(1), scope=Scope(purpose="om.news", channel="post", recipient="mailing"), notice="x@1"),
         "The person consented to “What is new, adapted to you” through “Post” to “The mailing house”."),
        (ConsentWithdrawn(envelope=envelope(1), scope=Scope(purpose="gone.purpose", category="contact")),
         "The person withdrew consent to “gone.purpose” by every means as far as “Name, address, phone and e-mail” goes."),
        (NoticeServed(envelope=envelope(1), notice="activities@2"), "The person was shown the text activities@2."),
    ],
)  # fmt: skip
def test_an_event_reads_as_a_sentence(event: SubjectEvent, says: str) -> None:
    assert row_words(rows_of(event, record(entry(1, event)))[0], OMILON, "en") == says


OF_REQUEST = {"request_id": bytes(16), "voice": Voice.CONTROLLER}
ADVANCED = ErasureAdvanced(envelope=envelope(1, **OF_REQUEST), step="verified", holder="mailing_list")
CARRIED = SuppressionCarried(envelope=envelope(1), scope=NEWSLETTER, rank_ms=T0, rank_seq=0)
ERASED_IN_PART = (
    "The organisation erased “Data kept for marketing”. The organisation erased “What you have watched”. "
    "“Invoices and payments” is kept until 2032-12-31 for bookkeeping."
)
PLACE = RecordPlace(log_id=bytes(16), generation=1, lane=Lane.LIVE, partition=0, offset=7)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (ErasureRequested(envelope=envelope(1, **OF_REQUEST), due_at=T0), "The person asked to be erased."),
        (SubjectBlocked(envelope=envelope(1, **OF_REQUEST)),
         "Every use of everything about the person was stopped, since it is being erased."),
        (SubjectErased(envelope=envelope(1, **OF_REQUEST), categories=("marketing", "viewing"),
                       held=(HeldCategory(hold="bookkeeping", category="invoice", until_ms=1_988_146_799_999),)),
         ERASED_IN_PART),
        (ADVANCED, "The list for newsletters and offers was checked, and nothing was found."),
        (CARRIED, "A no said before an erasure still holds: “Newsletter” through “E-mail”."),
        (ErasureCarried(envelope=envelope(1), erased_before_ms=T0),
         "The person had been erased before 2026-09-21; older files bring nothing back."),
        (IdentifierLinked(envelope=envelope(1), link_id=bytes(16), other_subject_id=bytes(16), verified=True),
         "Two ids of the ledger are the same person."),
        (IdentifierLinked(envelope=envelope(1), link_id=bytes(16), other_subject_id=bytes(16), verified=False),
         "Two ids of the ledger may be the same person; it has not been proven."),
        (QuarantineAdmitted(envelope=envelope(1), record=PLACE, author="karin", reason="schema-is-here"),
         "A record in doubt counts after all: karin decided so (schema-is-here)."),
        (QuarantineDiscarded(envelope=envelope(1), record=PLACE, author="karin", reason="foreign"),
         "A record in doubt was laid aside: karin decided so (foreign)."),
    ],
)  # fmt: skip
def test_an_event_of_erasure_or_doubt_reads_as_sentences(event: SubjectEvent, says: str) -> None:
    assert event_words(event, record(entry(1, event)), OMILON, "en") == says
    assert event_words(event, record(entry(1, event)), OMILON, "sv") != says


def test_every_step_of_a_request_has_words() -> None:
    states = {state.value for state in RequestState}
    further = {"acknowledged", "verified", "extended", "overdue"}
    assert erasure_words.STEPS["en"].keys() == states | further


def test_every_phrase_and_word_exists_in_both_languages() -> None:
    for table in (
        erasure_words.SENTENCES,
        erasure_words.STEPS,
        erasure_words.OUTCOMES,
        page_words.WORDS,
        phrases.PHRASES,
        phrases.DEEDS,
        phrases.VOICES,
        phrases.CAPTURES,
        phrases.OUTCOMES,
        phrases.BASES,
    ):
        assert table["en"].keys() == table["sv"].keys()


def test_every_voice_capture_and_basis_has_a_word() -> None:
    assert phrases.VOICES["en"].keys() == {voice.value for voice in Voice}
    assert phrases.CAPTURES["en"].keys() == {capture.value for capture in Capture}
    assert phrases.BASES["en"].keys() == {basis.value for basis in Basis}
