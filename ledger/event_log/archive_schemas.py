"""The schemas that an export carries with it, so that its records can be read without the ledger that wrote them."""

import hashlib
from collections.abc import Sequence
from typing import Any

import fastavro
import msgspec

from ledger.event_log.schemas import canonical_json, load

__all__ = ["ArchivedSchema", "is_sound_schema", "with_schemas"]


class ArchivedSchema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schema that records in the files were written with. ``sha256`` is its audit identity."""

    fingerprint: str
    name: str
    version: int
    sha256: str
    definition: dict[str, Any]


def is_sound_schema(schema: ArchivedSchema) -> bool:
    """Whether the definition has the fingerprint and the audit identity that stand beside it."""
    try:
        canonical = fastavro.schema.to_parsing_canonical_form(fastavro.parse_schema(schema.definition))
        fingerprint = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    except Exception:  # noqa: BLE001 - fastavro has no one error of its own; whatever it is, this is no schema
        return False
    digest = hashlib.sha256(canonical_json(schema.definition).encode()).hexdigest()
    return bool(fingerprint == schema.fingerprint and digest == schema.sha256)


def with_schemas(
    listed: Sequence[ArchivedSchema], unknown_before: Sequence[str], met: set[bytes]
) -> tuple[tuple[ArchivedSchema, ...], tuple[str, ...]]:
    """The schemas of a manifest, known and unknown, with those of the fingerprints just met."""
    known = load().by_fingerprint
    schemas = {schema.fingerprint: schema for schema in listed}
    unknown = set(unknown_before)
    for fingerprint in met:
        schema = known.get(fingerprint)
        if schema is None:
            unknown.add(fingerprint.hex())
            continue
        schemas[fingerprint.hex()] = ArchivedSchema(
            fingerprint=fingerprint.hex(),
            name=schema.name,
            version=schema.version,
            sha256=schema.sha256.hex(),
            definition=schema.standalone,
        )
    ordered = sorted(schemas.values(), key=lambda schema: (schema.name, schema.version))
    return tuple(ordered), tuple(sorted(unknown - schemas.keys()))
