"""The local stack as a whole: Kafka, Postgres, secrets, tables, controllers, workers and API, in one folder.

The life of ``up``: broker and database start side by side and are waited for; the ``env`` file is written;
secrets and tables are made; a controller is created for each catalogue found; workers and API start and are
waited for. Every step is skipped when it is done already, so a killed ``up`` is mended by the next one.
"""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from ledger.cli.dev.kafka_jars import locate
from ledger.cli.dev.kafka_process import KafkaProcess, ensure_jars
from ledger.cli.dev.ledger_process import LedgerProcess
from ledger.cli.dev.postgres_process import PostgresProcess
from ledger.cli.dev.processes import Program, free_port, only_one, reap_children, stop
from ledger.cli.dev.provision import create_controllers, make_secrets, make_shared_topics, make_tables
from ledger.cli.output import progress
from ledger.errors import ConfigurationError
from ledger.vault.secrets import SECRET_FILES

__all__ = ["DevStack", "ServiceStatus"]

_MARKER: Final = "consent-ledger local stack\n"
_OWN_ENTRIES: Final = ("env", "kafka", "logs", "ports.json", "postgres", "processes", "secrets", "stack", "lock")
"""What ``up`` makes in the state folder and ``reset`` deletes. The jars beside it are kept."""


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One service: whether it runs, where it is reached, and where its log is."""

    name: str
    running: bool
    address: str | None
    log: str


class DevStack(msgspec.Struct, frozen=True, kw_only=True):
    """The stack whose state is the folder ``state``. ``quick`` starts the broker for tests."""

    state: Path
    quick: bool = False
    extra: Mapping[str, str] = {}

    @property
    def kafka(self) -> KafkaProcess:
        return KafkaProcess(folder=self.state / "kafka", log=self._log("kafka"), jars=locate(), quick=self.quick)

    @property
    def postgres(self) -> PostgresProcess:
        return PostgresProcess(folder=self.state / "postgres", log=self._log("postgres"))

    def up(self) -> None:
        """Start all that does not run, and return when every service says that it is ready."""
        self._make_state()
        with only_one(self.state / "lock"):
            self._start_services()
            environment = self.environment()
            self._provide(environment)
            for what in asyncio.run(create_controllers(environment)):
                progress(f"Made the {what}")
            processes = self.processes()
            started = [process for process in processes if process.begin()]
            if started:
                progress("Starting " + ", ".join(process.name for process in started))
            for process in processes:
                process.wait()

    def up_services(self) -> None:
        """Start Kafka and Postgres alone, with tables and secrets: what a test session shares."""
        self._make_state()
        with only_one(self.state / "lock"):
            self._start_services()
            self._provide(self.environment())

    def down(self) -> list[str]:
        """Stop what ``up`` started, workers first, and return the names of what was running."""
        if not (self.state / "stack").exists():
            return []
        with only_one(self.state / "lock"):
            return self.stop_all()

    def stop_all(self) -> list[str]:
        """Stop every process of ours that the state folder knows, and return the names of what was running."""
        # By their marks and not by a list in code: what another version or a test started is found as well.
        marks = sorted(path.with_suffix("") for path in (self.state / "processes").glob("*.settings"))
        programs = [Program(name=mark.name, command=(), mark=mark, log=self._log(mark.name)) for mark in marks]
        # Workers and API before the services that they use; among themselves all at once.
        stopped = _stop_together(programs) + _stop_together([self.kafka.program(), self.postgres.program()])
        reap_children()
        return stopped

    def reset(self) -> None:
        """Stop the stack and delete its data. The caller has asked for confirmation."""
        if not (self.state / "stack").exists():
            raise ConfigurationError(
                "stack_not_running", f"{self.state} is no state folder of a local stack; nothing is deleted."
            )
        self.down()
        for entry in _OWN_ENTRIES:
            path = self.state / entry
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def status(self) -> list[ServiceStatus]:
        """What runs, looked up now; a service counts as running only when it answers."""
        if not (self.state / "stack").exists():
            return []
        addresses = self.environment() if self.kafka.is_configured() else {}
        services = [
            ServiceStatus(
                name=name,
                running=service.is_running(),
                address=addresses.get(setting),
                log=str(self._log(name)),
            )
            for name, service, setting in (
                ("kafka", self.kafka, "LEDGER_KAFKA_BOOTSTRAP"),
                ("postgres", self.postgres, "LEDGER_POSTGRES_DSN"),
            )
        ]
        for process in self.processes() if addresses else ():
            address = f"http://127.0.0.1:{process.port}"
            services.append(
                ServiceStatus(name=process.name, running=process.is_running(), address=address, log=str(process.log))
            )
        return services

    def environment(self) -> dict[str, str]:
        """The settings of this stack, as its ``env`` file has them. Kafka and Postgres must have been started."""
        secrets = self.state / "secrets"
        return {
            "LEDGER_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "LEDGER_POSTGRES_DSN": self.postgres.dsn,
            "LEDGER_VAULT_DSN": self.postgres.dsn,
            **{f"LEDGER_{name.upper()}_FILE": str(secrets / file) for name, file in SECRET_FILES.items()},
            "LEDGER_API_HOST": "127.0.0.1",
            "LEDGER_API_PORT": str(self._port("api")),
            "LEDGER_URL": f"http://127.0.0.1:{self._port('api')}",
            **self.extra,
        }

    def processes(self) -> tuple[LedgerProcess, ...]:
        """Workers and API, in the order in which they start."""
        return (
            self.worker("fold"),
            self.worker("reactions"),
            self.api(),
        )

    def worker(self, projection: str, name: str | None = None, **changed: str) -> LedgerProcess:
        """A worker process; ``name`` tells several of one kind apart, ``changed`` overrides settings."""
        name = name or projection
        port = self._port(name)
        expects = f'ledger_projection_ready{{projection="{projection}"}} 1.0'
        own = {"LEDGER_METRICS_PORT": str(port), **changed}
        return self._process(name, ("worker", projection), own, port, "/metrics", expects)

    def api(self, name: str = "api", **changed: str) -> LedgerProcess:
        """An API process; ``name`` tells several apart, ``changed`` overrides settings."""
        port = self._port(name)
        own = {"LEDGER_API_PORT": str(port), "LEDGER_URL": f"http://127.0.0.1:{port}", **changed}
        return self._process(name, ("api",), own, port, "/readyz")

    def _process(
        self, name: str, arguments: tuple[str, ...], own: Mapping[str, str], port: int, path: str, expects: str = ""
    ) -> LedgerProcess:
        return LedgerProcess(
            name=name,
            arguments=arguments,
            environment={**self.environment(), **own, "LEDGER_STATE": str(self.state)},
            folder=self.state / "processes",
            log=self._log(name),
            port=port,
            path=path,
            expects=expects,
        )

    def _start_services(self) -> None:
        kafka = msgspec.structs.replace(self.kafka, jars=ensure_jars())
        started = [name for name, service in (("kafka", kafka), ("postgres", self.postgres)) if service.begin()]
        if started:
            progress("Starting " + " and ".join(started))
        self.postgres.wait()
        kafka.wait()

    def _provide(self, environment: Mapping[str, str]) -> None:
        self._write_env(environment)
        asyncio.run(make_tables(environment))
        asyncio.run(make_secrets(environment))
        asyncio.run(make_shared_topics(environment))

    def _make_state(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / "logs").mkdir(exist_ok=True)
        (self.state / "stack").write_text(_MARKER, encoding="utf-8")

    def _write_env(self, environment: Mapping[str, str]) -> None:
        head = "# Written by `ledger dev up`: the settings of the local stack. Commands in this checkout read it.\n"
        fresh = self.state / "env.new"
        fresh.write_text(head + "".join(f"{name}={value}\n" for name, value in environment.items()), encoding="utf-8")
        fresh.replace(self.state / "env")

    def _log(self, name: str) -> Path:
        return self.state / "logs" / f"{name}.log"

    def _port(self, name: str) -> int:
        """The port of a service: that of its last run, or a free one that no other service here has."""
        file = self.state / "ports.json"
        ports = msgspec.json.decode(file.read_bytes(), type=dict[str, int]) if file.exists() else {}
        if name not in ports:
            ports[name] = free_port(frozenset(ports.values()))
            file.write_bytes(msgspec.json.encode(ports))
        return ports[name]


def _stop_together(programs: Sequence[Program]) -> list[str]:
    with ThreadPoolExecutor(max_workers=len(programs) or 1) as pool:
        were_running = pool.map(stop, programs)
        return [program.name for program, was in zip(programs, were_running, strict=True) if was]
