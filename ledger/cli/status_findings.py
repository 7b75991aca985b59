"""What is wrong, in the order in which an operator should deal with it, and what to do about each. Pure.

A finding is something that a person must do. An import that is being folded, or a request within its time, is none.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

import msgspec

from ledger.cli.status_facts import Doubt, Facts, Partition, Vault
from ledger.domain.moments import moment_text
from ledger.errors import ERROR_CODES

__all__ = ["Finding", "findings", "lanes", "staleness_seconds"]

HEARTBEAT_LATE_MS: Final = 30_000
MAX_NAMES: Final = 5
# Lanes that a decision is as old as; the backfill lane may be behind for hours.
_ASKED: Final = ("live", "catalogue")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. ``away``: a service did not answer, so there may be more that is not seen."""

    code: str
    what: str
    what_to_do: str
    away: bool = False


class LaneLine(msgspec.Struct, frozen=True, kw_only=True):
    """One lane of a controller, over its partitions. ``lag`` is None when Kafka did not say where they end."""

    controller: str
    lane: str
    partitions: int
    folded: int
    lag: int | None
    stale_seconds: float | None
    refused: int
    owned: int


def findings(facts: Facts, bound_seconds: float) -> list[Finding]:
    """Everything that needs a person, worst first."""
    return [
        *_away(facts),
        *_tables(facts),
        *_refused(facts.partitions),
        *_stale(facts, bound_seconds),
        *_never_folded(facts),
        *_workers(facts),
        *_doubts(facts.doubts),
        *(_of_vault(facts.vault, facts.now_ms) if facts.vault is not None else ()),
        *_keys(facts),
    ]


def lanes(facts: Facts) -> list[LaneLine]:
    """The partitions summed up by controller and lane."""
    grouped: dict[tuple[str, str], list[Partition]] = {}
    for each in facts.partitions:
        grouped.setdefault((each.controller, each.lane), []).append(each)
    return [
        LaneLine(
            controller=controller,
            lane=lane,
            partitions=len(found),
            folded=sum(each.next_offset - 1 for each in found),
            lag=None if any(each.lag is None for each in found) else sum(each.lag or 0 for each in found),
            stale_seconds=staleness_seconds(found, facts.now_ms),
            refused=sum(each.refused is not None for each in found),
            owned=sum(each.is_owned for each in found),
        )
        for (controller, lane), found in grouped.items()
    ]


def staleness_seconds(partitions: Iterable[Partition], now_ms: int) -> float | None:
    """The age of the oldest; None when one was never known to be folded to its end."""
    through = [each.folded_through_ms for each in partitions]
    if not through or min(through) == 0:
        return None
    return max(0, now_ms - min(through)) / 1000


def _away(facts: Facts) -> Iterator[Finding]:
    told = {
        "kafka": (
            "Nothing can be recorded until it is back, and checks are denied as stale after a while.",
            "Look at the brokers; LEDGER_KAFKA_BOOTSTRAP says where this command looked.",
        ),
        "postgres": (
            "Every check is denied until it is back.",
            "Look at the database server; LEDGER_POSTGRES_DSN says where this command looked.",
        ),
        "vault": (
            "Rights requests and orders are not seen here.",
            "If the vault is a database of its own, set LEDGER_VAULT_DSN; otherwise look at its server.",
        ),
    }
    for what, (code, detail) in facts.away.items():
        meaning, what_to_do = told[what]
        known = ERROR_CODES.get(code)
        # A database that answers and says no is another matter than one that is away.
        if known is not None and not known.retryable:
            what_to_do = known.what_to_do
        yield Finding(
            code=code,
            what=f"{what}: {detail} {meaning}",
            what_to_do=what_to_do,
            away=known is None or known.retryable,
        )


def _tables(facts: Facts) -> Iterator[Finding]:
    if facts.missing_migrations:
        names = ", ".join(facts.missing_migrations)
        yield Finding(
            code="not_migrated", what=f"The database lacks {names}.", what_to_do="Run `ledger migrate`."
        )
    if facts.unknown_migrations:
        entry = ERROR_CODES["migration_unknown"]
        names = ", ".join(facts.unknown_migrations)
        yield Finding(code=entry.code, what=f"{entry.meaning} ({names})", what_to_do=entry.what_to_do)


def _refused(partitions: Iterable[Partition]) -> Iterator[Finding]:
    for each in partitions:
        if each.refused is not None:
            entry = ERROR_CODES[each.refused]
            yield Finding(
                code=each.refused,
                what=f"{each.topic}, partition {each.partition}, is refused and its people are denied: {entry.meaning}",
                what_to_do=entry.what_to_do,
            )


def _stale(facts: Facts, bound_seconds: float) -> Iterator[Finding]:
    """One finding for all controllers: what makes one of them stale mostly makes all of them so."""
    late = [
        line
        for line in lanes(facts)
        if line.lane in _ASKED
        and not line.refused
        and (line.stale_seconds is None or line.stale_seconds > bound_seconds)
    ]
    if late:
        names = list(dict.fromkeys(line.controller for line in late))
        worst = max(late, key=lambda line: float("inf") if line.stale_seconds is None else line.stale_seconds)
        since = (
            "was never known to be folded to its end"
            if worst.stale_seconds is None
            else f"was last folded to its end {_duration(worst.stale_seconds)} ago"
        )
        yield Finding(
            code="stale",
            what=f"Checks are denied as stale for {_listed(names)}: the {worst.lane} lane of {worst.controller} {since}.",
            what_to_do="See that a fold worker runs (`ledger worker fold`) and reaches Kafka; its log says what it waits for.",
        )


def _never_folded(facts: Facts) -> Iterator[Finding]:
    seen = {each.controller for each in facts.partitions}
    for name in facts.controllers:
        if name not in seen:
            yield Finding(
                code="never_folded",
                what=f"{name} was never folded, so everything is denied to its people.",
                what_to_do="Run `ledger topics plan`, and see that a fold worker runs for this controller.",
            )


def _workers(facts: Facts) -> Iterator[Finding]:
    orphans = [each for each in facts.partitions if not each.is_owned and each.refused is None]
    if orphans:
        names = sorted({each.controller for each in orphans})
        yield Finding(
            code="no_owner",
            what=f"No fold worker owns {len(orphans)} of {len(facts.partitions)} partitions ({_listed(names)}).",
            what_to_do="Start `ledger worker fold`, or see in its log why it does not take them.",
        )
    if "kafka" in facts.away:
        return
    for name, what in (("fold", "The fold worker"), ("reactions", "The reactions worker")):
        at_ms = facts.heartbeats_ms.get(name)
        if at_ms is None or facts.now_ms - at_ms > HEARTBEAT_LATE_MS:
            last = (
                "gives no sign of life"
                if at_ms is None
                else f"gave its last sign of life {_ago(facts.now_ms, at_ms)}"
            )
            yield Finding(
                code=f"{name}_silent",
                what=f"{what} {last}.",
                what_to_do=f"Start `ledger worker {name}`, or read its log.",
            )


def _doubts(doubts: Iterable[Doubt]) -> Iterator[Finding]:
    """One finding for each controller, with its reasons."""
    for controller, found in groupby(doubts, key=lambda doubt: doubt.controller):
        reasons = list(found)
        count = sum(each.entries for each in reasons)
        without = sum(each.without_subject for each in reasons)
        names = ", ".join(f"{each.entries} {each.reason}" for each in reasons)
        told = f"{controller}: {'1 record is' if count == 1 else f'{count:,} records are'} in doubt ({names})"
        if without < count:
            told += ", and everything is denied to whom they are about"
        if without:
            told += f"; whose {without} of them {'is' if without == 1 else 'are'} nobody can tell, and one may be a withdrawal"
        yield Finding(
            code="in_doubt",
            what=f"{told}.",
            what_to_do=f"`ledger quarantine list --controller {controller}`; `show` says of each what to do.",
        )


def _of_vault(vault: Vault, now_ms: int) -> Iterator[Finding]:
    if vault.overdue_requests:
        yield Finding(
            code="requests_overdue",
            what=f"{vault.overdue_requests} of {vault.open_requests} rights requests are past their legal date.",
            what_to_do="Look at each of them now: `ledger requests list --overdue` tells what it waits for.",
        )
    for orders in vault.orders:
        if orders.overdue_orders or orders.refused_orders:
            yield Finding(
                code="orders_overdue" if orders.overdue_orders else "orders_refused",
                what=f"{orders.holder}: {orders.overdue_orders} erasure orders overdue, {orders.refused_orders} refused.",
                what_to_do=f"Ask whoever runs {orders.holder}; an open order is sent again by itself.",
            )
    if vault.failing_requests:
        yield Finding(
            code="requests_failing",
            what=f"{vault.failing_requests} rights requests did not get on at their last try.",
            what_to_do="`ledger requests show` tells the error; they are tried again by themselves.",
        )
    if vault.late_events:
        yield Finding(
            code="events_unsent",
            what=f"The vault owes the log {vault.late_events} events for more than a minute.",
            what_to_do="See that a reactions worker runs and reaches Kafka.",
        )
    if vault.old_intake_keys:
        yield Finding(
            code="intake_keys_old",
            what=f"{vault.old_intake_keys} idempotency keys are kept longer than their seven days.",
            what_to_do="See that an API process runs: it deletes them; its log tells of purge_failed.",
        )


def _keys(facts: Facts) -> Iterator[Finding]:
    for key in facts.keys:
        is_over = key.expires_ms <= facts.now_ms
        when = moment_text(key.expires_ms)[:10]
        yield Finding(
            code="api_key_expired" if is_over else "api_key_expiring",
            what=f"{key.controller}: the API key {key.prefix} of {key.source} {'expired' if is_over else 'expires'} on {when}.",
            what_to_do="Make a new one (`ledger api-keys create`), hand it over, then revoke this one.",
        )


def _listed(names: list[str]) -> str:
    """A few of the names, and how many more there are."""
    shown = ", ".join(names[:MAX_NAMES])
    return shown if len(names) <= MAX_NAMES else f"{shown} and {len(names) - MAX_NAMES} more"


def _ago(now_ms: int, at_ms: int) -> str:
    return f"{_duration((now_ms - at_ms) / 1000)} ago"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
