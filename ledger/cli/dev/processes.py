"""Long-running child processes that outlive the command that started them, and are found again later.

Each has a mark file: its pid and its start time in the kernel's own ticks, written by the process itself before
it becomes the program (a shell writes it, then ``exec``s). So there is no moment at which a killed command
leaves a process behind that nobody knows, and a pid that the system has given to somebody else since is never
signalled: its start differs.
"""

import contextlib
import fcntl
import itertools
import os
import pwd
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypedDict

import msgspec
import psutil

from ledger.errors import Unavailable
from ledger.settings import inherited_environment

__all__ = [
    "Program",
    "Running",
    "as_user",
    "find",
    "free_port",
    "only_one",
    "port_is_free",
    "reap_children",
    "start",
    "stop",
    "tail",
    "wait_until",
]

_WRITE_MARK_THEN_BECOME: Final = """
mark=$1; shift; boot=; line=
if [ -r /proc/$$/stat ]; then read -r line < /proc/$$/stat; read -r boot < /proc/sys/kernel/random/boot_id; fi
printf '%s\\n%s\\n%s\\n' "$$" "$boot" "$line" > "$mark.new" && mv "$mark.new" "$mark" && exec "$@"
"""
_START_TICKS_FIELD: Final = 19
"""Place of ``starttime`` in /proc/PID/stat, counted after the closing parenthesis (proc(5), field 22)."""

_LOG_KEPT_BYTES: Final = 20 * 1024 * 1024
_POLL_SECONDS: Final = 0.02


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. ``stop_signal`` ends it in order; ``user`` is whom to run it as, None for ourselves."""

    name: str
    command: tuple[str, ...]
    mark: Path
    log: Path
    environment: Mapping[str, str] = {}
    stop_signal: int = signal.SIGTERM
    kill_signal: int = signal.SIGKILL
    stop_seconds: float = 20.0
    user: str | None = None


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A process of ours that is alive now."""

    name: str
    pid: int


def start(program: Program) -> Running:
    """Start ``program`` in a session of its own, or return the one that already runs.

    Its output is appended to the log file. It has begun when this returns; whether it is *ready* is the
    caller's question (:func:`wait_until`).
    """
    running = find(program)
    if running is not None:
        return running
    program.mark.unlink(missing_ok=True)
    _keep_log_small(program.log)
    with program.log.open("ab") as log:
        child = subprocess.Popen(
            ["/bin/sh", "-c", _WRITE_MARK_THEN_BECOME, "ledger-dev", str(program.mark), *program.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**inherited_environment(), **program.environment},
            cwd=program.mark.parent,
            **as_user(program.user),
        )
    wait_until(
        lambda: program.mark.exists() or child.poll() is not None,
        seconds=10,
        what=f"{program.name} did not begin",
        programs=(program,),
        alive=False,
    )
    _reaped_later(child)
    if find(program) is None:
        raise Unavailable(
            "service_not_started", f"{program.name} ended as soon as it was started.\n{tail(program.log)}"
        )
    return Running(name=program.name, pid=child.pid)


def find(program: Program) -> Running | None:
    """The running process of ``program`` by its mark, or None. A mark of a dead or foreign process counts as none."""
    try:
        pid_text, boot, stat = program.mark.read_text(encoding="utf-8").split("\n")[:3]
        pid = int(pid_text)
    except (OSError, ValueError):
        return None
    _reap_if_child(pid)
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if stat:
            same = boot == _boot_id() and _start_ticks(stat) == _start_ticks(_stat_line(pid))
        else:  # no /proc (macOS): the mark is written within a moment of the start
            same = abs(process.create_time() - program.mark.stat().st_mtime) < 5
    except (psutil.Error, OSError):
        return None
    return Running(name=program.name, pid=pid) if same else None


def stop(program: Program) -> bool:
    """End ``program`` in order, by force after its grace, and return whether it was running at all."""
    running = find(program)
    if running is None:
        program.mark.unlink(missing_ok=True)
        return False
    for number, seconds in ((program.stop_signal, program.stop_seconds), (program.kill_signal, 10.0)):
        # Found anew each time: between the two the pid may have become somebody else's.
        if find(program) is None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, number)
        deadline = time.monotonic() + seconds
        while find(program) is not None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    if find(program) is not None:
        raise Unavailable("service_not_started", f"{program.name} (pid {running.pid}) does not end.")
    program.mark.unlink(missing_ok=True)
    return True


def wait_until(
    ready: Callable[[], bool], *, seconds: float, what: str, programs: Sequence[Program], alive: bool = True
) -> None:
    """Wait for ``ready``; :class:`Unavailable` with the last log lines when time is up or a program has ended."""
    deadline = time.monotonic() + seconds
    while not ready():
        ended = [program for program in programs if alive and find(program) is None]
        if ended or time.monotonic() > deadline:
            why = f"{ended[0].name} has ended" if ended else f"after {seconds:g} s"
            shown = ended or list(programs)
            logs = "\n".join(f"--- {program.log}\n{tail(program.log)}" for program in shown)
            raise Unavailable("service_not_started", f"{what}: {why}.\n{logs}")
        time.sleep(_POLL_SECONDS)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file, for an error message; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold the state folder's lock: two ``ledger dev`` commands on one folder never run at once."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unavailable("state_in_use", f"Another `ledger dev` command holds {lock}.") from error
        yield


def free_port(avoid: frozenset[int] = frozenset()) -> int:
    """A loopback port that is free now and outside the range the kernel gives to outgoing connections.

    From that range an unlucky connection could take the port between this look and the service's bind.
    """
    start_at = 15_000 + secrets.randbelow(15_000)
    for port in itertools.chain(range(start_at, 30_000), range(15_000, start_at)):
        if port not in avoid and port_is_free(port):
            return port
    raise Unavailable("service_not_started", "No free port between 15000 and 30000.")


def port_is_free(port: int) -> bool:
    """Whether a service could bind ``port`` on the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Identity(TypedDict, total=False):
    """Whom a child runs as, in the words of :mod:`subprocess`; empty for ourselves."""

    user: int
    group: int
    extra_groups: list[int]


def as_user(user: str | None) -> Identity:
    """The identity of the system's user of that name, without any of our own groups."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _keep_log_small(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_KEPT_BYTES:
        log.replace(log.with_suffix(log.suffix + ".old"))


_children: dict[int, subprocess.Popen[bytes]] = {}


def _reaped_later(child: subprocess.Popen[bytes]) -> None:
    # Kept, so that a long-lived starter (the test session) reaps it in find() and Popen does not warn.
    _children[child.pid] = child


def reap_children() -> None:
    """Take note of every child that has ended, also of those that were killed without :func:`stop`."""
    for pid in list(_children):
        _reap_if_child(pid)


def _reap_if_child(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]


def _stat_line(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")


def _start_ticks(stat: str) -> str:
    return stat.rpartition(")")[2].split()[_START_TICKS_FIELD]


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
