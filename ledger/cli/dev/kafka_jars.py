"""The broker's jars: fetched once per checkout by Maven with strict checksums, and shared by every local stack.

Beside the jars lies a class-data archive, made by one throw-away run of the broker: it halves the time that
every later start takes. Without it the broker runs all the same.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from ledger import settings
from ledger.cli.dev.java import find_maven
from ledger.errors import ConfigurationError, Unavailable

__all__ = ["Jars", "fetch", "locate"]

_FETCH_SECONDS: Final = 600


class Jars(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker's parts lie. ``complete`` exists once all of them are there, and holds the POM's digest."""

    pom: Path
    folder: Path

    @property
    def library(self) -> Path:
        return self.folder / "lib"

    @property
    def class_archive(self) -> Path:
        return self.folder / "kafka.jsa"

    @property
    def complete(self) -> Path:
        return self.folder / "complete"

    @property
    def logging(self) -> Path:
        return self.pom.parent / "log4j2.properties"


def locate() -> Jars:
    """Where the jars of this checkout are or will be; :class:`ConfigurationError` outside a checkout."""
    root = settings.checkout()
    if root is None:
        raise ConfigurationError("checkout_missing")
    return Jars(pom=root / "deploy" / "kafka" / "pom.xml", folder=root / ".ledger" / "jars")


def is_fetched(jars: Jars) -> bool:
    """Whether the jars on disk are those that the POM names now."""
    return jars.complete.is_file() and jars.complete.read_text(encoding="ascii") == _digest(jars.pom)


def fetch(jars: Jars) -> None:
    """Fetch the jars through Maven. Ends with all of them in place, or with none and an error that says why."""
    fresh = jars.folder / "lib.new"
    shutil.rmtree(fresh, ignore_errors=True)
    jars.folder.mkdir(parents=True, exist_ok=True)
    # --strict-checksums: an artefact whose checksum is wrong or missing fails the build instead of warning.
    command = [
        find_maven(), "--batch-mode", "--no-transfer-progress", "--quiet", "--strict-checksums",
        "--file", str(jars.pom), "dependency:copy-dependencies", f"-DoutputDirectory={fresh}",
    ]  # fmt: skip
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Unavailable("service_not_started", "Maven did not fetch Kafka in 10 minutes. Is a mirror needed?") from error
    if said.returncode != 0 or not any(fresh.glob("kafka_*.jar")):
        last = "\n".join((said.stdout + said.stderr).splitlines()[-15:])
        raise Unavailable("service_not_started", f"Maven could not fetch Kafka:\n{last}")
    jars.complete.unlink(missing_ok=True)
    jars.class_archive.unlink(missing_ok=True)
    shutil.rmtree(jars.library, ignore_errors=True)
    fresh.rename(jars.library)


def seal(jars: Jars) -> None:
    """Mark the jars as complete. Called last, so that a killed fetch is done anew."""
    jars.complete.write_text(_digest(jars.pom), encoding="ascii")


def _digest(pom: Path) -> str:
    return hashlib.sha256(pom.read_bytes()).hexdigest()
