"""The reference pages that are generated from tables in code: `python -m tests.contracts.reference_pages --write`."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ledger.domain.reasons import OBLIGATIONS, REASONS
from ledger.error_codes import ERROR_CODES
from tests.contracts.api_page import api_page

DOCS = Path(__file__).resolve().parents[2] / "docs"


def errors_page() -> str:
    """Every error code and report, for those who branch on it."""
    rows = [
        (
            f"`{entry.code}`",
            entry.meaning,
            entry.what_to_do,
            str(entry.http_status),
            "yes" if entry.retryable else "no",
        )
        for entry in sorted(ERROR_CODES.values())
    ]
    return (
        "# Error codes\n\n"
        "Generated from `ledger/error_codes.py`. The code is the same everywhere: the last part of the HTTP problem's "
        "`type` (RFC 9457), the `code` of a `LedgerError`, the metric label, the reason of a quarantine entry. "
        "Codes do not change once released. A *report* on a protective act uses the same codes: the act was recorded, "
        "and the report says which field was dropped or taken as given.\n\n"
        + _table(("code", "what it means", "what to do", "HTTP", "try again"), rows)
    )


def decisions_page() -> str:
    """Every reason and obligation of a decision, in both languages and for a developer."""
    reasons = [
        (
            f"`{r.code}`",
            "allow" if r.allows else "deny",
            r.english,
            r.swedish,
            r.developer,
            "yes" if r.retryable else "no",
        )
        for r in REASONS.values()
    ]
    obligations = [(f"`{code}`", english, swedish) for code, (english, swedish) in OBLIGATIONS.items()]
    return (
        "# Decisions: reasons and obligations\n\n"
        "Generated from `ledger/domain/reasons.py`. A decision carries exactly one reason. Rules are weighed in the "
        "order of this table, and the first that matches decides; whatever is unknown, stale, in doubt or unreachable "
        "is denied, each with its own code.\n\n"
        + _table(("reason", "answer", "in English", "på svenska", "for a developer", "ask again"), reasons)
        + "\n## Obligations\n\nWhat whoever was allowed must also do.\n\n"
        + _table(("obligation", "in English", "på svenska"), obligations)
    )


PAGES: dict[str, Callable[[], str]] = {
    "api.md": api_page,
    "errors.md": errors_page,
    "decisions.md": decisions_page,
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__" and "--write" in sys.argv:
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
