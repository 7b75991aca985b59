"""What is installed is exactly what was locked, and no file of ours names a place that others cannot reach."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements" / "lock.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def declared() -> list[str]:
    project = PROJECT["project"]
    extras = (entry for entries in project["optional-dependencies"].values() for entry in entries)
    return [entry for entry in (*project["dependencies"], *extras) if not entry.startswith("consent-ledger")]


def locked() -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", LOCK, re.MULTILINE))


def test_every_declared_package_is_locked() -> None:
    names = {re.split(r"[<>=~\[]", entry)[0] for entry in declared()}
    assert names <= set(locked())


def test_every_locked_package_has_hashes() -> None:
    for block in re.split(r"^(?=[a-z0-9-]+==)", LOCK, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_what_writes_to_the_log_is_pinned_exactly() -> None:
    pins = {
        "faust-streaming": "0.15.3",
        "mode-streaming": "0.7.1",
        "aiokafka": "0.14.0",
        "fastavro": "1.13.1",
    }
    assert {name: locked()[name] for name in pins} == pins
    assert {f"{name}=={version}" for name, version in pins.items()} <= set(declared())


def test_the_lock_names_no_registry() -> None:
    assert "://" not in LOCK
    assert "index" not in LOCK


def test_the_broker_is_pinned_exactly_and_fetched_with_strict_checksums() -> None:
    pom = (ROOT / "deploy" / "kafka" / "pom.xml").read_text()
    versions = re.findall(r"<(?:[a-z0-9]+\.)?version>([^<]+)</", pom)
    assert "4.1.1" in versions
    for version in versions:
        assert re.fullmatch(r"[0-9.]+|\$\{[a-z0-9]+\.version\}", version), (
            f"{version} is a range or a moving name"
        )
    assert "--strict-checksums" in (ROOT / "ledger" / "cli" / "dev" / "kafka_jars.py").read_text()


def test_every_kind_of_avro_schema_travels_in_the_wheel() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "schemas/avro" in wheel["only-include"]
    assert wheel["sources"] == {"schemas/avro": "ledger/event_log/avro"}
