"""How ``ledger catalogue`` shows a plan of publishing and the versions there are, for readers and for programs."""

from typing import Any

from ledger.audit.publishing import Plan
from ledger.domain.catalogue import Catalogue, Hold
from ledger.domain.moments import moment_text
from ledger.event_log.catalogue_log import PublishedVersion

__all__ = ["plan_document", "plan_text", "shown_document", "shown_text"]


def plan_document(outcome: Plan, dry_run: bool) -> dict[str, Any]:
    """What publishing does, or would do."""
    return {
        "controller": outcome.controller,
        "version": outcome.version,
        "digest": outcome.digest.hex(),
        "effective_from": moment_text(outcome.effective_from_ms),
        "published": outcome.writes and not dry_run,
        "already_published": not outcome.writes,
        "changes": outcome.changes,
    }


def plan_text(outcome: Plan, dry_run: bool) -> str:
    """The changes, one a line, and from when they hold."""
    name = f"{outcome.controller} version {outcome.version}"
    when = moment_text(outcome.effective_from_ms)
    if not outcome.writes:
        return f"{name} is published already with the same content, in effect from {when}"
    lines = [str(change) for change in outcome.changes]
    lines.append(f"{name} {'would take' if dry_run else 'is published and takes'} effect from {when}")
    lines.append(f"content {outcome.digest.hex()}")
    return "\n".join(lines)


def shown_document(
    controller: str,
    versions: list[PublishedVersion],
    standing: PublishedVersion | None,
    catalogue: Catalogue | None,
) -> dict[str, Any]:
    """The published versions, and the whole catalogue in force."""
    listed = [
        {
            "version": version.version,
            "effective_from": moment_text(version.effective_from_ms),
            "recorded_at": moment_text(version.broker_ms),
            "offset": version.offset,
            "digest": version.digest.hex(),
        }
        for version in versions
    ]
    in_force_version = standing.version if standing else None
    return {
        "controller": controller,
        "versions": listed,
        "in_force": in_force_version,
        "catalogue": catalogue,
    }


def shown_text(
    controller: str,
    versions: list[PublishedVersion],
    standing: PublishedVersion | None,
    catalogue: Catalogue | None,
) -> str:
    """The published versions, and purposes, holders and holds of the one in force."""
    if not versions:
        return f"{controller} has published no catalogue"
    lines = []
    for version in versions:
        mark = "*" if standing is not None and version.version == standing.version else " "
        lines.append(
            f"{mark} version {version.version}  from {moment_text(version.effective_from_ms)}  "
            f"recorded {moment_text(version.broker_ms)}  {version.digest.hex()[:16]}"
        )
    if catalogue is not None:
        lines += ["", *_purpose_lines(catalogue), "", "  notices: " + ", ".join(catalogue.notices)]
        lines += _holder_lines(catalogue) + _hold_lines(catalogue)
    return "\n".join(lines)


def _purpose_lines(catalogue: Catalogue) -> list[str]:
    width = max(map(len, catalogue.purposes), default=0)
    return [
        f"  {key:{width}}  {purpose.basis.value:22}{purpose.message_class:18}"
        f"{', '.join(purpose.channels) or 'no channel'}"
        for key, purpose in catalogue.purposes.items()
    ]


def _holder_lines(catalogue: Catalogue) -> list[str]:
    if not catalogue.holders:
        return []
    width = max(map(len, catalogue.holders))
    return ["", "  holders, with what erases there, the days to answer, and how well it must be known:"] + [
        f"  {key:{width}}  {holder.kind:10}{holder.method:10}{holder.deadline_days:3} days  "
        f"V{holder.verification}  {', '.join(holder.categories) or 'everything'}"
        for key, holder in catalogue.holders.items()
    ]


def _hold_lines(catalogue: Catalogue) -> list[str]:
    if not catalogue.holds:
        return []
    width = max(map(len, catalogue.holds))
    return ["", "  holds, with their end, whom they apply to, and what they keep:"] + [
        f"  {key:{width}}  {_ends(hold):26}{hold.applies:8}{', '.join(hold.categories)}"
        for key, hold in catalogue.holds.items()
    ]


def _ends(hold: Hold) -> str:
    counted = [f"{count} {name}" for count, name in ((hold.years, "years"), (hold.months, "months")) if count]
    return ", ".join(counted + (["end of year"] if hold.until_year_end else []))
