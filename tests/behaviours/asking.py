"""What the suite's modules share: questions, and the id that the ledger knows somebody by."""

from ledger.sdk import Ask, Ledger, Person

__all__ = ["ask", "known_as"]


def ask(person: Person, purpose: str, channel: str | None = None) -> Ask:
    """One question of ``check_many``."""
    return Ask(person, purpose, channel)


async def known_as(ledger: Ledger, person: Person) -> str:
    """The person's subject id, once something about them has been folded."""
    standing = await ledger.standing(person)
    assert standing.subject_id is not None
    return standing.subject_id
