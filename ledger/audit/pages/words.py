"""The fixed words of the pages by name, written for the person whom they are about."""

from typing import Final

from ledger.audit.pages.catalogue_words import CATALOGUE_WORDS
from ledger.audit.pages.shared_words import SHARED_WORDS
from ledger.audit.pages.subject_words import SUBJECT_WORDS
from ledger.audit.phrases import Language, Tables

__all__ = ["WORDS", "Language", "said"]

WORDS: Final[Tables] = {
    "en": SHARED_WORDS["en"] | SUBJECT_WORDS["en"] | CATALOGUE_WORDS["en"],
    "sv": SHARED_WORDS["sv"] | SUBJECT_WORDS["sv"] | CATALOGUE_WORDS["sv"],
}


def said(language: Language, name: str, /, **values: object) -> str:
    """One fixed phrase."""
    return WORDS[language][name].format(**values)
