"""Finds a person's address or number in a field that must hold an id of the controller's own making.

The log is kept for ever and cannot be corrected (races.md, D25), so the SDK, the intake and the fold all ask here
before an id is written or shown. The search is deliberately narrow: an id that merely looks like a number passes.
"""

import re
import unicodedata
from typing import Final

__all__ = ["is_id", "is_notice_ref", "screen"]

EMAIL_IN_FIELD: Final = "email_in_field"
PHONE_IN_FIELD: Final = "phone_in_field"
PERSONAL_NUMBER_IN_FIELD: Final = "personal_number_in_field"

_ID: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_NOTICE_REF: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}@[0-9]{1,6}")

# Random ids: their digits mean nothing. Only real UUIDs (RFC 9562, version and variant set), since a personal
# number padded to the shape of a UUID is a known habit; and at least 32 hexadecimal digits, a letter among them.
_RANDOM_ID: Final = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    r"|(?=[0-9]*[a-f])[0-9a-f]{32,})(?![0-9a-z])"
)
_EMAIL: Final = re.compile(r"[^\s@]@(?:[\w-]+\.)+[^\W\d_][\w-]+")
# YYMMDD-NNNN with or without the century, and with any or no separators between the groups. In a lookahead, so that
# a date before a number does not swallow the number's first digits.
_PERSONAL_NUMBER: Final = re.compile(
    r"(?<![0-9])(?=(?:18|19|20)?(?P<year>[0-9]{2})[-./_ ]?(?P<month>[0-9]{2})[-./_ ]?(?P<day>[0-9]{2})"
    r"[ ]?[-+._]?[ ]?(?P<serial>[0-9]{4})(?![0-9]))"
)
_INTERNATIONAL_PHONE: Final = re.compile(r"\+(?:[ ().\-/_]*[0-9]){8,15}")
_INTERNATIONAL_PHONE_00: Final = re.compile(
    r"(?<![0-9])00(?=[1-9])(?P<digits>(?:[ ().\-/_]?[0-9]){8,15})(?![0-9])"
)
# A Swedish mobile number, national or without its plus. Other countries' bare digits are not told from a serial
# number; and of landline numbers only the usual way to write them, area code, hyphen, number.
_SWEDISH_MOBILE: Final = re.compile(
    r"(?<![0-9])(?:0|46)[ ().\-/_]{0,3}7[02369](?:[ .\-/_]?[0-9]){7}(?![0-9])"
)
_SWEDISH_LANDLINE: Final = re.compile(
    r"(?<![0-9.-])0[1-9][0-9]{0,2}-[1-9][0-9]{1,2}[ ]?[0-9]{2,3}[ ]?[0-9]{2}(?![0-9.-])"
)

_DAYS_IN_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# A samordningsnummer has 60 added to the day (lagen 2022:1697 and Skatteverket's rules for it).
_COORDINATION_OFFSET: Final = 60


def is_id(text: str) -> bool:
    """Whether ``text`` has the syntax of an id: purpose, channel, recipient, item, source, controller."""
    return _ID.fullmatch(text) is not None


def is_notice_ref(text: str) -> bool:
    """Whether ``text`` names one version of a notice, as ``signup@3``."""
    return _NOTICE_REF.fullmatch(text) is not None


def screen(text: str) -> str | None:
    """The code of what ``text`` must not hold, or None: an e-mail address, a Swedish personal identity number or
    samordningsnummer (date and check digit must be right), or a phone number.

    Looks through full-width and other digits, percent-encoded @ and invisible characters. Random hexadecimal ids
    are passed over. About one in ten compact timestamps to the minute also is a valid personal number and is found.
    """
    plain = _plain(text)
    if _EMAIL.search(plain):
        return EMAIL_IN_FIELD
    digits = _RANDOM_ID.sub(" ", plain)
    if any(_is_personal_number(match) for match in _PERSONAL_NUMBER.finditer(digits)):
        return PERSONAL_NUMBER_IN_FIELD
    if _holds_phone(digits):
        return PHONE_IN_FIELD
    return None


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).lower().replace("%40", "@")
    if folded.isascii():
        return folded
    return "".join(map(_plain_character, folded))


def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return {"Cf": "", "Pd": "-", "Zs": " "}.get(category, character)


def _is_personal_number(match: re.Match[str]) -> bool:
    day = int(match["day"])
    day -= _COORDINATION_OFFSET if day > _COORDINATION_OFFSET else 0
    month = int(match["month"])
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS_IN_MONTH[month - 1]:
        return False
    # 000 as birth number is never given out, and many timestamps end so.
    if match["serial"].startswith("000"):
        return False
    return _luhn_holds(match["year"] + match["month"] + match["day"] + match["serial"])


def _luhn_holds(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(digits):
        doubled = int(digit) * (2 if index % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _holds_phone(text: str) -> bool:
    if _SWEDISH_MOBILE.search(text):
        return True
    candidates = [match.group() for match in _INTERNATIONAL_PHONE.finditer(text)]
    candidates += ["+" + match["digits"] for match in _INTERNATIONAL_PHONE_00.finditer(text)]
    candidates += ["+46" + match.group()[1:] for match in _SWEDISH_LANDLINE.finditer(text)]
    return any(_is_in_assigned_range(candidate) for candidate in candidates)


def _is_in_assigned_range(candidate: str) -> bool:
    # Imported here: 84 ms (measured) that only a text with a plus or a double zero before digits has to pay.
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(candidate.replace("_", " "), None))
    except phonenumbers.NumberParseException:
        return False
