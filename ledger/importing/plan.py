"""What an import says about each person, held against the catalogue before a line is read.

An unsubscribe ends every purpose that the import can grant, whichever tags its line bears: who leaves a list leaves
it whole. A misspelt purpose is refused here and not reported line by line, since it is the operator's and no person's.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ledger.domain.acts import Act, ActKind, unsubscribe_as
from ledger.domain.admission import admit, judge
from ledger.domain.catalogue import Catalogue, Purpose
from ledger.domain.choices import fitted
from ledger.domain.identifiers import is_id, screen
from ledger.domain.rows import Row
from ledger.domain.scopes import Question, covers
from ledger.errors import Rejected
from ledger.vault.suppressions import Match

__all__ = ["Plan", "make_plan", "parse_tag_purposes"]

DEFAULT_SOURCE: Final = "list-import"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The acts that lines become. ``noes`` are those of every unsubscribe, ``yeses`` the grant of each purpose."""

    controller: str
    source: str
    catalogue: Catalogue
    noes: tuple[Act, ...]
    yeses: Mapping[str, Act]
    default_purpose: str | None
    tag_purposes: Mapping[str, str]
    times_exact: bool = False

    def purposes_of(self, tags: Sequence[str]) -> tuple[str, ...]:
        """The purposes that a grant with these tags is for; empty when none of them stands for one."""
        found = [] if self.default_purpose is None else [self.default_purpose]
        found += [self.tag_purposes[tag.lower()] for tag in tags if tag.lower() in self.tag_purposes]
        return tuple(dict.fromkeys(found))

    def bar(self, match: Match | None, purpose: str) -> str | None:
        """Why a person of whom this is kept gets no grant for a purpose: ``erased_before``, ``suppressed`` or None."""
        if match is None:
            return None
        if match.erased_before_ms is not None:
            # Whatever time the file states: nobody has checked it (races.md, D5).
            return "erased_before"
        declared: Purpose = self.catalogue.purposes[purpose]
        question = Question(purpose=purpose, channel=self.yeses[purpose].channel)
        for no in match.noes:
            row = Row(
                row_key=no.no_key, shape="no", voice="person", kind="suppression", purpose=no.purpose,
                purpose_group=no.purpose_group, channel=no.channel, recipient=no.recipient, item=no.item,
                category=no.category,
            )  # fmt: skip
            if covers(self.catalogue, declared, row, question):
                return "suppressed"
        return None

    def digest(self, *others: object) -> bytes:
        """SHA-256 over what the lines would become, and over ``others``: a run goes on only with the same."""
        said = (self.controller, self.source, self.noes, self.yeses, self.tag_purposes, self.times_exact, *others)
        return hashlib.sha256(msgspec.json.encode(said, order="sorted")).digest()


def make_plan(
    catalogue: Catalogue,
    *,
    now_ms: int,
    purpose: str | None,
    channel: str | None,
    notice: str | None,
    tag_purposes: Mapping[str, str] | None = None,
    source: str = DEFAULT_SOURCE,
    times_exact: bool = False,
) -> Plan:
    """The plan, every name of which the catalogue declares. Without ``notice`` it has no grants.

    Raises ``Rejected`` with the codes of an act over the API (``purpose_unknown``, ``channel_required``,
    ``notice_not_valid``, ...).
    """
    named = tuple(dict.fromkeys([*([purpose] if purpose else []), *(tag_purposes or {}).values()]))
    if not named:
        raise Rejected("purpose_required", "Name what the list is for: --purpose, or --tag-purpose TAG=PURPOSE.")
    common = {"channel": channel}
    noes = tuple(_no(catalogue, common | {"purpose": one}, now_ms) for one in named)
    yeses = {
        one: _yes(catalogue, common | {"purpose": one, "notice": notice}, now_ms) for one in named if notice is not None
    }
    if not is_id(source) or screen(source) is not None:
        raise Rejected("id_malformed", "--source must be an id: a-z, 0-9, _ . - and at most 64 characters.", field="source")
    return Plan(
        controller=catalogue.controller.name,
        source=source,
        catalogue=catalogue,
        noes=noes,
        yeses=yeses,
        default_purpose=purpose,
        tag_purposes={tag.lower(): one for tag, one in (tag_purposes or {}).items()},
        times_exact=times_exact,
    )


def parse_tag_purposes(texts: Sequence[str]) -> dict[str, str]:
    """Tag to purpose, of ``--tag-purpose TAG=PURPOSE``. Raises ``Rejected(usage)``."""
    found: dict[str, str] = {}
    for text in texts:
        tag, sign, purpose = text.rpartition("=")
        if not sign or not tag.strip() or not purpose.strip():
            raise Rejected("usage", f"--tag-purpose takes TAG=PURPOSE, not {text!r}.")
        found[tag.strip()] = purpose.strip()
    return found


def _no(catalogue: Catalogue, fields: Mapping[str, str | None], now_ms: int) -> Act:
    admitted = admit({"act": ActKind.UNSUBSCRIBE.value, **fields})
    act, _ = fitted(admitted.act, catalogue)
    act = msgspec.structs.replace(act, act=unsubscribe_as(catalogue, act.purpose))
    findings = [*admitted.dropped, *judge(act, catalogue, now_ms)]
    if findings:
        # Over the API a person's no is recorded all the same; here the operator can mend the command first.
        raise Rejected(findings[0].code, field=findings[0].field)
    return act


def _yes(catalogue: Catalogue, fields: Mapping[str, str | None], now_ms: int) -> Act:
    act, _ = fitted(admit({"act": ActKind.GRANT.value, **fields}).act, catalogue)
    judge(act, catalogue, now_ms)
    return act
