"""What ``ledger list import`` shows: how a file is understood, what would be recorded, and what was."""

from typing import Any

import msgspec

from ledger.importing.job import Report
from ledger.importing.survey import Survey

__all__ = ["document", "recorded_text", "survey_text"]

SHOWN_PAIRS = 10
_SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}


def document(report: Report, *, dry_run: bool) -> dict[str, Any]:
    """The outcome as one object."""
    found = report.survey
    return {
        "controller": report.controller,
        "dry_run": dry_run,
        "findings": found.has_findings,
        "survey": msgspec.to_builtins(found),
        "recorded": msgspec.to_builtins(report.recorded),
        "rejects": report.rejects,
    }


def survey_text(report: Report) -> str:
    """How the file is understood, its first lines masked, and the counts."""
    found = report.survey
    separator = _SEPARATOR_NAMES.get(found.separator, found.separator)
    lines = [f"{found.encoding}, separated by {separator}, quoted by {found.quote}", ""]
    lines.append("Columns" + (" (guessed; name them with --map if this is wrong)" if found.columns_guessed else ""))
    lines += [f"  {field:16}{name}" for field, name in found.columns.items()]
    lines += ["", "The first lines, masked", *_preview(found), "", *_counts(found)]
    if found.opposite_lines:
        lines += ["", "Lines of one person that say opposite things; the unsubscribe stands"]
        lines += [f"  yes in line {pair.yes_line}, no in line {pair.no_line}" for pair in found.opposite_lines[:SHOWN_PAIRS]]
        if found.counts.opposites > SHOWN_PAIRS:
            lines.append(f"  and {found.counts.opposites - SHOWN_PAIRS:,} more (--json lists up to 1,000)")
    if report.rejects is not None:
        lines += ["", f"Rejected lines are in {report.rejects}: it holds addresses and only you may read it."]
    return "\n".join(lines)


def recorded_text(report: Report) -> str | None:
    """What is on the log now, or nothing."""
    done = report.recorded
    if done is None:
        return None
    rows = [("unsubscribes recorded", done.unsubscribes), ("grants recorded", done.grants)]
    rows += [(f"grants left out: {code}", count) for code, count in sorted(done.left_out.items())]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:{width}}  {count:>11,}" for name, count in rows]
    if done.went_on_after_line is not None:
        lines.append(f"went on after line {done.went_on_after_line:,} of a run that broke off")
    lines.append(f"unsubscribes hold from position {done.unsubscribes_position}")
    lines.append(f"all of it holds from position {done.position}")
    if done.folded:
        lines.append("all of it is folded")
    return "\n".join(lines)


def _preview(found: Survey) -> list[str]:
    if not found.preview:
        return ["  (none)"]
    names = list(found.preview[0])
    widths = {name: max(len(name), *(len(line.get(name, "")) for line in found.preview)) for name in names}
    rows = [{name: name for name in names}, *found.preview]
    return ["  " + "  ".join(row.get(name, "").ljust(widths[name]) for name in names).rstrip() for row in rows]


def _counts(found: Survey) -> list[str]:
    counts = found.counts
    rows = [
        ("lines", counts.lines),
        ("grants", counts.grants),
        ("unsubscribes", counts.unsubscribes),
        ("both: agreed once, and has left", counts.both),
        ("neither", counts.neither),
        ("people not known yet", counts.new_people),
        ("lines about a person of an earlier line", counts.repeated_people),
        ("people with opposite answers", counts.opposites),
    ]
    rows += [(f"rejected: {code}", count) for code, count in sorted(counts.rejected.items())]
    rows += [(f"unsubscribes without their time: {code}", count) for code, count in sorted(counts.dropped.items())]
    if counts.unsubscribes_without_person:
        rows.append(("UNSUBSCRIBES OF NOBODY WHO CAN BE FOUND", counts.unsubscribes_without_person))
    width = max(len(name) for name, _ in rows)
    return [f"{name:{width}}  {count:>11,}" for name, count in rows]
