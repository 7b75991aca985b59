"""Rows, events and decisions in plain words, in English and Swedish. Pure: takes what was read, gives sentences."""

from ledger.audit.erasure_words import SENTENCES, erasure_words
from ledger.audit.phrases import BASES, CAPTURES, DEEDS, OUTCOMES, PHRASES, VOICES, Language
from ledger.domain.catalogue import Catalogue, Texts
from ledger.domain.decision import Decision
from ledger.domain.events import QuarantineAdmitted, QuarantineDiscarded, SubjectEvent
from ledger.domain.moments import moment_text
from ledger.domain.ranks import Record
from ledger.domain.reasons import OBLIGATIONS, REASONS
from ledger.domain.rows import CLASS_MARK, TOPIC_MARK, Row
from ledger.domain.standing import rows_of

__all__ = [
    "Language",
    "basis_words",
    "captured_words",
    "event_words",
    "obligation_words",
    "outcome_words",
    "rank_words",
    "reason_words",
    "row_words",
    "title",
    "ui",
]


def ui(language: Language, phrase: str, /, **values: object) -> str:
    """One fixed phrase of the page."""
    return PHRASES[language][phrase].format(**values)


def title(texts: Texts | None, name: str, language: Language) -> str:
    """What the catalogue calls something, else its id."""
    return (texts or {}).get(language) or name


def event_words(event: SubjectEvent, record: Record, catalogue: Catalogue | None, language: Language) -> str:
    """What an event says: a sentence for each row that it writes."""
    if isinstance(event, QuarantineAdmitted | QuarantineDiscarded):
        deed = "admitted" if isinstance(event, QuarantineAdmitted) else "discarded"
        return SENTENCES[language][deed].format(author=event.author, reason=event.reason)
    return " ".join(row_words(row, catalogue, language) for row in rows_of(event, record))


def row_words(row: Row, catalogue: Catalogue | None, language: Language) -> str:
    """One row, or the row that an event wrote, as a sentence without its times."""
    half = row.first or row.second
    what = " ".join((_object(row, catalogue, language), *_narrowed(row, catalogue, language)))
    if (forgetting := erasure_words(row, catalogue, what, language)) is not None:
        return forgetting
    who = VOICES[language].get(row.voice, row.voice)
    deed = DEEDS[language].get(half.value, half.value) if half else row.kind
    if row.shape == "remark":
        return f"{who} {deed} {row.instance}."
    return f"{who} {deed} {what}."


def reason_words(decision: Decision, language: Language) -> str:
    """The reason code as a sentence for a reader."""
    reason = REASONS[decision.reason]
    return reason.swedish if language == "sv" else reason.english


def obligation_words(decision: Decision, language: Language) -> list[str]:
    """What must be kept to, as sentences."""
    return [OBLIGATIONS[name][1 if language == "sv" else 0] for name in decision.obligations]


def basis_words(basis: str, language: Language) -> str:
    return BASES[language].get(basis, basis)


def outcome_words(outcome: str, language: Language) -> str:
    return OUTCOMES[language].get(outcome, outcome)


def captured_words(capture: str, language: Language) -> str:
    return CAPTURES[language].get(capture, capture)


def rank_words(rank_ms: int, language: Language) -> str:
    """From when a row counts; the lowest rank is no time at all."""
    if rank_ms <= 0:
        return ui(language, "always")
    return f"{ui(language, 'counts_from')} {moment_text(rank_ms)}"


def _object(row: Row, catalogue: Catalogue | None, language: Language) -> str:
    """The purpose, group, kind or topic that a row names; a no that names none is about everything."""
    if row.purpose:
        purpose = catalogue.purposes.get(row.purpose) if catalogue else None
        return ui(language, "named", name=title(purpose.title if purpose else None, row.purpose, language))
    if row.purpose_group.startswith(CLASS_MARK):
        name = row.purpose_group.removeprefix(CLASS_MARK)
        kind = catalogue.message_classes.get(name) if catalogue else None
        return ui(language, "class", name=title(kind.title if kind else None, name, language))
    if row.purpose_group:
        texts = catalogue.groups.get(row.purpose_group) if catalogue else None
        return ui(language, "group", name=title(texts, row.purpose_group, language))
    if row.item.startswith(TOPIC_MARK):
        return ui(language, "topic", name=row.item.removeprefix(TOPIC_MARK))
    return ui(language, "everything")


def _narrowed(row: Row, catalogue: Catalogue | None, language: Language) -> list[str]:
    """Channel, recipient, item and category, as far as the row names them."""
    parts = []
    if row.channel:
        texts = catalogue.channels.get(row.channel) if catalogue else None
        parts.append(ui(language, "through", name=title(texts, row.channel, language)))
    elif row.shape in ("no", "episode"):
        parts.append(ui(language, "all_means"))
    if row.recipient:
        recipient = catalogue.recipients.get(row.recipient) if catalogue else None
        name = title(recipient.title if recipient else None, row.recipient, language)
        parts.append(ui(language, "recipient", name=name))
    if row.category:
        texts = catalogue.categories.get(row.category) if catalogue else None
        parts.append(ui(language, "category", name=title(texts, row.category, language)))
    if row.item and not (row.item.startswith(TOPIC_MARK) and not row.purpose and not row.purpose_group):
        parts.append(ui(language, "item", name=row.item.removeprefix(TOPIC_MARK)))
    return parts
