"""An explanation as a page of text."""

from ledger.audit.explanation import ExplainedRecord, ExplainedRow, Explanation
from ledger.audit.words import basis_words, ui

__all__ = ["as_text"]

_MARKS = {"decides": ">", "speaks": "·", "aside": " "}


def as_text(explanation: Explanation) -> str:
    """Question, verdict, rows and records, in the explanation's own language."""
    language, decision = explanation.language, explanation.decision
    lines = [
        explanation.question,
        "",
        f"{explanation.verdict}. {explanation.reason_words} [{decision.reason}]",
    ]
    if decision.basis:
        lines.append(f"  {ui(language, 'ground')}: {basis_words(decision.basis, language)}")
    if decision.notice:
        lines.append(f"  {ui(language, 'notice')}: {decision.notice}")
    lines += [f"  {ui(language, 'must')}: {obligation}" for obligation in explanation.obligations]
    if decision.catalogue_version is not None:
        lines.append(f"  {ui(language, 'catalogue')}: {decision.catalogue_version}")
    if decision.staleness_ms is not None:
        lines.append(f"  {ui(language, 'read')}: {decision.staleness_ms / 1000:.1f} {ui(language, 'behind')}")
    lines += ["", ui(language, "stands") + ":"]
    lines += [_row_line(row, explanation) for row in explanation.rows] or [f"  {ui(language, 'nothing')}"]
    if explanation.doubts:
        lines += ["", ui(language, "doubts") + ":"]
        lines += [f"  {doubt.recorded_at}  {doubt.reason}  ({doubt.place})" for doubt in explanation.doubts]
    lines += ["", ui(language, "happened") + ":"]
    lines += [_record_line(record, explanation) for record in explanation.records] or [
        f"  {ui(language, 'nothing')}"
    ]
    if explanation.records_left_out:
        lines.append(f"  {ui(language, 'and_more', count=explanation.records_left_out)}")
    return "\n".join(lines)


def _row_line(row: ExplainedRow, explanation: Explanation) -> str:
    notes = [row.counts_from, ui(explanation.language, row.role)]
    if row.notice:
        notes.insert(0, row.notice)
    return f"  {_MARKS[row.role]} {row.says} ({'; '.join(notes)})"


def _record_line(record: ExplainedRecord, explanation: Explanation) -> str:
    notes = [record.captured] if record.captured else []
    if record.takes_effect_from:
        notes.append(f"{ui(explanation.language, 'takes_effect')} {record.takes_effect_from}")
    notes += [record.outcome_words, record.place]
    return f"  {record.recorded_at}  {record.says} ({'; '.join(notes)})"
