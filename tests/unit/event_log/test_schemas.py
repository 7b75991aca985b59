"""The rules of schemas/avro/README.md, held over every file: what stands on the log cannot be changed afterwards."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastavro.schema import fingerprint

from ledger.domain import events
from ledger.domain.events import EVENT_TYPES, Envelope, Scope
from ledger.errors import ConfigurationError
from ledger.event_log.schemas import EventSchema, canonical_json, load, load_from, sha256_of

FOLDER = Path(__file__).resolve().parents[3] / "schemas" / "avro"
FILES = sorted(FOLDER.glob("*.avsc"))
SCHEMAS = sorted(load().by_fingerprint.values(), key=lambda schema: (schema.name, schema.version))
PRIMITIVES = {"null", "boolean", "int", "long", "string"}
SEALED = "sealed"
LEGAL_SOURCE = re.compile(r"GDPR art\. \d+|Directive 2002/58/EC art\. \d+")

by_name = pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: f"{schema.name}.v{schema.version}")
by_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def definition(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def types_in(schema: Any) -> Iterator[Any]:
    """Every type within ``schema``, itself first."""
    yield schema
    if isinstance(schema, list):
        for branch in schema:
            yield from types_in(branch)
    elif isinstance(schema, dict):
        for field in schema.get("fields", ()):
            yield from types_in(field["type"])
        if "items" in schema:
            yield from types_in(schema["items"])


def fields_in(schema: Any) -> Iterator[dict[str, Any]]:
    for part in types_in(schema):
        if isinstance(part, dict):
            yield from part.get("fields", ())


@by_file
def test_a_file_defines_the_type_and_version_that_it_is_named_after(path: Path) -> None:
    name, version, _ = path.name.split(".")
    found = definition(path)
    assert (found["namespace"], found["name"]) == (f"consent_ledger.{version}", name)


@by_file
def test_only_plain_types_of_a_fixed_meaning_are_used(path: Path) -> None:
    found = definition(path)
    # The one field of bytes: readable by one holder alone, and not on the log.
    found["fields"] = [field for field in found.get("fields", ()) if (field["name"], field["type"]) != (SEALED, "bytes")]
    for part in types_in(found):
        if isinstance(part, str):
            assert part in PRIMITIVES or part.startswith("consent_ledger."), part
        elif isinstance(part, list):
            assert len(part) == 2 and part[0] == "null", "a union is null and one type, null first"
        else:
            assert part["type"] in {"record", "enum", "fixed", "array"}
            assert "logicalType" not in part, "a logical type changes what a reader returns"
            assert "aliases" not in part


@by_file
def test_every_enumeration_has_unknown_first_and_as_its_default(path: Path) -> None:
    for part in types_in(definition(path)):
        if isinstance(part, dict) and part["type"] == "enum":
            assert part["symbols"][0] == part["default"] == "unknown"


@by_file
def test_nothing_in_an_array_takes_no_bytes(path: Path) -> None:
    """Else a few bytes could claim a thousand million items."""
    for part in types_in(definition(path)):
        if isinstance(part, dict) and part["type"] == "array":
            item = part["items"]
            assert item != "null" and not (isinstance(item, dict) and item.get("size") == 0)
            assert not (isinstance(item, dict) and item["type"] == "record" and not item["fields"])
        if isinstance(part, dict) and part["type"] == "fixed":
            assert part["size"] > 0


@by_file
def test_an_optional_field_has_its_default_and_a_doc_or_a_speaking_name(path: Path) -> None:
    for field in fields_in(definition(path)):
        if isinstance(field["type"], list):
            assert field["default"] is None, field["name"]


@by_file
def test_every_type_says_what_it_is_for(path: Path) -> None:
    for part in types_in(definition(path)):
        if isinstance(part, dict) and part["type"] in {"record", "enum", "fixed"}:
            assert part["doc"]


@by_name
def test_every_event_names_its_legal_source(schema: EventSchema) -> None:
    assert LEGAL_SOURCE.search(schema.standalone["doc"])


@by_name
def test_the_envelope_is_the_first_field_of_every_event_of_an_act(schema: EventSchema) -> None:
    """A genesis is nobody's act, and orders and acknowledgements are not on the log."""
    names = [field["name"] for field in schema.standalone["fields"]]
    without = {"LogGenesis", "ErasureOrder", "ErasureAcknowledgement"}
    assert (names[0] == "envelope") is (schema.name not in without)
    assert "envelope" not in names[1:]


@by_name
def test_no_schema_of_a_subject_has_room_for_free_text(schema: EventSchema) -> None:
    """Strings are ids of the catalogue's. A new one is added here only after thinking what a person could write in it."""
    ids = {
        "controller", "source", "purpose", "purpose_group", "channel", "recipient", "item", "category", "notice",
        "capture_point", "topic", "message_class", "language", "holder", "outcome", "hold", "author", "reason",
        "detail",
    }  # fmt: skip
    strings = {field["name"] for field in fields_in(schema.standalone) if "string" in field["type"]}
    assert strings - ids == ({"document"} if schema.name == "CataloguePublished" else set())


@by_name
def test_a_schema_has_the_fields_of_its_event_with_the_same_defaults(schema: EventSchema) -> None:
    if load().newest[schema.event_type] is not schema:
        return
    compare(schema.standalone, schema.event_type)


def compare(record: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    own = {field.name: field for field in msgspec.structs.fields(struct)}
    assert [field["name"] for field in record["fields"]] == list(own), record["name"]
    for field in record["fields"]:
        kinds = [kind for kind in types_in(field["type"]) if isinstance(kind, dict) and kind["type"] == "record"]
        if kinds:
            compare(kinds[0], getattr(events, kinds[0]["name"]))
        if "default" in field and own[field["name"]].default is not msgspec.NODEFAULT:
            default = own[field["name"]].default
            plain = msgspec.json.decode(msgspec.json.encode(default))
            assert plain == field["default"], field["name"]


def test_enumerations_hold_every_value_of_their_domain_type_and_unknown() -> None:
    envelope = definition(FOLDER / "Envelope.v1.avsc")
    found = {part["name"]: part for part in types_in(envelope) if isinstance(part, dict) and part["type"] == "enum"}
    found["Lane"] = definition(FOLDER / "Lane.v1.avsc")
    for name in ("Voice", "Capture", "Origin", "Lane"):
        assert found[name]["symbols"] == ["unknown", *(member.value for member in getattr(events, name))]


def test_there_is_a_schema_of_every_event_and_shared_types_are_the_domains() -> None:
    assert {schema.name for schema in SCHEMAS} == set(EVENT_TYPES)
    assert [field["name"] for field in definition(FOLDER / "Envelope.v1.avsc")["fields"]] == list(
        Envelope.__struct_fields__
    )
    assert [field["name"] for field in definition(FOLDER / "Scope.v1.avsc")["fields"]] == list(Scope.__struct_fields__)


def test_a_later_version_can_be_read_by_the_earlier_and_the_other_way_round() -> None:
    """Full-transitive: against every earlier version, not the last alone."""
    versions = itertools.groupby(sorted(FILES, key=lambda path: path.name), lambda path: path.name.split(".")[0])
    for _, group in versions:
        ordered = sorted(group, key=lambda path: int(path.name.split(".")[1].removeprefix("v")))
        for earlier, later in itertools.combinations(map(definition, ordered), 2):
            assert_evolves(earlier, later)


def assert_evolves(earlier: dict[str, Any], later: dict[str, Any]) -> None:
    assert earlier["type"] == later["type"]
    if earlier["type"] == "fixed":
        assert earlier["size"] == later["size"]
    if earlier["type"] == "enum":
        assert later["symbols"][: len(earlier["symbols"])] == earlier["symbols"], "symbols are added at the end"
    if earlier["type"] == "record":
        before = {field["name"]: field for field in earlier["fields"]}
        after = {field["name"]: field for field in later["fields"]}
        for name in before.keys() ^ after.keys():
            assert "default" in (before.get(name) or after[name]), f"{name} was added or removed without a default"
        for name in before.keys() & after.keys():
            assert unversioned(before[name]["type"]) == unversioned(after[name]["type"]), f"{name} has changed its type"


def unversioned(kind: Any) -> str:
    """A type without the versions of what it refers to: those are compared file by file."""
    return re.sub(r"consent_ledger\.v\d+\.", "", canonical_json(kind))


@pytest.mark.parametrize(
    "change",
    [
        {"add": {"name": "remark", "type": "string"}},
        {"remove": "verified_by"},
        {"retype": ("notice", "bytes")},
    ],
    ids=str,
)
def test_the_evolution_rule_finds_a_change_that_breaks_readers(change: dict[str, Any]) -> None:
    earlier = {
        "type": "record",
        "fields": [{"name": "notice", "type": "string"}, {"name": "verified_by", "type": "string"}],
    }
    later = json.loads(json.dumps(earlier))
    if "add" in change:
        later["fields"].append(change["add"])
    if "remove" in change:
        later["fields"] = [field for field in later["fields"] if field["name"] != change["remove"]]
    if "retype" in change:
        later["fields"][0]["type"] = change["retype"][1]
    with pytest.raises(AssertionError):
        assert_evolves(earlier, later)


def test_the_identities_of_released_schemas_never_change() -> None:
    """identities.json is what auditors compare with; a schema that must change gets a new version."""
    pinned = json.loads((FOLDER / "identities.json").read_text(encoding="utf-8"))
    assert pinned == {
        f"{schema.name}.v{schema.version}": {
            "fingerprint": schema.fingerprint.hex(),
            "sha256": schema.sha256.hex(),
        }
        for schema in SCHEMAS
    }


def test_the_fingerprint_is_crc_64_avro_in_little_endian() -> None:
    # Avro's own vector: "int" is 0x7275d51a3f395c8f.
    assert fingerprint('"int"', "CRC-64-AVRO") == "8f5c393f1ad57572"


def test_the_sha256_covers_docs_and_defaults_and_not_the_layout_of_the_file() -> None:
    grant = load().newest[events.ConsentGiven]
    assert sha256_of(events.ConsentGiven) == grant.sha256
    assert canonical_json({"b": 1, "a": "å"}) == '{"a":"å","b":1}'
    assert grant.standalone["doc"] in canonical_json(grant.standalone)


def copied(folder: Path) -> Path:
    for path in FILES:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_from(folder)
    assert caught.value.code == "schema_unsound"
    return caught.value.detail


def test_a_set_without_one_events_schema_refuses_to_load(tmp_path: Path) -> None:
    (copied(tmp_path) / "ConsentGiven.v1.avsc").unlink()
    assert "ConsentGiven" in refused(tmp_path)


def test_a_file_under_another_types_name_refuses_to_load(tmp_path: Path) -> None:
    copied(tmp_path)
    (tmp_path / "ConsentGiven.v2.avsc").write_bytes((tmp_path / "ConsentGiven.v1.avsc").read_bytes())
    assert "consent_ledger.v2.ConsentGiven" in refused(tmp_path)


def test_a_reference_to_what_is_not_there_refuses_to_load(tmp_path: Path) -> None:
    (copied(tmp_path) / "Scope.v1.avsc").unlink()
    assert "is no Avro schema" in refused(tmp_path)


def test_a_type_that_contains_itself_refuses_to_load(tmp_path: Path) -> None:
    path = copied(tmp_path) / "Scope.v1.avsc"
    scope = definition(path)
    scope["fields"].append({"name": "within", "type": ["null", "consent_ledger.v1.Scope"], "default": None})
    path.write_text(json.dumps(scope), encoding="utf-8")
    assert "contains itself" in refused(tmp_path)


def test_broken_json_and_odd_file_names_refuse_to_load(tmp_path: Path) -> None:
    copied(tmp_path)
    (tmp_path / "Scope.v1.avsc").write_text("{", encoding="utf-8")
    assert "Scope.v1.avsc" in refused(tmp_path)
    (tmp_path / "Scope.v1.avsc").write_bytes((FOLDER / "Scope.v1.avsc").read_bytes())
    (tmp_path / "scope-old.avsc").write_text("{}", encoding="utf-8")
    assert "scope-old.avsc" in refused(tmp_path)


def test_two_schemas_with_one_fingerprint_refuse_to_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Namespaces hold the version, so this cannot be made by a file; the checksum has only 64 bits, so it can happen."""
    monkeypatch.setattr("ledger.event_log.schemas.fingerprint", lambda canonical, algorithm: "00" * 8)
    assert "one fingerprint" in refused(copied(tmp_path))
