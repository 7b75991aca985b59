"""``ledger status``: one screen that says what is wrong, what to do about it, and how everything stands."""

import asyncio
from typing import Any

import click

from ledger import settings
from ledger.cli.output import emit, json_option
from ledger.cli.status_facts import Facts, gather
from ledger.cli.status_findings import Finding, LaneLine, findings, lanes
from ledger.domain.moments import moment_text

__all__ = ["command", "exit_code", "page"]


@click.command("status")
@json_option
def command(as_json: bool) -> int:
    """Tell what is wrong now and what to do about it, then how every controller stands.

    Exit code 0: all is well. 1: something needs a person. 3: a service did not answer; the rest is shown.

    \b
    Example: ledger status
    """
    operator = settings.load(settings.OperatorSettings)
    facts = asyncio.run(gather(operator))
    found = findings(facts, operator.staleness_bound_seconds)
    emit(_document(facts, found), as_json=as_json, text=page(facts, found))
    return exit_code(found)


def exit_code(found: list[Finding]) -> int:
    """3 when something could not be looked at, 1 when something needs a person, else 0."""
    if any(finding.away for finding in found):
        return 3
    return 1 if found else 0


def page(facts: Facts, found: list[Finding]) -> str:
    """The screen: findings first, then services, lanes, and what is open."""
    parts = [_headline(facts, found), *_services(facts)]
    table = lanes(facts)
    if table:
        parts += ["", *_lane_table(table)]
    return "\n".join([*parts, "", *_open(facts)])


def _headline(facts: Facts, found: list[Finding]) -> str:
    at = moment_text(facts.now_ms)
    if not found:
        return f"All is well ({at}).\n"
    things = "1 thing needs" if len(found) == 1 else f"{len(found)} things need"
    lines = [f"{things} you ({at}):", ""]
    for number, finding in enumerate(found, 1):
        lines += [f"{number:>2}. {finding.what}", f"    -> {finding.what_to_do}"]
    return "\n".join([*lines, ""])


def _services(facts: Facts) -> list[str]:
    lines = []
    for name in ("kafka", "postgres", "vault"):
        code = facts.away.get(name, (None, ""))[0]
        lines.append(f"{name:<10} {'answers' if code is None else code}")
    for name in ("fold", "reactions"):
        at_ms = facts.heartbeats_ms.get(name)
        none = "not visible" if "kafka" in facts.away else "no heartbeat"
        told = none if at_ms is None else f"last heartbeat {moment_text(at_ms)}"
        lines.append(f"{name:<10} {told}")
    return lines


def _lane_table(table: list[LaneLine]) -> list[str]:
    rows = [("controller", "lane", "partitions", "folded", "to go", "fresh up to", "")]
    rows += [
        (
            line.controller,
            line.lane,
            str(line.partitions),
            f"{line.folded:,}",
            "?" if line.lag is None else f"{line.lag:,}",
            "never" if line.stale_seconds is None else f"{line.stale_seconds:,.0f} s ago",
            _remark(line),
        )
        for line in table
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            text.ljust(width) if place < 2 or place == 6 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _remark(line: LaneLine) -> str:
    remarks = []
    if line.refused:
        remarks.append(f"{line.refused} refused")
    if line.owned + line.refused < line.partitions:
        remarks.append(f"{line.partitions - line.refused - line.owned} without an owner")
    if line.lane == "backfill" and line.lag:
        remarks.append("an import is being folded")
    return ", ".join(remarks)


def _open(facts: Facts) -> list[str]:
    doubts = sum(doubt.entries for doubt in facts.doubts)
    known = "postgres" not in facts.away
    lines = [f"in doubt   {f'{doubts:,} records' if known else 'not visible'}"]
    vault = facts.vault
    if vault is None:
        return [*lines, "requests   not visible", "orders     not visible"]
    due = "" if vault.next_due_ms is None else f", the next due {moment_text(vault.next_due_ms)[:10]}"
    orders = sum(each.open_orders for each in vault.orders)
    return [
        *lines,
        f"requests   {vault.open_requests:,} open, {vault.overdue_requests:,} overdue{due}",
        f"orders     {orders:,} open, {sum(each.overdue_orders for each in vault.orders):,} overdue",
    ]


def _document(facts: Facts, found: list[Finding]) -> dict[str, Any]:
    return {
        "at": moment_text(facts.now_ms),
        "exit_code": exit_code(found),
        "findings": found,
        "away": {name: code for name, (code, _) in facts.away.items()},
        "lanes": lanes(facts),
        "partitions": facts.partitions,
        "doubts": facts.doubts,
        "heartbeats": {name: moment_text(at_ms) for name, at_ms in facts.heartbeats_ms.items()},
        "vault": facts.vault,
        "missing_migrations": facts.missing_migrations,
        "unknown_migrations": facts.unknown_migrations,
    }
