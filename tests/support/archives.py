"""Exports of a log made without Kafka, for tests of what reads them; and hands that spoil them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ledger.domain.events import Lane
from ledger.domain.log_records import NO_CHAIN
from ledger.event_log.archive_files import FileHead, FileWriter
from ledger.event_log.archive_form import (
    ArchivedFile,
    End,
    Manifest,
    partitions_of,
    read_manifest,
    write_manifest,
)
from ledger.event_log.archive_schemas import with_schemas
from ledger.event_log.schemas import canonical_json
from tests.support.log_records import (
    CONTROLLER,
    RawRecord,
    Tape,
    genesis,
    grant,
    partition,
    subject,
    withdrawal,
)

LOG_ID = b"L" * 16
LOG_APPEND_TIME = 1
Records = Mapping[tuple[Lane, int], Sequence[RawRecord]]


def small_log(people: int = 40, log_id: bytes = LOG_ID) -> dict[tuple[Lane, int], list[RawRecord]]:
    """A log of one partition: each person grants, every other one withdraws; a repeat and a broken record besides."""
    records: dict[tuple[Lane, int], list[RawRecord]] = {}
    for lane in (Lane.CATALOGUE, Lane.BACKFILL, Lane.LIVE):
        of = partition(lane=lane, log_id=log_id)
        records[lane, 0] = [genesis(of)]
    tape = Tape(partition(log_id=log_id))
    for number in range(people):
        event = grant()
        tape.add(subject(number), event)
        if number % 2:
            tape.add(subject(number), withdrawal())
        if number == 2:
            again = msgspec.structs.replace(event.envelope, may_be_repeat=True)
            tape.add(subject(number), msgspec.structs.replace(event, envelope=again))
    tape.add_raw(subject(3), b"no record of ours")
    records[Lane.LIVE, 0] += tape.records
    return records


def write_archive(
    folder: Path, records: Records, *, log_id: bytes = LOG_ID, range_records: int = 25
) -> Manifest:
    """The export that holds these records, complete."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(
        controller=CONTROLLER,
        log_id=log_id.hex(),
        generation=1,
        partitions=1,
        ledger_version="0",
        created_at="2026-01-01T00:00:00+00:00",
        complete=True,
        ends=(),
        files=(),
        schemas=(),
        unknown_schemas=(),
    )
    files: list[ArchivedFile] = []
    met: set[bytes] = set()
    for lane, number in partitions_of(manifest):
        chain = NO_CHAIN
        of_place = records[lane, number]
        for start in range(0, len(of_place), range_records):
            head = FileHead(CONTROLLER, log_id.hex(), 1, lane, number, of_place[start].offset)
            with FileWriter(folder, head, chain) as writer:
                for record in of_place[start : start + range_records]:
                    writer.add(record, LOG_APPEND_TIME)
                files.append(writer.finish())
                met |= writer.fingerprints
            chain = bytes.fromhex(files[-1].chain)
    schemas, unknown = with_schemas((), (), met)
    manifest = msgspec.structs.replace(
        manifest,
        files=tuple(sorted(files, key=lambda file: file.name)),
        ends=tuple(
            End(lane=lane, partition=number, next_offset=records[lane, number][-1].offset + 1)
            for lane, number in partitions_of(manifest)
        ),
        schemas=schemas,
        unknown_schemas=unknown,
    )
    write_manifest(folder, manifest)
    return manifest


def lie(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A manifest that says something else, with a digest that fits it: whoever wrote it knew how."""
    document = msgspec.json.decode(msgspec.json.encode(read_manifest(folder)))
    change(document)
    text = canonical_json(document).encode()
    (folder / "manifest.json").write_bytes(text)
    (folder / "manifest.sha256").write_text(f"{hashlib.sha256(text).hexdigest()}  manifest.json\n")


def flip(path: Path, at: int) -> None:
    """One bit of one byte becomes another."""
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(bytes(content))
