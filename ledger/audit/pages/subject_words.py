"""The fixed words of the page of one person, in English and Swedish."""

from typing import Final

from ledger.audit.phrases import Tables

__all__ = ["SUBJECT_WORDS"]

SUBJECT_WORDS: Final[Tables] = {
    "en": {
        "read_up_to": "Read up to",
        "ground": "Ground",
        "since": "Since",
        "why": "Why",
        "until": "Until",
        "what": "What",
        "subject_title": "What holds for one person",
        "person": "The person",
        "identifiers_kept_back": "Named by whoever asked for the page; not written here.",
        "subject_id": "Subject id",
        "summary": "In short",
        "unknown_lead": "{controller} holds nothing about this person in the ledger.",
        "unknown_more": (
            "Nobody is known by the name that was given. A question about somebody unknown is always "
            "answered with no. A person who was erased is as unknown as anybody else."
        ),
        "erased_lead": "This person was erased on {day}.",
        "erased_more": (
            "The id that is left belongs to nobody: it cannot be traced to a name or an address any "
            "more. Every question about it is answered with no."
        ),
        "blocked_lead": "This person is being erased.",
        "blocked_more": "Every use has been stopped while it goes on.",
        "doubt_lead": "There is a doubt about something that was recorded.",
        "doubt_more": "Until somebody has decided about it, every question is answered with no.",
        "known_lead": (
            "{allowed} of {asked} uses that depend on the person's choice or on a weighing are allowed now."
        ),
        "allowed": "What may be done now",
        "allowed_intro": "A use that is not listed here as allowed is not allowed.",
        "allowed_yes": "Allowed",
        "allowed_no": "Not allowed",
        "allowed_other": "Rests on a contract or on law",
        "allowed_other_intro": "These do not ask for a choice. They end with the contract, or with the duty.",
        "recipients_none": "Nobody outside {controller}, going by the person's choices.",
        "stands": "What stands, and since when",
        "stands_intro": "What the person and others have said, as far as it still counts.",
        "stands_forgotten": "Nothing of this counts any more. It is about a random id.",
        "counts_from": "Counts from",
        "always": "whenever nobody has said no",
        "requests": "Requests, and who was told",
        "requests_none": "The person has not asked to be erased.",
        "request": "Request to be erased, {day}",
        "asked_for": "Asked for",
        "due": "Answer due",
        "done": "Done",
        "refusal": "Reason for refusing",
        "resumes": "Goes on by itself",
        "extended": "extended",
        "overdue": "overdue",
        "unproven": "The asker has not yet proved to be the person; nothing is done before that.",
        "holders_told": "Who was told to erase, and what they answered",
        "told": "Told",
        "answered": "Answered",
        "outcome": "Answer",
        "steps": "What was done",
        "step": "Step",
        "when": "When",
        "happened": "What happened",
        "happened_intro": "Everything that the log holds about the person, newest first.",
        "happened_more": "{count} older records are not shown.",
        "takes_effect": "takes effect",
        "rights": "Your rights",
        "rights_text": (
            "You may take back a consent as easily as you gave it, object, see what is held, have "
            "errors corrected, and ask to be erased. Write to {contact}. An answer is due within one "
            "month."
        ),
        "rights_complaint": (
            "If you are not content with the answer, you may complain to the Swedish Authority for "
            "Privacy Protection (IMY)."
        ),
        "known_of": "{known} (asked for: {required})",
        "received": "Received",
        "state_requested": "received",
        "state_identified": "under way",
        "state_assessed": "under way",
        "state_blocked": "under way",
        "state_settled": "under way",
        "state_destroyed": "under way",
        "state_ordered": "waiting for answers",
        "state_complete": "done",
        "state_refused": "refused",
    },
    "sv": {
        "read_up_to": "Läst till",
        "ground": "Grund",
        "since": "Sedan",
        "why": "Varför",
        "until": "Till",
        "what": "Vad",
        "subject_title": "Vad som gäller för en person",
        "person": "Personen",
        "identifiers_kept_back": "Angavs av den som begärde sidan; skrivs inte ut här.",
        "subject_id": "Id-nummer i liggaren",
        "summary": "I korthet",
        "unknown_lead": "{controller} har inga uppgifter om personen i liggaren.",
        "unknown_more": (
            "Ingen är känd under det namn som angavs. En fråga om någon okänd besvaras alltid med "
            "nej. Den som raderats är lika okänd som alla andra."
        ),
        "erased_lead": "Personen raderades {day}.",
        "erased_more": (
            "Id-numret som är kvar tillhör ingen: det kan inte längre kopplas till ett namn eller en "
            "adress. Varje fråga om det besvaras med nej."
        ),
        "blocked_lead": "Personen håller på att raderas.",
        "blocked_more": "All användning är stoppad under tiden.",
        "doubt_lead": "Något som skrivits in är oklart.",
        "doubt_more": "Tills någon har avgjort det besvaras varje fråga med nej.",
        "known_lead": (
            "{allowed} av {asked} användningar som beror på personens val eller på en avvägning är "
            "tillåtna nu."
        ),
        "allowed": "Vad som får göras nu",
        "allowed_intro": "En användning som inte står som tillåten här är inte tillåten.",
        "allowed_yes": "Tillåtet",
        "allowed_no": "Inte tillåtet",
        "allowed_other": "Vilar på avtal eller lag",
        "allowed_other_intro": "Här finns inget val att göra. De upphör med avtalet eller skyldigheten.",
        "recipients_none": "Ingen utanför {controller}, efter personens val.",
        "stands": "Vad som gäller, och sedan när",
        "stands_intro": "Vad personen och andra har sagt, så långt det fortfarande räknas.",
        "stands_forgotten": "Inget av detta räknas längre. Det handlar om ett slumpat id-nummer.",
        "counts_from": "Räknas från",
        "always": "när ingen har sagt nej",
        "requests": "Begäranden, och vilka som fått besked",
        "requests_none": "Personen har inte begärt att bli raderad.",
        "request": "Begäran om radering, {day}",
        "asked_for": "Begärt",
        "due": "Svar senast",
        "done": "Klart",
        "refusal": "Skäl till avslag",
        "resumes": "Fortsätter av sig själv",
        "extended": "förlängd",
        "overdue": "försenat",
        "unproven": "Den som frågat har ännu inte visat sig vara personen; inget görs före det.",
        "holders_told": "Vilka som fick besked att radera, och vad de svarade",
        "told": "Fick besked",
        "answered": "Svarade",
        "outcome": "Svar",
        "steps": "Vad som gjordes",
        "step": "Steg",
        "when": "När",
        "happened": "Vad som har hänt",
        "happened_intro": "Allt som loggen innehåller om personen, nyast först.",
        "happened_more": "{count} äldre poster visas inte.",
        "takes_effect": "börjar gälla",
        "rights": "Dina rättigheter",
        "rights_text": (
            "Du får ta tillbaka ett samtycke lika lätt som du gav det, invända, se vad som finns om "
            "dig, få fel rättade och begära att bli raderad. Skriv till {contact}. Du ska få svar "
            "inom en månad."
        ),
        "rights_complaint": "Är du inte nöjd med svaret får du klaga hos Integritetsskyddsmyndigheten (IMY).",
        "known_of": "{known} (krävs: {required})",
        "received": "Kom in",
        "state_requested": "mottagen",
        "state_identified": "pågår",
        "state_assessed": "pågår",
        "state_blocked": "pågår",
        "state_settled": "pågår",
        "state_destroyed": "pågår",
        "state_ordered": "väntar på svar",
        "state_complete": "klar",
        "state_refused": "avslagen",
    },
}
