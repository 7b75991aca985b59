"""What ``ledger status`` makes of what it saw: findings, worst first, exit codes, and a page that a tired person reads."""

from typing import Any

import pytest

from ledger.cli.status import exit_code, page
from ledger.cli.status_facts import Doubt, Facts, KeyEnd, Orders, Partition, Vault
from ledger.cli.status_findings import findings, lanes

NOW_MS = 1_760_000_000_000
BOUND_SECONDS = 30.0


def partition(lane: str = "live", **changed: Any) -> Partition:
    fields = {
        "controller": "omilon",
        "lane": lane,
        "partition": 0,
        "topic": f"ledger.omilon.{lane}",
        "next_offset": 11,
        "folded_through_ms": NOW_MS - 1_000,
        "refused": None,
        "is_owned": True,
        "end_offset": 11,
    }
    return Partition(**(fields | changed))


def vault(**changed: Any) -> Vault:
    fields: dict[str, Any] = {
        "open_requests": 2,
        "overdue_requests": 0,
        "failing_requests": 0,
        "next_due_ms": NOW_MS + 86_400_000,
        "orders": (),
        "unsent_events": 0,
        "late_events": 0,
        "old_intake_keys": 0,
    }
    return Vault(**(fields | changed))


def facts(*partitions: Partition, **changed: Any) -> Facts:
    fields: dict[str, Any] = {
        "now_ms": NOW_MS,
        "away": {},
        "controllers": ("omilon",),
        "partitions": partitions or (partition(), partition("backfill"), partition("catalogue")),
        "heartbeats_ms": {"fold": NOW_MS - 500, "reactions": NOW_MS - 900},
        "vault": vault(),
    }
    return Facts(**(fields | changed))


def codes(seen: Facts) -> list[str]:
    return [finding.code for finding in findings(seen, BOUND_SECONDS)]


def test_when_all_is_well_the_page_says_so_first() -> None:
    seen = facts()
    assert codes(seen) == []
    assert exit_code([]) == 0
    assert page(seen, []).startswith("All is well")


def test_an_import_that_is_being_folded_is_no_finding() -> None:
    seen = facts(
        partition(),
        partition("backfill", next_offset=1, folded_through_ms=1, end_offset=50_001),
        partition("catalogue"),
    )
    assert codes(seen) == []
    assert "50,000" in page(seen, []) and "an import is being folded" in page(seen, [])


@pytest.mark.parametrize("through_ms", [0, NOW_MS - 31_000])
def test_a_live_lane_that_is_not_folded_makes_checks_stale(through_ms: int) -> None:
    assert codes(facts(partition(folded_through_ms=through_ms))) == ["stale"]


def test_many_controllers_that_are_stale_are_one_finding() -> None:
    late = [partition(controller=f"c{number}", folded_through_ms=NOW_MS - 60_000) for number in range(9)]
    (finding,) = findings(facts(*late, controllers=()), BOUND_SECONDS)
    assert "c0, c1, c2, c3, c4 and 4 more" in finding.what and "60 s ago" in finding.what


def test_a_refused_partition_comes_before_what_follows_from_it() -> None:
    seen = facts(partition(refused="log_recreated", is_owned=False, folded_through_ms=0))
    assert codes(seen) == ["log_recreated"]


def test_partitions_without_an_owner_and_silent_workers_are_told() -> None:
    seen = facts(partition(is_owned=False), heartbeats_ms={"fold": NOW_MS - 120_000})
    assert codes(seen) == ["no_owner", "fold_silent", "reactions_silent"]


def test_a_controller_that_nobody_folds_is_told() -> None:
    assert codes(facts(controllers=("omilon", "klingit"))) == ["never_folded"]


def test_doubts_of_a_controller_are_one_finding_with_their_reasons() -> None:
    doubts = (
        Doubt(controller="omilon", reason="malformed_record", entries=3, without_subject=0),
        Doubt(controller="omilon", reason="unattributable", entries=1, without_subject=1),
    )
    (finding,) = findings(facts(doubts=doubts), BOUND_SECONDS)
    assert "4 records are in doubt (3 malformed_record, 1 unattributable)" in finding.what
    assert "one may be a withdrawal" in finding.what
    assert "--controller omilon" in finding.what_to_do


def test_what_is_overdue_in_the_vault_is_told_with_whom_to_ask() -> None:
    orders = (Orders(holder="crm", open_orders=3, overdue_orders=2, refused_orders=0),)
    seen = facts(
        vault=vault(overdue_requests=1, failing_requests=1, late_events=2, old_intake_keys=7, orders=orders)
    )
    assert codes(seen) == [
        "requests_overdue",
        "orders_overdue",
        "requests_failing",
        "events_unsent",
        "intake_keys_old",
    ]
    assert "orders     3 open, 2 overdue" in page(seen, [])


def test_keys_that_end_and_tables_that_lack_are_told() -> None:
    keys = (
        KeyEnd(prefix="ab12", controller="omilon", source="shop", expires_ms=NOW_MS - 1),
        KeyEnd(prefix="cd34", controller="omilon", source="web", expires_ms=NOW_MS + 1),
    )
    seen = facts(keys=keys, missing_migrations=("0009_control_x",), unknown_migrations=("0099_vault_y",))
    assert codes(seen) == ["not_migrated", "migration_unknown", "api_key_expired", "api_key_expiring"]


def test_a_service_that_is_away_is_said_and_the_rest_is_shown() -> None:
    seen = facts(away={"kafka": ("log_unavailable", "No answer.")}, heartbeats_ms={})
    found = findings(seen, BOUND_SECONDS)
    assert [finding.code for finding in found] == ["log_unavailable"]
    assert exit_code(found) == 3
    assert "kafka      log_unavailable" in page(seen, found)
    assert "fold       not visible" in page(seen, found)
    assert "omilon" in page(seen, found)


def test_a_database_that_says_no_is_not_taken_for_one_that_is_away() -> None:
    seen = facts(away={"vault": ("not_migrated", "The database lacks tables.")}, vault=None)
    found = findings(seen, BOUND_SECONDS)
    assert exit_code(found) == 1
    assert found[0].what_to_do == "Run `ledger migrate`."
    assert "requests   not visible" in page(seen, found)


def test_a_lane_is_as_old_and_as_far_behind_as_all_its_partitions_together() -> None:
    (line,) = lanes(
        facts(
            partition(next_offset=5, end_offset=9, folded_through_ms=NOW_MS - 9_000),
            partition(partition=1, next_offset=3, end_offset=4),
        )
    )
    assert (line.folded, line.lag, line.stale_seconds) == (6, 5, 9.0)
