"""One form, several choices: what a field that is common to all of them means for each."""

import msgspec

from ledger.domain.acts import Act
from ledger.domain.catalogue import Catalogue
from ledger.errors import FieldReport

__all__ = ["fitted"]


def fitted(act: Act, catalogue: Catalogue | None) -> tuple[Act, tuple[FieldReport, ...]]:
    """One act of a form with several choices: the form's channel holds for purposes that are used on channels.

    A purpose without channels could otherwise not be granted beside one with them. Leaving the channel out widens
    a no, and names for a yes the only use that the purpose has.
    """
    purpose = catalogue.purposes.get(act.purpose or "") if catalogue is not None else None
    if act.channel is None or purpose is None or purpose.channels:
        return act, ()
    return msgspec.structs.replace(act, channel=None), (FieldReport("channel", "channel_not_used"),)
