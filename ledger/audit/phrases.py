"""The words of explanations in English and Swedish: deeds, voices, ways of capture, outcomes, grounds, phrases."""

from typing import Final, Literal

__all__ = ["BASES", "CAPTURES", "DEEDS", "OUTCOMES", "PHRASES", "VOICES", "Language", "Tables"]

Language = Literal["en", "sv"]

Tables = dict[Language, dict[str, str]]

DEEDS: Final[Tables] = {
    "en": {
        "given": "consented to",
        "opted_in": "opted in to",
        "withdrawn": "withdrew consent to",
        "refused": "said no to",
        "opted_out": "opted out of",
        "objected": "objected to",
        "served": "was shown the text",
    },
    "sv": {
        "given": "samtyckte till",
        "opted_in": "valde till",
        "withdrawn": "återkallade samtycket till",
        "refused": "tackade nej till",
        "opted_out": "valde bort",
        "objected": "invände mot",
        "served": "fick se texten",
    },
}

VOICES: Final[Tables] = {
    "en": {
        "person": "The person",
        "administrator": "An administrator",
        "controller": "The organisation",
        "authority": "An authority",
        "signal": "A signal from the person's device",
    },
    "sv": {
        "person": "Personen",
        "administrator": "En administratör",
        "controller": "Organisationen",
        "authority": "En myndighet",
        "signal": "En signal från personens enhet",
    },
}

CAPTURES: Final[Tables] = {
    "en": {
        "self": "by the person's own hand",
        "clerk": "typed by a clerk",
        "letter": "by letter",
        "phone": "by phone",
        "device": "by a device",
        "import": "from an imported file",
        "system": "by a system",
    },
    "sv": {
        "self": "av personen själv",
        "clerk": "inskrivet av handläggare",
        "letter": "per brev",
        "phone": "per telefon",
        "device": "av en enhet",
        "import": "ur en importerad fil",
        "system": "av ett system",
    },
}

OUTCOMES: Final[Tables] = {
    "en": {
        "counted": "counts",
        "repeat": "a repeat of one that counts",
        "conflicting": "says other things under a used id; in doubt until somebody decides",
        "quarantined": "could not be applied; in doubt until somebody decides",
    },
    "sv": {
        "counted": "räknas",
        "repeat": "en upprepning av en som räknas",
        "conflicting": "säger något annat under ett använt id; oklar tills någon avgör",
        "quarantined": "kunde inte tillämpas; oklar tills någon avgör",
    },
}

BASES: Final[Tables] = {
    "en": {
        "consent": "consent",
        "legitimate_interests": "legitimate interests",
        "contract": "contract",
        "legal_obligation": "legal obligation",
        "vital_interests": "vital interests",
    },
    "sv": {
        "consent": "samtycke",
        "legitimate_interests": "berättigat intresse",
        "contract": "avtal",
        "legal_obligation": "rättslig förpliktelse",
        "vital_interests": "grundläggande intressen",
    },
}

PHRASES: Final[Tables] = {
    "en": {
        "question": "May {controller} use this person's data for “{purpose}”{means}?",
        "by": " through “{channel}”",
        "yes": "YES",
        "no": "NO",
        "ground": "Ground",
        "notice": "Agreed text",
        "must": "Must",
        "catalogue": "Catalogue version",
        "read": "Read up to",
        "behind": "seconds ago",
        "stands": "What stands for the person",
        "happened": "What the log holds, newest first",
        "doubts": "Open doubts",
        "nothing": "nothing",
        "decides": "decides",
        "speaks": "speaks to the question",
        "aside": "is about something else",
        "counts_from": "counts from",
        "recorded": "recorded",
        "takes_effect": "takes effect",
        "until": "until",
        "everything": "everything",
        "named": "“{name}”",
        "group": "the group “{name}”",
        "class": "everything of the kind “{name}”",
        "topic": "the topic {name}",
        "recipient": "to “{name}”",
        "category": "as far as “{name}” goes",
        "item": "about {name}",
        "through": "through “{name}”",
        "all_means": "by every means",
        "always": "whenever nobody has said no",
        "and_more": "and {count} more",
        "unreadable": "A record that cannot be read",
    },
    "sv": {
        "question": "Får {controller} använda personens uppgifter för ”{purpose}”{means}?",
        "by": " genom ”{channel}”",
        "yes": "JA",
        "no": "NEJ",
        "ground": "Grund",
        "notice": "Godkänd text",
        "must": "Krav",
        "catalogue": "Katalogversion",
        "read": "Läst till",
        "behind": "sekunder sedan",
        "stands": "Vad som gäller för personen",
        "happened": "Vad loggen innehåller, nyast först",
        "doubts": "Öppna oklarheter",
        "nothing": "ingenting",
        "decides": "avgör",
        "speaks": "rör frågan",
        "aside": "rör något annat",
        "counts_from": "räknas från",
        "recorded": "inskrivet",
        "takes_effect": "börjar gälla",
        "until": "till",
        "everything": "allt",
        "named": "”{name}”",
        "group": "gruppen ”{name}”",
        "class": "allt av slaget ”{name}”",
        "topic": "ämnet {name}",
        "recipient": "till ”{name}”",
        "category": "vad gäller ”{name}”",
        "item": "om {name}",
        "through": "genom ”{name}”",
        "all_means": "på alla sätt",
        "always": "när ingen har sagt nej",
        "and_more": "och {count} till",
        "unreadable": "En post som inte kan läsas",
    },
}
