"""The Avro schemas of the log: every version ever written, found by fingerprint, known for ever by SHA-256.

A file of ``schemas/avro`` is one named type of one version and may refer to others by full name. An event is written
and read with its *standalone* schema, in which every reference is replaced by the definition, once. The fingerprint
in a record's framing is CRC-64-AVRO over that schema's parsing canonical form (Avro 1.12, single-object encoding);
the audit identity is SHA-256 over its complete canonical JSON, docs and defaults included, since 64 bits of a
checksum prove nothing.
"""

import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import msgspec
from fastavro.schema import (
    SchemaParseException,
    UnknownType,
    fingerprint,
    parse_schema,
    to_parsing_canonical_form,
)

from ledger.domain.events import EVENT_TYPES, Event
from ledger.errors import ConfigurationError

__all__ = ["EventSchema", "SchemaSet", "canonical_json", "load", "load_from", "sha256_of"]

FINGERPRINT_BYTES: Final = 8
NAMESPACE: Final = "consent_ledger"
_FILE_NAME: Final = re.compile(r"(?P<name>[A-Z][A-Za-z0-9]*)\.v(?P<version>[1-9][0-9]*)\.avsc")
_NAMED: Final = frozenset({"record", "enum", "fixed"})

Definition = dict[str, Any]


class EventSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one event type. ``fingerprint`` is little-endian, as it stands in a record."""

    name: str
    version: int
    event_type: type[Event]
    standalone: Definition
    parsed: Any
    fingerprint: bytes
    sha256: bytes


class SchemaSet(msgspec.Struct, frozen=True, kw_only=True):
    """All schemas: ``by_fingerprint`` to read what was ever written, ``newest`` of each event type to write."""

    by_fingerprint: dict[bytes, EventSchema]
    newest: dict[type[Event], EventSchema]


@cache
def load() -> SchemaSet:
    """The schemas that this version ships, read once per process."""
    packaged = files("ledger.event_log").joinpath("avro")
    # An editable install has no copy beside the package: the checkout's own files are the schemas.
    checkout = Path(__file__).resolve().parents[2] / "schemas" / "avro"
    return load_from(packaged if packaged.is_dir() else checkout)


def load_from(folder: Traversable) -> SchemaSet:
    """The schemas in ``folder``, or ``ConfigurationError(schema_unsound)`` saying which file cannot be used.

    Two schemas with one fingerprint refuse to load: nobody could say with which of them a record was written.
    """
    definitions = _definitions(folder)
    by_fingerprint: dict[bytes, EventSchema] = {}
    newest: dict[type[Event], EventSchema] = {}
    for full_name, definition in definitions.items():
        if definition["name"] not in EVENT_TYPES:
            continue
        schema = _event_schema(full_name, definitions)
        twin = by_fingerprint.setdefault(schema.fingerprint, schema)
        if twin is not schema:
            raise _unsound(
                f"{schema.name}.v{schema.version} and {twin.name}.v{twin.version} have one fingerprint"
            )
        held = newest.get(schema.event_type)
        if held is None or held.version < schema.version:
            newest[schema.event_type] = schema
    missing = sorted(set(EVENT_TYPES) - {kind.__name__ for kind in newest})
    if missing:
        raise _unsound(f"there is no schema of {', '.join(missing)}")
    return SchemaSet(by_fingerprint=by_fingerprint, newest=newest)


def sha256_of(event_type: type[Event]) -> bytes:
    """The audit identity of the schema that ``event_type`` is written with now."""
    return load().newest[event_type].sha256


def canonical_json(definition: object) -> str:
    """Sorted, without spaces, UTF-8: for what a schema holds (text, integers, booleans, null) this is RFC 8785."""
    return json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _definitions(folder: Traversable) -> dict[str, Definition]:
    """Every file's definition by full name, sorted, so that loading never depends on the order of a folder."""
    found: dict[str, Definition] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".avsc"):
            continue
        match = _FILE_NAME.fullmatch(entry.name)
        if match is None:
            raise _unsound(f"{entry.name} is not named <Type>.v<version>.avsc")
        try:
            definition = json.loads(entry.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _unsound(f"{entry.name} cannot be read: {error}") from error
        expected = f"{NAMESPACE}.v{match['version']}.{match['name']}"
        if not isinstance(definition, dict) or _full_name(definition) != expected:
            raise _unsound(f"{entry.name} does not define {expected}")
        found[expected] = definition
    return found


def _event_schema(full_name: str, definitions: dict[str, Definition]) -> EventSchema:
    try:
        standalone = _expanded(full_name, definitions, [], set())
        parsed = parse_schema(standalone)
        canonical = to_parsing_canonical_form(standalone)
    except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError) as error:
        raise _unsound(f"{full_name} is no Avro schema: {error}") from error
    name = definitions[full_name]["name"]
    return EventSchema(
        name=name,
        version=int(full_name.split(".")[1].removeprefix("v")),
        event_type=EVENT_TYPES[name],
        standalone=standalone,
        parsed=parsed,
        fingerprint=bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO")),
        sha256=hashlib.sha256(canonical_json(standalone).encode()).digest(),
    )


def _expanded(schema: Any, definitions: dict[str, Definition], within: list[str], done: set[str]) -> Any:
    """``schema`` with each reference replaced by its definition where it first stands."""
    if isinstance(schema, str):
        if schema in within:
            raise ValueError(f"{schema} contains itself")
        if schema in done or schema not in definitions:
            return schema
        return _expanded(definitions[schema], definitions, within, done)
    if isinstance(schema, list):
        return [_expanded(branch, definitions, within, done) for branch in schema]
    expanded = dict(schema)
    if schema["type"] in _NAMED:
        # Written out in full, so that a type inside a record never depends on the namespace around it.
        full_name = _full_name(schema) if "namespace" in schema else f"{_namespace(within)}.{schema['name']}"
        expanded["namespace"] = full_name.rpartition(".")[0]
        done.add(full_name)
        within = [*within, full_name]
    if schema["type"] == "record":
        expanded["fields"] = [
            {**field, "type": _expanded(field["type"], definitions, within, done)}
            for field in schema["fields"]
        ]
    if schema["type"] == "array":
        expanded["items"] = _expanded(schema["items"], definitions, within, done)
    return expanded


def _full_name(definition: Definition) -> str:
    return f"{definition.get('namespace', '')}.{definition.get('name', '')}"


def _namespace(within: list[str]) -> str:
    return within[-1].rpartition(".")[0]


def _unsound(detail: str) -> ConfigurationError:
    return ConfigurationError("schema_unsound", f"The Avro schemas cannot be used: {detail}.")
