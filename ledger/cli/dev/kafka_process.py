"""The Kafka broker of a local stack: one KRaft node on loopback ports, from the jars that Maven fetched."""

import base64
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from string import Template
from typing import Final

import msgspec

from ledger.cli.dev import kafka_jars
from ledger.cli.dev.java import find_java
from ledger.cli.dev.kafka_jars import Jars
from ledger.cli.dev.processes import Program, find, free_port, port_is_free, start, stop, tail, wait_until
from ledger.cli.output import progress
from ledger.errors import Unavailable

__all__ = ["KafkaProcess", "ensure_jars"]

_READY_SECONDS: Final = 120


class _Ports(msgspec.Struct, frozen=True):
    """The broker's loopback ports, kept between runs; nothing listens on ``proxy_port`` but a test's proxy."""

    port: int
    controller_port: int
    detour_port: int
    proxy_port: int


class KafkaProcess(msgspec.Struct, frozen=True, kw_only=True):
    """The broker whose state is ``folder``. ``quick`` trades peak speed for start-up time, for tests.

    ``makes_archive`` lets the JVM write the class archive when it ends; every other run only reads it.
    """

    folder: Path
    log: Path
    jars: Jars
    quick: bool = False
    makes_archive: bool = False

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._ports().port}"

    @property
    def detour(self) -> tuple[int, int]:
        """(port at which the broker takes clients of a proxy, port at which that proxy has to listen)."""
        ports = self._ports()
        return ports.detour_port, ports.proxy_port

    def program(self, command: tuple[str, ...] = ()) -> Program:
        """The broker's program. To find or stop it no command is needed."""
        return Program(
            name="kafka",
            command=command,
            mark=self.folder / "process",
            log=self.log,
            stop_signal=signal.SIGTERM,
            stop_seconds=30,
        )

    def begin(self) -> bool:
        """Start the broker unless it runs; return whether it was started now. Ready only after :meth:`wait`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if find(self.program()) is not None:
            return False
        java = find_java()
        self._configure()
        self._format(java)
        start(self.program((*self._java(java, quick=self.quick), "kafka.Kafka", str(self._configuration))))
        return True

    def wait(self) -> None:
        """Return when the broker takes connections, or raise :class:`Unavailable` with its last log lines."""
        wait_until(self._answers, seconds=_READY_SECONDS, what="Kafka did not become ready", programs=(self.program(),))

    def stop(self) -> bool:
        """Stop the broker in order; return whether it was running."""
        return stop(self.program())

    def is_configured(self) -> bool:
        """Whether it has been started here before, so that it has ports."""
        return (self.folder / "ports.json").exists()

    def is_running(self) -> bool:
        """Whether the broker's process is alive and answers on its port."""
        return self.is_configured() and find(self.program()) is not None and self._answers()

    @property
    def _configuration(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _answers(self) -> bool:
        # The broker opens its port as its last step; nothing accepts a connection before that.
        try:
            socket.create_connection(("127.0.0.1", self._ports().port), timeout=1).close()
        except OSError:
            return False
        return True

    def _ports(self) -> "_Ports":
        return msgspec.json.decode((self.folder / "ports.json").read_bytes(), type=_Ports)

    def _configure(self) -> None:
        """Write the configuration, with the ports of the last run unless somebody else has taken one."""
        file = self.folder / "ports.json"
        if not file.exists() or not all(map(port_is_free, msgspec.structs.astuple(self._ports()))):
            chosen: set[int] = set()
            for _ in msgspec.structs.fields(_Ports):
                chosen.add(free_port(frozenset(chosen)))
            file.write_bytes(msgspec.json.encode(_Ports(*chosen)))
        self._configuration.write_text(self._configured_for(self._data), encoding="utf-8")

    def _configured_for(self, data: Path) -> str:
        template = Template((self.jars.pom.parent / "server.properties.template").read_text(encoding="utf-8"))
        return template.substitute(msgspec.structs.asdict(self._ports()), data=data)

    def _format(self, java: str) -> None:
        """Make the storage folder once; into a folder beside, so that a killed run leaves nothing half-made.

        The folder has a name of its own, since the format tool of a killed run may still be writing to the last one.
        """
        for left in self.folder.glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)
        if self._data.exists():
            return
        fresh = self.folder / f"new-{os.urandom(4).hex()}"
        fresh.mkdir()
        configuration = fresh / "format.properties"
        configuration.write_text(self._configured_for(fresh / "data"), encoding="utf-8")
        cluster_id = base64.urlsafe_b64encode(os.urandom(16)).decode("ascii").rstrip("=")
        command = (
            *self._java(java, quick=True, archive_allowed=False),
            "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config", str(configuration),
        )  # fmt: skip
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if said.returncode != 0:
            raise Unavailable("service_not_started", f"Kafka's storage could not be made:\n{said.stdout}{said.stderr}")
        (fresh / "data").rename(self._data)
        shutil.rmtree(fresh)

    def _java(self, java: str, *, quick: bool, archive_allowed: bool = True) -> tuple[str, ...]:
        # Serial collector: the heap is small, and two cores are shared with Postgres and the workers.
        speed = ("-Xms128m", "-Xmx512m", "-XX:TieredStopAtLevel=1") if quick else ("-Xms256m", "-Xmx768m")
        archive = self.jars.class_archive
        if self.makes_archive and archive_allowed:
            classes: tuple[str, ...] = (f"-XX:ArchiveClassesAtExit={archive}",)
        else:
            classes = (f"-XX:SharedArchiveFile={archive}",) if archive.is_file() else ()
        return (
            java, *speed, *classes, "-XX:+UseSerialGC", "-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr",
            "-Djava.awt.headless=true", "-Dlog4j2.disableJmx=true",
            f"-Dlog4j2.configurationFile={self.jars.logging}", "-cp", f"{self.jars.library}/*",
        )  # fmt: skip


def ensure_jars() -> Jars:
    """The broker's jars, fetched now if they are missing or the POM has changed, with their class archive."""
    jars = kafka_jars.locate()
    if not kafka_jars.is_fetched(jars):
        find_java()
        progress("Fetching the Kafka broker (once)")
        kafka_jars.fetch(jars)
        _make_class_archive(jars)
        kafka_jars.seal(jars)
    return jars


def _make_class_archive(jars: Jars) -> None:
    """Run the broker once and let the JVM archive the classes that it loaded."""
    trial = KafkaProcess(folder=jars.folder / "trial", log=jars.folder / "trial.log", jars=jars, quick=True, makes_archive=True)
    shutil.rmtree(trial.folder, ignore_errors=True)
    try:
        trial.begin()
        trial.wait()
    finally:
        trial.stop()
    if not jars.class_archive.is_file():
        progress(f"No class archive was made, so Kafka starts more slowly:\n{tail(trial.log)}")
    shutil.rmtree(trial.folder, ignore_errors=True)
