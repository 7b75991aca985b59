"""``ledger dev`` as a developer uses it: the real command, the whole stack, ended and crashed and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.services import ROOT, fresh_state

# Several whole stacks are started and ended; a busy machine must not fail a test that asserts no time.
pytestmark = pytest.mark.timeout(400)

SERVICES = ["kafka", "postgres", "fold", "reactions", "api"]
COMPANIES = ("hosting", "klingit", "leetcom", "milkingcloud", "omilon")


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """One state folder for all tests here. Each brings the stack up first, which costs little when it runs."""
    with fresh_state() as folder:
        yield folder


def ledger(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    return subprocess.run(
        [sys.executable, "-m", "ledger.cli.main", *arguments],
        env={**inherited, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )


def up(state: Path) -> dict[str, dict[str, Any]]:
    said = ledger("dev", "up", "--state", str(state), "--json")
    assert said.returncode == 0, said.stderr
    return {service["name"]: service for service in json.loads(said.stdout)}


def status(state: Path) -> tuple[int, dict[str, bool]]:
    said = ledger("dev", "status", "--state", str(state), "--json")
    return said.returncode, {service["name"]: service["running"] for service in json.loads(said.stdout)}


def pids(state: Path) -> dict[str, int]:
    marks = {
        "kafka": state / "kafka" / "process",
        "postgres": state / "postgres" / "process",
        **{name: state / "processes" / name for name in SERVICES[2:]},
    }
    return {name: int(mark.read_text().split("\n")[0]) for name, mark in marks.items() if mark.exists()}


def test_a_machine_without_java_is_told_so_in_one_line(state: Path) -> None:
    empty = state / "empty"
    empty.mkdir()
    said = ledger("dev", "up", "--state", str(state), PATH=str(empty))
    assert said.returncode == 2
    assert "Java is not installed" in said.stderr
    assert "apt-get install openjdk-17-jre-headless" in said.stderr
    assert pids(state) == {}


def test_up_can_be_repeated_and_leaves_alone_what_runs(state: Path) -> None:
    services = up(state)
    assert list(services) == SERVICES
    assert httpx2.get(services["api"]["address"] + "/livez").status_code == 200
    first = pids(state)
    again = ledger("dev", "up", "--state", str(state))
    assert again.stderr == "", "nothing is started or made twice"
    assert pids(state) == first
    assert status(state) == (0, dict.fromkeys(SERVICES, True))


def test_commands_find_the_stack_by_its_env_file(state: Path) -> None:
    up(state)
    shown = json.loads(ledger("settings", "--json", LEDGER_STATE=str(state)).stdout)
    sources = {line["name"]: line["source"] for line in shown}
    assert sources["LEDGER_KAFKA_BOOTSTRAP"] == "state folder"
    migrated = ledger("migrate", LEDGER_STATE=str(state))
    assert migrated.returncode == 0, migrated.stderr
    assert "0 applied now" in migrated.stdout


@pytest.mark.slow
def test_two_stacks_run_side_by_side_and_down_ends_only_its_own(state: Path) -> None:
    one = up(state)
    with fresh_state() as other_state:
        other = up(other_state)
        assert {service["address"] for service in one.values()}.isdisjoint(
            service["address"] for service in other.values()
        )
        down = ledger("dev", "down", "--state", str(other_state), "--json")
        assert sorted(json.loads(down.stdout)["stopped"]) == sorted(SERVICES)
        assert status(other_state) == (3, dict.fromkeys(SERVICES, False))
        assert json.loads(ledger("dev", "down", "--state", str(other_state), "--json").stdout) == {"stopped": []}
    assert status(state) == (0, dict.fromkeys(SERVICES, True))


@pytest.mark.slow
def test_up_recovers_when_everything_was_killed(state: Path) -> None:
    before = up(state)
    for pid in pids(state).values():
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert status(state)[0] == 3
    after = up(state)
    assert status(state) == (0, dict.fromkeys(SERVICES, True))
    assert after["kafka"]["address"] == before["kafka"]["address"]
    listed = json.loads(ledger("controllers", "list", "--json", LEDGER_STATE=str(state)).stdout)
    assert {controller["name"] for controller in listed} == set(COMPANIES)


def test_another_pepper_is_refused_by_name_and_told_without_a_traceback(state: Path) -> None:
    up(state)
    ledger("dev", "down", "--state", str(state))
    pepper = state / "secrets" / "pepper"
    kept = pepper.read_text()
    pepper.write_text(kept[:-5] + "AAA=\n")
    said = ledger("dev", "up", "--state", str(state))
    pepper.write_text(kept)
    assert said.returncode == 2
    assert "secret_mismatch" in said.stderr
    assert "pepper" in said.stderr
    assert "Traceback" not in said.stderr


def test_reset_stops_and_deletes_the_stack_and_keeps_what_is_not_its_own(state: Path) -> None:
    (state / "notes.txt").write_text("mine")
    said = ledger("dev", "reset", "--yes", "--state", str(state))
    assert said.returncode == 0, said.stderr
    assert pids(state) == {}
    assert {path.name for path in state.iterdir()} == {"empty", "notes.txt", "session"}
