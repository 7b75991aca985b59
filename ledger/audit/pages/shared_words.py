"""The fixed words that every page uses, in English and Swedish."""

from typing import Final

from ledger.audit.phrases import Tables

__all__ = ["SHARED_WORDS"]

SHARED_WORDS: Final[Tables] = {
    "en": {
        "contents": "Contents",
        "skip": "To the content",
        "footer": (
            "Made from the consent ledger. All times are those of Stockholm. The page loads nothing "
            "and runs nothing; what it says was true when it was made."
        ),
        "made": "Made",
        "catalogue_version": "Catalogue version",
        "contact": "Contact",
        "none": "Nothing.",
        "yes": "Yes",
        "no": "No",
        "everything": "everything",
        "purpose": "Purpose",
        "means": "By what means",
        "no_means": "none",
        "text": "Text",
        "who": "Who",
        "country": "Country",
        "task": "Task",
        "what_for": "What for",
        "data": "Data",
        "recipients": "Who may be given data now",
        "known_how": "How well it is known",
        "kept": "What is kept, and why",
        "rule": "Rule",
        "texts": "The texts that were shown",
        "texts_intro": "Word for word. The fingerprint shows that no word was changed since.",
        "fingerprint": "Fingerprint (SHA-256)",
        "notice_for": "Tells about",
        "text_of": "{reference}, in use from {start}",
        "text_of_until": "{reference}, in use from {start} to {end}",
        "text_missing": "{reference} is in none of the published catalogues.",
        "other_language": "There is no text in this language; another one is shown.",
        "verified_0": "it was told",
        "verified_1": "it answers",
        "verified_2": "it answers with evidence",
        "verified_3": "we look, and find nothing",
    },
    "sv": {
        "contents": "Innehåll",
        "skip": "Till innehållet",
        "footer": (
            "Framställd ur samtyckesliggaren. Alla tider är svensk tid. Sidan hämtar inget och kör "
            "inget; det som står här var sant när den gjordes."
        ),
        "made": "Framställd",
        "catalogue_version": "Katalogversion",
        "contact": "Kontakt",
        "none": "Ingenting.",
        "yes": "Ja",
        "no": "Nej",
        "everything": "allt",
        "purpose": "Ändamål",
        "means": "På vilket sätt",
        "no_means": "inget",
        "text": "Text",
        "who": "Vem",
        "country": "Land",
        "task": "Uppgift",
        "what_for": "Till vad",
        "data": "Uppgifter",
        "recipients": "Vilka som får ges uppgifter nu",
        "known_how": "Hur väl det är känt",
        "kept": "Vad som sparas, och varför",
        "rule": "Regel",
        "texts": "Texterna som visades",
        "texts_intro": "Ord för ord. Fingeravtrycket visar att inget ord har ändrats sedan dess.",
        "fingerprint": "Fingeravtryck (SHA-256)",
        "notice_for": "Berättar om",
        "text_of": "{reference}, i bruk från {start}",
        "text_of_until": "{reference}, i bruk från {start} till {end}",
        "text_missing": "{reference} finns inte i någon publicerad katalog.",
        "other_language": "Det finns ingen text på det här språket; en annan visas.",
        "verified_0": "den har fått besked",
        "verified_1": "den svarar",
        "verified_2": "den svarar med bevis",
        "verified_3": "vi letar och hittar inget",
    },
}
