"""An import that breaks off goes on where it was, and what stands on the log meanwhile is the safer half."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.domain.envelope import Lane
from ledger.errors import Conflict, Unavailable
from ledger.importing.checkpoint import Checkpoint
from ledger.importing.job import Job, Progress, carry_out
from ledger.importing.lists import Rules
from ledger.importing.opening import Services
from ledger.settings import OperatorSettings, load, secret_files
from tests.support.catalogue import small_catalogue
from tests.support.shop import PLAIN, Logged, Run, Shop

pytestmark = pytest.mark.services

Do = Callable[[Any], Any]
Write = Callable[..., Path]
AGREED = "2023-05-01 10:00:00,2023-05-01 10:01:00"
LEFT = "2024-01-01 00:00:00"
GIVE_UP_SECONDS = 60.0


def rows(count: int, *, left_every: int) -> list[str]:
    return [f"person-{n}@example.se,{AGREED},{LEFT if n % left_every == 0 else ''}," for n in range(count)]


async def imported(
    shop: Shop,
    path: Path,
    told: Callable[[Progress], None] = lambda _: None,
    *,
    bootstrap: str | None = None,
    cache_seconds: float = 60.0,
) -> Any:
    """The same import as over the command line, with somebody watching."""
    dsn, operator = shop.stack.dsn, load(OperatorSettings, shop.stack.environment)
    services = Services(
        bootstrap or shop.stack.bootstrap, dsn, dsn, secret_files(operator), cache_seconds, 60.0
    )
    job = Job(
        path=path, controller=shop.name, rules=Rules(now_ms=time.time_ns() // 1_000_000), purpose="newsletter",
        channel="email", notice="signup@1", tag_purposes={}, source="list-import", times_exact=False,
        state=path.with_name("members.csv.ledger-import"), rejects=path.with_name("members.csv.rejected.csv"),
    )  # fmt: skip

    async def catalogue_of(controller: str) -> Any:
        return small_catalogue(controller)

    return await carry_out(job, services, catalogue_of, agree=lambda _: True, on_progress=told)


def different(events: list[Logged]) -> set[bytes]:
    return {one.event.envelope.event_id for one in events}


def checkpoint(path: Path) -> Checkpoint:
    written = (path.with_name(f"{path.name}.ledger-import") / "checkpoint.json").read_bytes()
    assert b"@" not in written and b"example" not in written
    return msgspec.json.decode(written, type=Checkpoint)


def test_every_unsubscribe_of_the_file_is_acknowledged_before_the_first_grant(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    """Also those at the end of the file (races.md, D22)."""
    stages: list[tuple[str, int, int]] = []
    path = write(*rows(1_500, left_every=3)[::-1])
    do(imported(shop, path, lambda now: stages.append((now.stage, now.unsubscribes, now.grants))))
    assert {grants for stage, _, grants in stages if stage in ("survey", "noes")} == {0}
    assert {unsubscribes for stage, unsubscribes, _ in stages if stage in ("yeses", "done")} == {500}
    assert len(do(shop.events(Lane.LIVE))) == 500 and len(do(shop.events(Lane.BACKFILL))) == 1_500


def test_a_file_that_changes_during_the_run_stops_it_and_the_restored_one_goes_on(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    path = write(*rows(3_000, left_every=1))
    content = path.read_bytes()

    def meddle(now: Progress) -> None:
        if now.stage == "noes" and now.unsubscribes and path.read_bytes() == content:
            path.write_bytes(content + b"late@example.se,,,,\n")

    with pytest.raises(Conflict, match="file_changed_while_read"):
        do(imported(shop, path, meddle))
    reached = checkpoint(path)
    assert reached.at == "noes" and 0 < reached.unsubscribes < 3_000
    assert do(shop.events(Lane.BACKFILL)) == []

    other = run(shop, path, "--yes")
    assert other.code == 2 and "file_changed:" in other.err
    path.write_bytes(content)
    otherwise = run(shop, path, "--tag-purpose", "vip=profiling", "--yes")
    assert otherwise.code == 2 and "import_changed" in otherwise.err
    again = run(shop, path, "--yes", "--json")
    assert again.code == 0, again.err
    assert again.document["recorded"]["went_on_after_line"] == reached.line
    assert (again.document["recorded"]["unsubscribes"], again.document["recorded"]["grants"]) == (3_000, 3_000)
    assert len(different(do(shop.events(Lane.LIVE)))) == 3_000
    assert len(different(do(shop.events(Lane.BACKFILL)))) == 3_000


def test_an_import_that_cannot_append_in_time_asks_for_the_people_anew(
    shop: Shop, write: Write, do: Do
) -> None:
    """An erasure does not wait longer for whoever resolved somebody before it (races.md, D3)."""
    path = write(*rows(20, left_every=2))
    proxy, bootstrap = shop.stack.kafka_proxy()

    async def behind_a_stalled_line() -> Any:
        def stall(now: Progress) -> None:
            if now.stage == "survey":
                proxy.stall()
                asyncio.get_running_loop().call_later(2.5, proxy.restore)

        return await imported(shop, path, stall, bootstrap=bootstrap, cache_seconds=1.0)

    try:
        report = do(behind_a_stalled_line())
    finally:
        proxy.close()
    assert (report.recorded.unsubscribes, report.recorded.grants) == (10, 20)
    assert (len(do(shop.events(Lane.LIVE))), len(do(shop.events(Lane.BACKFILL)))) == (10, 20)


def test_under_ids_that_are_always_too_old_nothing_is_appended(shop: Shop, write: Write, do: Do) -> None:
    with pytest.raises(Unavailable, match="log_unavailable"):
        do(imported(shop, write(*rows(20, left_every=2)), cache_seconds=0.0))
    assert do(shop.events(Lane.LIVE)) == [] and do(shop.events(Lane.BACKFILL)) == []


@pytest.mark.faults
@pytest.mark.parametrize("stage", ["noes", "yeses"])
def test_a_killed_import_goes_on_and_every_answer_counts_once(
    shop: Shop, run: Run, write: Write, do: Do, stage: str, tmp_path: Path
) -> None:
    path = write(*rows(6_000, left_every=1))
    command = [sys.executable, "-m", "ledger.cli.main", "list", "import", str(path), "--controller", shop.name, *PLAIN, "--yes"]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(command, env=os.environ | shop.stack.environment, stdout=said, stderr=said)
        try:
            _wait_for(path, stage, process)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    reached = checkpoint(path)
    assert reached.at == stage and reached.line > 0
    if stage == "noes":
        assert do(shop.events(Lane.BACKFILL)) == []
    again = run(shop, path, "--yes", "--json")
    assert again.code == 0, again.err
    assert again.document["recorded"]["went_on_after_line"] == reached.line
    live, backfill = do(shop.events(Lane.LIVE)), do(shop.events(Lane.BACKFILL))
    assert (len(different(live)), len(different(backfill))) == (6_000, 6_000)
    assert len({one.subject_id for one in backfill}) == 6_000


def _wait_for(path: Path, stage: str, process: "subprocess.Popen[bytes]") -> None:
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up_at:
        assert process.poll() is None, "the import ended before it could be killed"
        try:
            reached = checkpoint(path)
        except FileNotFoundError:
            reached = None
        if reached is not None and reached.at == stage and reached.line:
            return
        time.sleep(0.002)
    raise AssertionError(f"the import did not reach {stage}")
