"""The reference pages that are generated from tables in code: `python -m tests.contracts.reference_pages --write`."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from ledger import metrics
from ledger.domain.reasons import OBLIGATIONS, REASONS
from ledger.error_codes import ERROR_CODES
from ledger.setting_names import SETTINGS
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


def settings_page() -> str:
    """Every setting, for those who run the ledger."""
    rows = [
        (f"`{name}`", setting.meaning, "a secret: masked wherever it is shown" if setting.secret else "")
        for name, setting in SETTINGS.items()
    ]
    return (
        "# Settings\n\n"
        "Generated from `ledger/setting_names.py`. All come from the environment; an unknown `LEDGER_` variable refuses "
        "to start and names the nearest known one. `ledger settings` shows what is in force and where it came from. "
        "Secrets are files; each has a fingerprint in the database, and another secret refuses to start.\n\n"
        + _table(("setting", "what it is", ""), rows)
    )


def metrics_page() -> str:
    """Every metric, for those who watch the ledger."""
    rows = sorted(
        (
            f"`{metric.name}`",
            metric.type,
            ", ".join(f"`{label}`" for label in collector._labelnames),
            metric.documentation,
        )
        for collector in vars(metrics).values()
        if isinstance(collector, MetricWrapperBase)
        for metric in collector.describe()
    )
    return (
        "# Metrics\n\n"
        "Generated from `ledger/metrics.py`. The API serves them at `/metrics`, a worker at `LEDGER_METRICS_PORT` on the "
        "loopback address. A counter's sample ends in `_total`. No label holds a person or a controller.\n\n"
        "Alert on: `ledger_projection_lag_seconds` above the staleness bound (every check is then denied as `stale`); "
        "any `ledger_projection_partitions_refused` or `ledger_quarantine_entries_open` above 0; any increase of "
        "`ledger_records_unattributable_total`, since such a record may be a withdrawal; any increase of "
        "`ledger_late_protective_acts_total`, since a service then keeps the ids of people who were erased.\n\n"
        + _table(("metric", "type", "labels", "what it counts"), rows)
    )


PAGES: dict[str, Callable[[], str]] = {
    "api.md": api_page,
    "errors.md": errors_page,
    "decisions.md": decisions_page,
    "metrics.md": metrics_page,
    "settings.md": settings_page,
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__" and "--write" in sys.argv:
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
