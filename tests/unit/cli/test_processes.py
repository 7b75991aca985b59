"""Processes that outlive the command that started them: found again, and nobody else's ever signalled."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.cli.dev import processes
from ledger.cli.dev.processes import Program
from ledger.errors import Unavailable


def program(folder: Path, *command: str, name: str = "sleeper", stop_seconds: float = 5) -> Program:
    return Program(
        name=name,
        command=command or ("sleep", "60"),
        mark=folder / name,
        log=folder / f"{name}.log",
        stop_seconds=stop_seconds,
    )


def test_a_started_process_is_found_and_stopped(tmp_path: Path) -> None:
    sleeper = program(tmp_path)
    running = processes.start(sleeper)
    try:
        assert processes.find(sleeper) == running
        assert os.getsid(running.pid) == running.pid
    finally:
        assert processes.stop(sleeper)
    assert processes.find(sleeper) is None
    assert not processes.stop(sleeper)


def test_starting_twice_gives_the_one_that_runs(tmp_path: Path) -> None:
    sleeper = program(tmp_path)
    first = processes.start(sleeper)
    try:
        assert processes.start(sleeper) == first
    finally:
        processes.stop(sleeper)


def test_a_process_outlives_a_killed_starter_and_is_known_to_the_next(tmp_path: Path) -> None:
    sleeper = program(tmp_path)
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from ledger.cli.dev import processes\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "sleeper = processes.Program(name='sleeper', command=('sleep', '60'), mark=folder / 'sleeper', "
        "log=folder / 'sleeper.log')\n"
        "processes.start(sleeper)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    starter = subprocess.run([sys.executable, "-c", code], check=False, timeout=30)
    assert starter.returncode == -signal.SIGKILL
    assert processes.find(sleeper) is not None
    assert processes.stop(sleeper)


def test_a_pid_that_the_system_gave_to_somebody_else_is_never_signalled(tmp_path: Path) -> None:
    ours = program(tmp_path)
    processes.start(ours)
    pid, boot, stat = ours.mark.read_text().split("\n")[:3]
    processes.stop(ours)
    foreign = subprocess.Popen(["sleep", "60"])
    try:
        # The mark of a process that has ended, whose pid now belongs to the foreign one.
        ours.mark.write_text(f"{foreign.pid}\n{boot}\n{stat.replace(pid, str(foreign.pid), 1)}\n")
        time.sleep(0.02)
        assert processes.find(ours) is None
        assert not processes.stop(ours)
        assert foreign.poll() is None
    finally:
        foreign.kill()
        foreign.wait()


def test_a_mark_of_an_earlier_boot_counts_as_none(tmp_path: Path) -> None:
    sleeper = program(tmp_path)
    running = processes.start(sleeper)
    text = sleeper.mark.read_text()
    try:
        sleeper.mark.write_text(text.replace(text.split("\n")[1], "00000000-0000-0000-0000-000000000000"))
        assert processes.find(sleeper) is None
    finally:
        os.kill(running.pid, signal.SIGKILL)
        sleeper.mark.write_text(text)
        while processes.find(sleeper):
            time.sleep(0.01)


def test_a_half_written_or_foreign_mark_counts_as_none(tmp_path: Path) -> None:
    sleeper = program(tmp_path)
    for text in ("", "12", "twelve\n\n\n", "999999999\nx\ny\n"):
        sleeper.mark.write_text(text)
        assert processes.find(sleeper) is None


def test_a_process_that_ignores_its_stop_signal_is_ended_by_force(tmp_path: Path) -> None:
    stubborn = program(
        tmp_path,
        sys.executable,
        "-c",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
        stop_seconds=0.2,
    )
    processes.start(stubborn)
    processes.wait_until(lambda: "deaf" in processes.tail(stubborn.log), seconds=10, what="", programs=(stubborn,))
    assert processes.stop(stubborn)
    assert processes.find(stubborn) is None


def test_a_program_that_ends_before_it_is_ready_shows_its_last_lines(tmp_path: Path) -> None:
    failing = program(tmp_path, "sh", "-c", "sleep 0.3; echo the disk is full >&2; exit 1")
    processes.start(failing)
    with pytest.raises(Unavailable) as caught:
        processes.wait_until(lambda: False, seconds=10, what="It did not start", programs=(failing,))
    assert caught.value.code == "service_not_started"
    assert "the disk is full" in caught.value.detail
    assert "has ended" in caught.value.detail


def test_a_program_that_is_not_there_is_told_from_its_log(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no-such-program"):
        processes.start(program(tmp_path, "no-such-program"))


def test_two_commands_on_one_state_folder_do_not_run_at_once(tmp_path: Path) -> None:
    with processes.only_one(tmp_path / "lock"):
        with pytest.raises(Unavailable) as caught, processes.only_one(tmp_path / "lock"):
            pass
        assert caught.value.code == "state_in_use"
    with processes.only_one(tmp_path / "lock"):
        pass


def test_no_setting_of_ours_leaks_into_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_URL", "http://elsewhere")
    printer = Program(
        name="printer",
        command=("sh", "-c", "env; sleep 60"),
        mark=tmp_path / "printer",
        log=tmp_path / "log",
        environment={"LEDGER_API_PORT": "7"},
    )
    processes.start(printer)
    try:
        processes.wait_until(
            lambda: "LEDGER_API_PORT=7" in printer.log.read_text(), seconds=10, what="", programs=(printer,)
        )
        assert "LEDGER_URL" not in printer.log.read_text()
    finally:
        processes.stop(printer)


def test_a_free_port_lies_outside_the_range_of_outgoing_connections() -> None:
    assert 15_000 <= processes.free_port() < 30_000
