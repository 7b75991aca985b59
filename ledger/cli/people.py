"""How an operator names a person: on the terminal, unseen, or on standard input; never in an argument."""

import sys
from typing import Final

import click

from ledger.domain.identifiers import account, email, phone
from ledger.errors import Rejected
from ledger.sdk.people import Person, subject_id

__all__ = ["ask_for_person", "parse_person"]

MAX_LINE_CHARACTERS: Final = 1_024
FORMS: Final = "email:…, phone:…, account:… or subject:…"


def ask_for_person() -> Person:
    """The person typed at the prompt, which shows nothing, or the first line of standard input."""
    if sys.stdin.isatty():
        text: str = click.prompt(f"Person ({FORMS}; not shown)", hide_input=True, err=True)
    else:
        text = sys.stdin.readline(MAX_LINE_CHARACTERS)
    return parse_person(text)


def parse_person(text: str) -> Person:
    """The person in ``email:anna@example.se`` and its like. Errors never repeat what was typed."""
    kind, colon, value = text.strip().partition(":")
    if not colon:
        raise Rejected("person_untyped", f"Name the person as {FORMS}.")
    match kind.strip().lower():
        case "email":
            return email(value)
        case "phone":
            return phone(value)
        case "account":
            return account(value)
        case "subject":
            return subject_id(value.strip())
    raise Rejected("person_untyped", f"Name the person as {FORMS}.")
