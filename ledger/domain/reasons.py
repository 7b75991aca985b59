"""The closed lists of reason codes and obligations, in words for a person and for a developer.

``docs/decisions.md`` shows the same lists; a test holds list, code and page together.
"""

from typing import Final, NamedTuple


class Reason(NamedTuple):
    """One reason code. ``retryable``: the answer may differ soon without any new act."""

    code: str
    allows: bool
    english: str
    swedish: str
    developer: str
    retryable: bool = False


def _list(*reasons: Reason) -> dict[str, Reason]:
    return {reason.code: reason for reason in reasons}


REASONS: Final = _list(
    Reason(
        "consent_given",
        True,
        "The person has consented.",
        "Personen har samtyckt.",
        "Basis consent: a live, specific grant outranks every no.",
    ),
    Reason(
        "legitimate_interests",
        True,
        "A weighed legitimate interest applies.",
        "Ett avvägt berättigat intresse gäller.",
        "Basis legitimate interests with a current balancing record and no standing no.",
    ),
    Reason(
        "unavailable",
        False,
        "The ledger cannot be reached.",
        "Registret kan inte nås.",
        "Deny until the ledger answers again; ask again.",
        True,
    ),
    Reason(
        "log_refused",
        False,
        "The ledger's log is being examined.",
        "Registrets logg undersöks.",
        "The subject's partition is refused (recreated, truncated or foreign); an operator must act.",
    ),
    Reason(
        "position_unknown",
        False,
        "The answer cannot be tied to the act before it.",
        "Svaret kan inte knytas till den tidigare handlingen.",
        "`at_least` names another log or generation, or lies beyond the end of the log.",
    ),
    Reason(
        "position_not_reached",
        False,
        "The latest act is still being processed.",
        "Den senaste handlingen behandlas fortfarande.",
        "The fold did not reach `at_least` in time; ask again.",
        True,
    ),
    Reason(
        "stale",
        False,
        "The ledger is behind.",
        "Registret ligger efter.",
        "The partition is not folded through within the staleness bound; ask again.",
        True,
    ),
    Reason(
        "quarantined",
        False,
        "A record about the person is in doubt.",
        "En uppgift om personen är oklar.",
        "An open quarantine entry; an operator admits or discards it.",
    ),
    Reason(
        "blocked",
        False,
        "The person's data is being erased.",
        "Personens uppgifter håller på att raderas.",
        "An erasure is under way, of everything or of a category that this needs; nothing is allowed meanwhile.",
    ),
    Reason(
        "erased",
        False,
        "The person's data has been erased.",
        "Personens uppgifter har raderats.",
        "The subject, or a category that this needs, was erased; a category may be used again by a later yes.",
    ),
    Reason(
        "held",
        False,
        "The data is kept for the law's sake only.",
        "Uppgifterna sparas endast för att lagen kräver det.",
        "A hold keeps a category that this needs; only the purposes that the hold names may use it, until its date.",
    ),
    Reason(
        "no_events",
        False,
        "Nothing is known about the person.",
        "Inget är känt om personen.",
        "A subject without events is denied on every basis; one known by noes alone, what can be declined.",
    ),
    Reason(
        "subject_unknown",
        False,
        "The person is not known.",
        "Personen är inte känd.",
        "The identifier leads to no subject.",
    ),
    Reason(
        "catalogue_missing",
        False,
        "The organisation has published no purposes.",
        "Organisationen har inte publicerat några ändamål.",
        "No catalogue version is in force for this controller.",
    ),
    Reason(
        "purpose_not_registered",
        False,
        "The organisation has not declared this purpose.",
        "Organisationen har inte angett detta ändamål.",
        "The purpose is not in the catalogue in force.",
    ),
    Reason(
        "channel_required",
        False,
        "The question does not say by which means.",
        "Frågan anger inte på vilket sätt.",
        "The purpose has channels; name one.",
    ),
    Reason(
        "channel_not_declared",
        False,
        "The organisation does not use this means for this purpose.",
        "Organisationen använder inte detta sätt för ändamålet.",
        "The channel is not declared for the purpose.",
    ),
    Reason(
        "category_not_declared",
        False,
        "This data is not declared for the purpose.",
        "Dessa uppgifter är inte angivna för ändamålet.",
        "The data category is not declared for the purpose.",
    ),
    Reason(
        "recipient_not_declared",
        False,
        "This recipient is not declared for the purpose.",
        "Mottagaren är inte angiven för ändamålet.",
        "The recipient is not declared for the purpose.",
    ),
    Reason(
        "withdrawn",
        False,
        "The person has withdrawn consent.",
        "Personen har återkallat sitt samtycke.",
        "A withdrawal that no grant outranks.",
    ),
    Reason(
        "refused",
        False,
        "The person has said no.",
        "Personen har tackat nej.",
        "A refusal that no grant outranks.",
    ),
    Reason(
        "suppressed",
        False,
        "The person said no before their data was erased.",
        "Personen sa nej innan uppgifterna raderades.",
        "A suppression covers what is asked; only a verified yes lifts it.",
    ),
    Reason(
        "opted_out",
        False,
        "The person has opted out.",
        "Personen har avböjt.",
        "An opt-out stands. Keys without the read scope see this code for every no.",
    ),
    Reason(
        "objected",
        False,
        "The person has objected.",
        "Personen har invänt.",
        "An open objection that no grant outranks.",
    ),
    Reason(
        "switched_off",
        False,
        "An administrator has switched this off.",
        "En administratör har stängt av detta.",
        "An administrator's no that no administrator's yes outranks.",
    ),
    Reason(
        "not_understood",
        False,
        "Something stands that this version cannot weigh.",
        "Något gäller som denna version inte kan väga.",
        "A row of a kind unknown to this version covers the question; upgrade.",
    ),
    Reason(
        "no_consent",
        False,
        "The person has not consented.",
        "Personen har inte samtyckt.",
        "No specific grant for this purpose, channel, recipient and item.",
    ),
    Reason(
        "consent_expired",
        False,
        "The consent has expired.",
        "Samtycket har gått ut.",
        "Every covering grant is past its end.",
    ),
    Reason(
        "consent_not_yet_effective",
        False,
        "The consent does not apply yet.",
        "Samtycket gäller inte ännu.",
        "`effective_from` of the grant lies ahead.",
    ),
    Reason(
        "notice_not_valid",
        False,
        "The consent rests on a text that does not cover this.",
        "Samtycket vilar på en text som inte täcker detta.",
        "The grant's notice is unknown to the catalogue or does not name the purpose.",
    ),
    Reason(
        "balancing_record_stale",
        False,
        "The organisation's weighing of interests is out of date.",
        "Organisationens intresseavvägning är inaktuell.",
        "The balancing record's review date has passed.",
    ),
    Reason(
        "existing_customer_not_shown",
        False,
        "The person is not shown to be a customer.",
        "Personen är inte visad vara kund.",
        "Marketing to existing customers needs a customer relation, which this version cannot show yet.",
    ),
    Reason(
        "basis_not_supported",
        False,
        "This ground cannot be checked yet.",
        "Denna grund kan inte prövas ännu.",
        "Contract, legal obligation and vital interests come with a later version.",
    ),
)

NO_REASONS: Final = frozenset({"withdrawn", "refused", "opted_out", "objected", "suppressed"})
"""Reasons that tell of a person's past; keys without the read scope see ``opted_out`` for all of them."""

MASKED_REASON: Final = "opted_out"
"""What keys without the read scope see for all of :data:`NO_REASONS`."""

OBLIGATIONS: Final[dict[str, tuple[str, str]]] = {
    "include_opt_out": (
        "Every message must offer a way to opt out.",
        "Varje meddelande ska erbjuda ett sätt att avböja.",
    ),
}
