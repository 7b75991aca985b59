"""What the world calls a person (e-mail, phone, account), in the one form in which the ledger compares it.

The rule is version 1 and does not change: a blind index is computed over the normalised value and cannot be
computed anew, since nothing keeps the value in the clear. Another rule is another version, beside this one.
``docs/identifiers.md`` says it in full; ``tests/vectors/identifiers-v1.json`` holds its vectors.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from enum import Enum
from typing import Final

import msgspec

from ledger.domain.screening import is_id, is_notice_ref, screen
from ledger.errors import Rejected

__all__ = [
    "NORMALISER_VERSION",
    "Identifier",
    "IdentifierKind",
    "account",
    "blind_index",
    "email",
    "identifier",
    "is_id",
    "is_notice_ref",
    "phone",
    "screen",
]

NORMALISER_VERSION: Final = 1
BLIND_INDEX_BYTES: Final = 16
MAX_INPUT_CHARACTERS: Final = 1024
# RFC 5321, 4.5.3.1.1 and 4.5.3.1.2; 254 for the whole follows from the path's 256 with its brackets.
MAX_LOCAL_PART_BYTES: Final = 64
MAX_DOMAIN_BYTES: Final = 253
MAX_EMAIL_BYTES: Final = 254
MAX_ACCOUNT_CHARACTERS: Final = 128

# RFC 5322 specials but the dot: a quoted local part is refused, nobody's mailbox needs one.
_LOCAL_PART_SPECIALS: Final = frozenset('()<>[]:;@\\,"')
_LDH: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_PHONE_PUNCTUATION: Final = frozenset("+-.()/ \u00a0\u2010\u2011\u2012\u2013")


class IdentifierKind(str, Enum):
    EMAIL = "email"
    PHONE = "phone"
    ACCOUNT = "account"


class Identifier(msgspec.Struct, frozen=True, kw_only=True):
    """A typed, normalised name of a person. Its ``repr`` shows the kind alone, since it may end in a log line."""

    kind: IdentifierKind
    value: str
    normaliser: int = NORMALISER_VERSION

    def __repr__(self) -> str:
        return f"<identifier of kind {self.kind.value}>"


def email(text: str) -> Identifier:
    """An e-mail address: trimmed, NFC, domain by UTS 46 to lower-case ASCII, local part lower-cased.

    Plus tags and dots are kept: whether they matter is known to the mailbox's provider alone, and two people must
    never become one. Raises ``Rejected(identifier_invalid)``, whose detail never repeats the address.
    """
    trimmed = _trimmed(text, IdentifierKind.EMAIL)
    local, at, domain = trimmed.rpartition("@")
    if not at or not local or not domain:
        raise _invalid(IdentifierKind.EMAIL, "it has no local part, no @ or no domain")
    local = unicodedata.normalize("NFC", local.lower())
    if any(c in _LOCAL_PART_SPECIALS or not _is_visible(c) for c in local):
        raise _invalid(IdentifierKind.EMAIL, "a character in the local part is not allowed")
    domain = _ascii_domain(domain)
    if len(local.encode()) > MAX_LOCAL_PART_BYTES or len(local.encode()) + 1 + len(domain) > MAX_EMAIL_BYTES:
        raise _invalid(IdentifierKind.EMAIL, "it is too long")
    return Identifier(kind=IdentifierKind.EMAIL, value=f"{local}@{domain}")


def phone(text: str, region: str | None = None) -> Identifier:
    """A phone number in E.164, from one with ``+`` or, with ``region`` (ISO 3166, "SE"), a national one.

    The length must be possible for its country; whether the number is assigned is not asked, since that changes.
    An extension is refused: it is not part of E.164. Raises ``Rejected(identifier_invalid)``.
    """
    # 84 ms (measured) that a process which handles no phone numbers does not pay.
    import phonenumbers

    trimmed = unicodedata.normalize("NFKC", _trimmed(text, IdentifierKind.PHONE))
    if any(c not in _PHONE_PUNCTUATION and not c.isdecimal() for c in trimmed):
        raise _invalid(IdentifierKind.PHONE, "only digits, +, spaces and punctuation are allowed")
    if region is None and not trimmed.startswith("+"):
        raise _invalid(IdentifierKind.PHONE, "it needs a + and a country code, or a region to read it in")
    possible = phonenumbers.ValidationResult.IS_POSSIBLE
    try:
        parsed = phonenumbers.parse(trimmed, region.upper() if region else None)
        value = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        again = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException as error:
        raise _invalid(IdentifierKind.PHONE, "it cannot be read as a phone number") from error
    if parsed.extension or phonenumbers.is_possible_number_with_reason(parsed) != possible:
        raise _invalid(IdentifierKind.PHONE, "its length is not possible in its country")
    # Some impossible numbers lose a zero at each reading ("+31 0000000"): one person would have two indexes.
    if phonenumbers.format_number(again, phonenumbers.PhoneNumberFormat.E164) != value:
        raise _invalid(IdentifierKind.PHONE, "it reads as more than one number")
    return Identifier(kind=IdentifierKind.PHONE, value=value)


def account(text: str) -> Identifier:
    """The controller's own name for a person: NFC, trimmed, case kept, 1 to 128 printable characters.

    Raises ``Rejected(identifier_invalid)``.
    """
    value = _trimmed(text, IdentifierKind.ACCOUNT)
    if not 1 <= len(value) <= MAX_ACCOUNT_CHARACTERS:
        raise _invalid(IdentifierKind.ACCOUNT, f"it must have 1 to {MAX_ACCOUNT_CHARACTERS} characters")
    if not all(c == " " or _is_visible(c) for c in value):
        raise _invalid(IdentifierKind.ACCOUNT, "a character in it is not printable")
    return Identifier(kind=IdentifierKind.ACCOUNT, value=value)


def identifier(kind: str, text: str) -> Identifier:
    """The identifier of a kind given by name, as requests carry it. Raises ``Rejected(identifier_invalid)``."""
    rule = _RULES.get(kind)
    if rule is None:
        raise Rejected("identifier_invalid", "An identifier is one of email, phone and account.")
    return rule(text)


_RULES: Final[dict[str, Callable[[str], Identifier]]] = {"email": email, "phone": phone, "account": account}


def blind_index(pepper: bytes, controller: str, who: Identifier) -> bytes:
    """The 16 bytes by which the directory finds a person without holding what they are called.

    HMAC-SHA256 (RFC 2104) under the pepper over controller, kind, normaliser version and value, each preceded by
    its length in four bytes, cut to 16 bytes. Two controllers' indexes of one address have nothing in common.
    """
    message = b"".join(
        len(part).to_bytes(4, "big") + part
        for part in (
            controller.encode(),
            who.kind.value.encode(),
            str(who.normaliser).encode(),
            who.value.encode(),
        )
    )
    return hmac.new(pepper, message, hashlib.sha256).digest()[:BLIND_INDEX_BYTES]


def _trimmed(text: str, kind: IdentifierKind) -> str:
    # Before the costly steps, so that a megabyte of marks cannot keep a process busy.
    if len(text) > MAX_INPUT_CHARACTERS:
        raise _invalid(kind, "it is too long")
    composed = unicodedata.normalize("NFC", text)
    start, end = 0, len(composed)
    while start < end and _is_blank(composed[start]):
        start += 1
    while end > start and _is_blank(composed[end - 1]):
        end -= 1
    return composed[start:end]


def _is_blank(character: str) -> bool:
    # Cf: the byte order mark and direction marks that come along when an address is copied out of a document.
    return character.isspace() or unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf")


def _is_visible(character: str) -> bool:
    # Unassigned characters are refused: a later Unicode version may give them a lower case or a composed form.
    return unicodedata.category(character)[0] not in "CZ"


def _ascii_domain(domain: str) -> str:
    try:
        # A trailing dot is the root; "example.se." is the same domain.
        ascii_form = _idna(domain.removesuffix("."))
    except UnicodeError as error:  # idna's own errors are UnicodeErrors
        raise _invalid(IdentifierKind.EMAIL, "its domain is not a valid domain name") from error
    labels = ascii_form.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(_is_label(label) for label in labels):
        raise _invalid(IdentifierKind.EMAIL, "its domain is not a valid domain name")
    if len(ascii_form) > MAX_DOMAIN_BYTES:
        raise _invalid(IdentifierKind.EMAIL, "it is too long")
    return ascii_form


def _idna(domain: str) -> str:
    if domain.isascii() and "xn--" not in domain.lower():
        # IDNA would refuse hyphens in the third and fourth place, which plain DNS names may have.
        return domain.lower()
    import idna

    # UTS 46, non-transitional: "straße.de" stays apart from "strasse.de", as registries have it.
    return idna.encode(domain, uts46=True, std3_rules=True, transitional=False).decode("ascii").lower()


def _is_label(label: str) -> bool:
    return 1 <= len(label) <= 63 and _LDH.issuperset(label) and label[0] != "-" and label[-1] != "-"


def _invalid(kind: IdentifierKind, problem: str) -> Rejected:
    return Rejected(
        "identifier_invalid", f"The {kind.value} given is not usable: {problem}.", kind=kind.value
    )
