"""Being erased, being kept, coming back and being linked, as sentences in English and Swedish. Pure."""

from typing import Final

from ledger.audit.calendar_text import day_words
from ledger.audit.phrases import Language, Tables
from ledger.domain.catalogue import Catalogue
from ledger.domain.rows import Row

__all__ = ["OUTCOMES", "SENTENCES", "STEPS", "erasure_words", "hold_title", "holder_title", "step_words"]

SENTENCES: Final[Tables] = {
    "en": {
        "blocked": "Every use of {what} was stopped, since it is being erased.",
        "erased": "The organisation erased {what}.",
        "held": "{what} is kept until {until} for {hold}.",
        "suppressed": "A no said before an erasure still holds: {what}.",
        "erased_before": "The person had been erased before {until}; older files bring nothing back.",
        "linked": "Two ids of the ledger are the same person.",
        "linked_unproven": "Two ids of the ledger may be the same person; it has not been proven.",
        "erasure_requested": "The person asked to be erased.",
        "admitted": "A record in doubt counts after all: {author} decided so ({reason}).",
        "discarded": "A record in doubt was laid aside: {author} decided so ({reason}).",
        "everything": "everything about the person",
        "named": "“{name}”",
    },
    "sv": {
        "blocked": "All användning av {what} stoppades, eftersom det håller på att raderas.",
        "erased": "Organisationen raderade {what}.",
        "held": "{what} sparas till {until} för {hold}.",
        "suppressed": "Ett nej från före en radering gäller fortfarande: {what}.",
        "erased_before": "Personen hade raderats före {until}; äldre filer för ingenting tillbaka.",
        "linked": "Två id-nummer i liggaren är samma person.",
        "linked_unproven": "Två id-nummer i liggaren kan vara samma person; det är inte styrkt.",
        "erasure_requested": "Personen begärde att bli raderad.",
        "admitted": "En oklar post räknas ändå: {author} bestämde det ({reason}).",
        "discarded": "En oklar post lades åt sidan: {author} bestämde det ({reason}).",
        "everything": "allt om personen",
        "named": "”{name}”",
    },
}

STEPS: Final[Tables] = {
    "en": {
        "requested": "The request was received.",
        "identified": "The person was found, with everybody who is linked to them.",
        "assessed": "It was settled what can be erased and what the law keeps.",
        "blocked": "Every use was stopped.",
        "settled": "Nothing that was under way could still use the data.",
        "destroyed": "The ledger forgot who the person is, or the categories that were asked for.",
        "ordered": "Those who hold the data were told to erase it.",
        "acknowledged": "{holder} answered that it is done.",
        "verified": "{holder} was checked, and nothing was found.",
        "complete": "Everybody who holds the data has answered.",
        "refused": "The request was refused.",
        "extended": "The time for an answer was extended.",
        "overdue": "An answer was late.",
    },
    "sv": {
        "requested": "Begäran kom in.",
        "identified": "Personen hittades, med alla som är samma person.",
        "assessed": "Det avgjordes vad som kan raderas och vad lagen kräver att vi sparar.",
        "blocked": "All användning stoppades.",
        "settled": "Inget som pågick kunde längre använda uppgifterna.",
        "destroyed": "Liggaren glömde vem personen är, eller de uppgiftsslag som begärdes.",
        "ordered": "De som har uppgifterna fick besked att radera dem.",
        "acknowledged": "{holder} svarade att det är gjort.",
        "verified": "{holder} kontrollerades, och inget hittades.",
        "complete": "Alla som har uppgifterna har svarat.",
        "refused": "Begäran avslogs.",
        "extended": "Tiden för svar förlängdes.",
        "overdue": "Ett svar var försenat.",
    },
}

OUTCOMES: Final[Tables] = {
    "en": {"erased": "erased", "nothing_held": "held nothing", "refused": "refused"},
    "sv": {"erased": "raderat", "nothing_held": "hade ingenting", "refused": "avslog"},
}


def erasure_words(row: Row, catalogue: Catalogue | None, what: str, language: Language) -> str | None:
    """The sentence of a row about erasure, or None for a row about anything else. ``what``: what a no is about."""
    # An erasure begins with the block and ends when it is done.
    half = row.second or row.first if row.kind == "erasure" else row.first
    until_ms = row.detail.until_ms if row.detail else None
    if half is None:
        return None
    match row.kind:
        case "erasure":
            return _sentence(half.value, language, what=_category(row, catalogue, language))
        case "hold":
            hold = hold_title(catalogue, row.instance.partition("|")[0], language)
            what = _category(row, catalogue, language)
            said = _sentence("held", language, what=what, until=_day(until_ms), hold=hold.lower())
            return said[0].upper() + said[1:]
        case "suppression":
            return _sentence("suppressed", language, what=what)
        case "erased_before":
            return _sentence(
                "erased_before", language, until=_day(row.detail.revision if row.detail else None)
            )
        case "link":
            verified = row.detail is not None and row.detail.verified
            return _sentence("linked" if verified else "linked_unproven", language)
        case "erasure_requested":
            return _sentence("erasure_requested", language)
        case "erasure_step":
            _, step, holder = row.instance.split("|", 2)
            return step_words(step, holder_title(catalogue, holder, language), language)
    return None


def step_words(step: str, holder: str, language: Language) -> str:
    """What a step of a request means; a step that this version does not know stands as it is."""
    words = STEPS[language].get(step, step).format(holder=holder)
    return words[0].upper() + words[1:]


def holder_title(catalogue: Catalogue | None, name: str, language: Language) -> str:
    """What the catalogue calls a holder, else its id."""
    holder = catalogue.holders.get(name) if catalogue else None
    return (holder.title.get(language) if holder else None) or name


def hold_title(catalogue: Catalogue | None, name: str, language: Language) -> str:
    """What the catalogue calls a hold, else its id."""
    hold = catalogue.holds.get(name) if catalogue else None
    return (hold.title.get(language) if hold else None) or name


def _day(ms: int | None) -> str:
    return "–" if ms is None else day_words(ms)


def _category(row: Row, catalogue: Catalogue | None, language: Language) -> str:
    if not row.category:
        return SENTENCES[language]["everything"]
    texts = catalogue.categories.get(row.category) if catalogue else None
    return SENTENCES[language]["named"].format(name=(texts or {}).get(language) or row.category)


def _sentence(name: str, language: Language, **values: str) -> str:
    return SENTENCES[language].get(name, name).format(**values)
