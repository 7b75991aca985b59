"""May this be done with this person's data? One pure function, for API, gate, replay and as-of alike.

The order of rules is that of "In what order a check weighs things" in the acceptance criteria; the first that
matches decides. Two laws hold and are tested: adding a no never turns deny into allow, removing a yes never does.
"""

from collections.abc import Iterable, Sequence

from ledger.domain.answers import Decision, deny
from ledger.domain.catalogue import Basis, Catalogue, Purpose
from ledger.domain.forgetting import forgotten, forgotten_altogether
from ledger.domain.reasons import NO_REASONS
from ledger.domain.rows import Half, Row
from ledger.domain.scopes import Question, covers, names
from ledger.domain.weighing import (
    ERASURE_KINDS,
    FORGETTING_KINDS,
    NO_SHAPES,
    PERSONAL_KINDS,
    YES_KINDS,
    No,
    halves,
    is_ahead,
    is_live,
    outranks,
    personal_noes,
    personal_yeses,
)

__all__ = ["Decision", "No", "Question", "decide", "deny", "outranking", "outranks"]


def decide(
    catalogue: Catalogue | None,
    rows: Sequence[Row],
    question: Question,
    now_ms: int,
    *,
    quarantined: bool = False,
) -> Decision:
    """Allow or deny, from what the controller promised and what stands for the person.

    ``now_ms`` is the later of the asking clock and the applied stamp. Unknown means deny, each with its own code.
    """
    if quarantined:
        return deny(question, "quarantined", catalogue=catalogue)
    if not rows:
        return deny(question, "no_events", catalogue=catalogue)
    whole = forgotten_altogether(rows)
    if whole is not None:
        return deny(question, whole.reason, catalogue=catalogue, deciding=(whole.half,))
    if catalogue is None:
        return deny(question, "catalogue_missing")
    purpose = catalogue.purposes.get(question.purpose)
    if purpose is None:
        return deny(question, "purpose_not_registered", catalogue=catalogue)
    # A denying Decision is false, so the steps are told apart by None and not by truth.
    for answer in (
        _forgotten(catalogue, purpose, rows, question, now_ms),
        _switched_off(catalogue, purpose, rows, question, now_ms),
        _outside_declaration(catalogue, purpose, question),
    ):
        if answer is not None:
            return answer
    declined = _declined(catalogue, purpose, rows, question, now_ms)
    return declined if declined is not None else _by_basis(catalogue, purpose, rows, question, now_ms)


def outranking(catalogue: Catalogue, rows: Sequence[Row], question: Question, yes: Row) -> tuple[Row, ...]:
    """The standing noes and open objections that ``yes`` does not outrank, greatest rank first; empty if it stands."""
    purpose = catalogue.purposes.get(question.purpose)
    noes = personal_noes(catalogue, purpose, rows, question) if purpose else []
    left = [no for no in noes if not outranks(yes, no)]
    return tuple(no.row for no in sorted(left, key=lambda no: no.half.order, reverse=True))


def _forgotten(
    catalogue: Catalogue, purpose: Purpose, rows: Sequence[Row], question: Question, now_ms: int
) -> Decision | None:
    """Rules 1 and 4, for the categories that were erased or are held."""
    found = forgotten(catalogue, purpose, rows, question, now_ms)
    if found is None:
        return None
    return deny(question, found.reason, catalogue=catalogue, basis=purpose.basis, deciding=(found.half,))


def _outside_declaration(catalogue: Catalogue, purpose: Purpose, question: Question) -> Decision | None:
    """Rules 6 and 7: nothing unregistered can be allowed."""
    if question.channel is None and purpose.channels:
        reason = "channel_required"
    elif question.channel is not None and question.channel not in purpose.channels:
        reason = "channel_not_declared"
    elif question.category is not None and question.category not in purpose.categories:
        reason = "category_not_declared"
    elif question.recipient is not None and question.recipient not in purpose.recipients:
        reason = "recipient_not_declared"
    else:
        return None
    return deny(question, reason, catalogue=catalogue, basis=purpose.basis)


def _switched_off(
    catalogue: Catalogue, purpose: Purpose, rows: Sequence[Row], question: Question, now_ms: int
) -> Decision | None:
    """Rule 5: an administrator's own voice, and whatever stands that this version cannot weigh."""
    ons = [
        row
        for row in rows
        if row.shape == "yes"
        and row.voice == "administrator"
        and is_live(row, now_ms)
        and names(catalogue, purpose, row, question)
    ]
    unknown: list[Half] = []
    offs: list[Half] = []
    for row in rows:
        weighed_elsewhere = row.shape in ("yes", "fact", "remark") or (row.shape, row.kind) in YES_KINDS
        weighed_elsewhere = weighed_elsewhere or (row.shape, row.kind) in FORGETTING_KINDS
        if row.first is None or weighed_elsewhere or not covers(catalogue, purpose, row, question):
            continue
        if (row.shape, row.kind) not in PERSONAL_KINDS or row.first.value not in NO_REASONS:
            unknown.append(row.first)
        elif row.voice == "administrator" and not any(outranks(on, No(row, row.first)) for on in ons):
            offs.append(row.first)
    # Rows come in no order, so the latest of them gives the answer.
    for reason, found in (("not_understood", unknown), ("switched_off", offs)):
        if found:
            latest = max(found, key=lambda half: half.order)
            return deny(question, reason, catalogue=catalogue, basis=purpose.basis, deciding=(latest,))
    return None


def _declined(
    catalogue: Catalogue, purpose: Purpose, rows: Sequence[Row], question: Question, now_ms: int
) -> Decision | None:
    """Rule 8: a no blocks every basis of a declinable class, whatever it was said against."""
    if not catalogue.is_declinable(purpose):
        return None
    noes = personal_noes(catalogue, purpose, rows, question)
    if not noes:
        return None
    yeses = [row for row in personal_yeses(catalogue, purpose, rows, question) if is_live(row, now_ms)]
    standing = [no for no in noes if not any(outranks(yes, no) for yes in yeses)]
    if not standing:
        return None
    deciding = max(standing, key=lambda no: no.half.order)
    return deny(
        question,
        deciding.half.value,
        catalogue=catalogue,
        basis=purpose.basis,
        deciding=(deciding.half,),
        notice=deciding.row.detail.notice if deciding.row.detail else None,
    )


def _by_basis(
    catalogue: Catalogue, purpose: Purpose, rows: Sequence[Row], question: Question, now_ms: int
) -> Decision:
    """Rules 9 to 13."""
    match purpose.basis:
        case Basis.CONSENT:
            return _by_consent(catalogue, purpose, rows, question, now_ms)
        case Basis.LEGITIMATE_INTERESTS:
            return _by_legitimate_interests(catalogue, purpose, rows, question, now_ms)
        case _:
            return deny(question, "basis_not_supported", catalogue=catalogue, basis=purpose.basis)


def _by_consent(
    catalogue: Catalogue, purpose: Purpose, rows: Sequence[Row], question: Question, now_ms: int
) -> Decision:
    """Rule 9: a live, valid, specific grant that outranks every covering no (GDPR art. 6(1)(a), 7)."""
    grants = [
        row
        for row in personal_yeses(catalogue, purpose, rows, question)
        if row.kind in ("consent", "double_opt_in")
    ]
    if not grants:
        return deny(question, "no_consent", catalogue=catalogue, basis=purpose.basis)
    noes = personal_noes(catalogue, purpose, rows, question)
    live = [row for row in grants if is_live(row, now_ms)]
    standing = [row for row in live if all(outranks(row, no) for no in noes)]
    if noes and not standing:
        # An opt-in may have lifted a no, but only a grant is consent; and each no needs the same grant above it.
        unanswered = [no for no in noes if not any(outranks(row, no) for row in live)] or noes
        deciding = max(unanswered, key=lambda no: no.half.order)
        return deny(
            question,
            deciding.half.value,
            catalogue=catalogue,
            basis=purpose.basis,
            deciding=(deciding.half,),
        )
    if not live:
        reason = (
            "consent_not_yet_effective" if any(is_ahead(row, now_ms) for row in grants) else "consent_expired"
        )
        return deny(question, reason, catalogue=catalogue, basis=purpose.basis, deciding=halves(grants))
    valid = [row for row in standing if _notice_covers(catalogue, purpose, row)]
    if not valid:
        return deny(
            question, "notice_not_valid", catalogue=catalogue, basis=purpose.basis, deciding=halves(standing)
        )
    grant = max(valid, key=lambda row: (row.rank, row.row_key))
    return _allow(
        catalogue,
        purpose,
        question,
        "consent_given",
        halves([grant]),
        grant.detail.notice if grant.detail else None,
    )


def _by_legitimate_interests(
    catalogue: Catalogue, purpose: Purpose, rows: Sequence[Row], question: Question, now_ms: int
) -> Decision:
    """Rule 11: a current balancing record, and the customer relation where the law asks for one.

    Whoever is known by noes alone is, for what can be declined, as unknown as before the first of them: otherwise
    somebody's first "no" to one thing would allow another.
    """
    only_noes = all(row.shape in NO_SHAPES or row.kind in ERASURE_KINDS for row in rows)
    if catalogue.is_declinable(purpose) and only_noes:
        return deny(question, "no_events", catalogue=catalogue, basis=purpose.basis)
    if purpose.balancing is None or purpose.balancing.review_due_ms <= now_ms:
        return deny(question, "balancing_record_stale", catalogue=catalogue, basis=purpose.basis)
    if purpose.existing_customer_required:
        return deny(question, "existing_customer_not_shown", catalogue=catalogue, basis=purpose.basis)
    return _allow(catalogue, purpose, question, "legitimate_interests", (), None)


def _allow(
    catalogue: Catalogue,
    purpose: Purpose,
    question: Question,
    reason: str,
    deciding: Iterable[Half],
    notice: str | None,
) -> Decision:
    obligations = ("include_opt_out",) if purpose.direct_marketing and question.channel is not None else ()
    return Decision(
        allowed=True,
        reason=reason,
        purpose=question.purpose,
        channel=question.channel,
        basis=purpose.basis.value,
        deciding_events=tuple(half.event_id.hex() for half in deciding),
        notice=notice,
        obligations=obligations,
        catalogue_version=catalogue.version,
    )


def _notice_covers(catalogue: Catalogue, purpose: Purpose, row: Row) -> bool:
    notice = catalogue.notices.get(row.detail.notice or "") if row.detail else None
    return notice is not None and purpose.id in notice.purposes
