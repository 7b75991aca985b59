"""How a caller names a person: by a typed identifier, or by the subject id that the ledger gave out."""

from typing import Final

import msgspec

from ledger.domain.events import GENESIS_KEY, SUBJECT_ID_BYTES
from ledger.domain.identifiers import Identifier, account, email, phone
from ledger.errors import Rejected

__all__ = ["Person", "SubjectId", "account", "checked_person", "email", "phone", "subject_form", "subject_id"]


class SubjectId(msgspec.Struct, frozen=True):
    """The random id by which log and read models know a person. Store it nowhere beside an address."""

    value: bytes

    @property
    def hex(self) -> str:
        return self.value.hex()


Person = Identifier | SubjectId

_HEX_CHARACTERS: Final = 2 * SUBJECT_ID_BYTES


def subject_id(value: str | bytes) -> SubjectId:
    """The person with this subject id, given as 32 hexadecimal digits or 16 bytes.

    Raises ``Rejected(subject_id_malformed)``.
    """
    if isinstance(value, str):
        try:
            value = bytes.fromhex(value) if len(value) == _HEX_CHARACTERS else b""
        except ValueError as error:
            raise Rejected("subject_id_malformed") from error
    if not isinstance(value, bytes) or len(value) != SUBJECT_ID_BYTES or value == GENESIS_KEY:
        raise Rejected("subject_id_malformed")
    return SubjectId(value)


def checked_person(person: object) -> Person:
    """``person`` itself, if it is one; a bare text could be an address, an account or an id, and is refused."""
    if isinstance(person, Identifier | SubjectId):
        return person
    raise Rejected("person_untyped", "Name the person by email(), phone(), account() or subject_id().")


def subject_form(person: Person) -> dict[str, str]:
    """The person as requests carry them."""
    if isinstance(person, SubjectId):
        return {"subject_id": person.hex}
    return {person.kind.value: person.value}
