"""What proves an act beside the record of it: from where it came, and what the person had before them.

Nothing of it stands on the log but a commitment: SHA-256 over a salt that travels with the evidence and lies in the
vault alone. An IP address has 2**32 values, minutes of work for whoever knows how it was hashed; with 32 random
bytes before it nobody can try (races.md, D8). The evidence goes with the person's key, and the commitment is about
nothing then.
"""

import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ledger.errors import FieldReport, Rejected

__all__ = [
    "EVIDENCE_NOT_KEPT",
    "MAX_EVIDENCE_BYTES",
    "SALT_BYTES",
    "Evidence",
    "commitment_of",
    "read_evidence",
]

SALT_BYTES: Final = 32
MAX_EVIDENCE_BYTES: Final = 4_096
MAX_FIELD_CHARACTERS: Final = 2_048
EVIDENCE_NOT_KEPT: Final = FieldReport("evidence", "evidence_not_kept")
"""What is told about an act that was recorded without the evidence that came with it."""

_DOMAIN: Final = b"consent-ledger evidence commitment v1\0"
_canonical: Final = msgspec.json.Encoder(order="sorted")


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is kept about how an act came in; at most 4 KiB, and at least one of them.

    ``ip``: the address of the device (IPv4 or IPv6); ``user_agent``: the browser's or app's name of itself; ``form``
    and ``page``: which form on which page; ``reference``: where a letter, a mail or a recording is kept. Its ``repr``
    shows nothing of them.
    """

    ip: str | None = None
    user_agent: str | None = None
    form: str | None = None
    page: str | None = None
    reference: str | None = None

    def __repr__(self) -> str:
        return "<evidence>"

    def canonical(self) -> bytes:
        """The one form over which a commitment is made: JSON, names in order, nothing for what is left out."""
        return _canonical.encode(self)


def read_evidence(value: object) -> Evidence | None:
    """The evidence in a request, None where there is none; raises ``Rejected(evidence_malformed)``, which says which
    field and never what was in it."""
    if value is None:
        return None
    if isinstance(value, Evidence):
        value = msgspec.structs.asdict(value)
    if not isinstance(value, Mapping):
        raise _malformed("it must be an object")
    given = {str(name): text for name, text in value.items() if text is not None}
    for name, text in given.items():
        _check(name, text)
    if not given:
        return None
    evidence = Evidence(**_checked_ip(given))
    if len(evidence.canonical()) > MAX_EVIDENCE_BYTES:
        raise _malformed(f"it is larger than {MAX_EVIDENCE_BYTES} bytes")
    return evidence


def commitment_of(salt: bytes, evidence: Evidence) -> bytes:
    """The 32 bytes by which an event names its evidence: SHA-256 over a domain, the salt and the canonical form."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(_DOMAIN + salt + evidence.canonical()).digest()


def _check(name: str, text: object) -> None:
    if name not in Evidence.__struct_fields__:
        known = ", ".join(Evidence.__struct_fields__)
        raise _malformed(f"it has a field that is none of {known}")
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_FIELD_CHARACTERS:
        raise _malformed(f"{name} must be a text of 1 to {MAX_FIELD_CHARACTERS} characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, as JSON can carry it. Not the cause: it would show a part of what was sent.
        raise _malformed(f"{name} is no text") from None


def _checked_ip(given: Mapping[str, Any]) -> dict[str, Any]:
    if "ip" not in given:
        return dict(given)
    try:
        return {**given, "ip": str(ipaddress.ip_address(given["ip"].strip()))}
    except ValueError:
        raise _malformed("ip must be an IPv4 or IPv6 address") from None


def _malformed(problem: str) -> Rejected:
    return Rejected("evidence_malformed", f"The evidence cannot be used: {problem}.", field="evidence")
