"""What a status column says of a person: yes, no, or nothing that anybody agreed to.

A word that is not known is never guessed at: it may be an unsubscribe in another language, so the import asks first.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from ledger.errors import Rejected

__all__ = ["Answer", "StatusWords", "parse_status_words"]


class Answer(str, Enum):
    """What a line's status says."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    NEITHER = "neither"


_YES: Final = "subscribed active opted-in optedin opt-in enabled yes true 1 ja prenumererar prenumerant aktiv"
# A complaint to the mailbox's provider is the bluntest way to say no.
_NO: Final = (
    "unsubscribed unsubscribe opted-out optedout opt-out complained complaint complained-spam spam abuse"
    " blocklisted blacklisted suppressed withdrawn revoked avregistrerad avprenumererad avanmäld"
)
# A mailbox that bounces and a person who was never asked have said nothing. "No" in a column of yes and no is not
# told from never asked; whoever knows better says so with --status.
_NEITHER: Final = (
    "cleaned bounced bounce hard-bounced hardbounced soft-bounced invalid inactive pending unconfirmed non-subscribed"
    " nonsubscribed not-subscribed notsubscribed never-subscribed neversubscribed transactional archived deleted"
    " redacted no false 0 nej inaktiv väntande"
)
_KNOWN: Final = {
    **dict.fromkeys(_YES.split(), Answer.SUBSCRIBED),
    **dict.fromkeys(_NO.split(), Answer.UNSUBSCRIBED),
    **dict.fromkeys(_NEITHER.split(), Answer.NEITHER),
    "": Answer.NEITHER,
}


class StatusWords:
    """The meaning of status words: the well-known ones, and those that the operator has named."""

    def __init__(self, named: Mapping[str, Answer] | None = None) -> None:
        self._meanings = _KNOWN | {_plain(word): answer for word, answer in (named or {}).items()}
        self.named = {_plain(word): answer.value for word, answer in sorted((named or {}).items())}

    def meaning(self, text: str) -> Answer | None:
        """What the word in a cell says, or None for one that nobody has explained."""
        return self._meanings.get(_plain(text))


def parse_status_words(texts: tuple[str, ...]) -> StatusWords:
    """The words of ``--status WORD=subscribed|unsubscribed|neither``. Raises ``Rejected(usage)``."""
    named: dict[str, Answer] = {}
    for text in texts:
        word, sign, answer = text.rpartition("=")
        if not sign or not word.strip() or answer not in Answer._value2member_map_:
            raise Rejected("usage", f"--status takes WORD={'|'.join(answer.value for answer in Answer)}, not {text!r}.")
        named[word] = Answer(answer)
    return StatusWords(named)


def _plain(text: str) -> str:
    return "-".join(text.lower().replace("_", " ").replace("-", " ").split())
