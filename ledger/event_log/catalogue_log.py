"""A controller's catalogue topic: reads the versions that stand on it, and appends one.

The life of a version: it is planned against the versions that stand (``ledger.audit.publishing``), appended to the
one partition of ``ledger.<controller>.catalogue``, folded into the read model like any record, and taken from there
by every decision point. The first record of a version number is the one that counts, here as in the fold.
"""

import os
from typing import Any, Final

import msgspec

from ledger.domain.catalogue import document_digest
from ledger.domain.events import (
    Capture,
    CataloguePublished,
    Envelope,
    Lane,
    Voice,
)
from ledger.errors import Conflict, MalformedRecord, NotFound, Unavailable
from ledger.event_log.codec import decode, encode
from ledger.event_log.producer import Appender, Attempt
from ledger.event_log.scanning import scan
from ledger.event_log.topic_table import topic_name

__all__ = ["PublishedVersion", "published_versions", "write_version"]

APPEND_TIMEOUT_SECONDS: Final = 60.0
PARTITION: Final = 0
SOURCE: Final = "ledger-cli"
# A catalogue has no subject; the key of its records means nothing, but a null one would look like a mistake.
CATALOGUE_KEY: Final = b"catalogue"
ID_BYTES: Final = 16


class PublishedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version as it stands on the catalogue topic; the first record of a number is the one that counts."""

    version: int
    effective_from_ms: int
    broker_ms: int
    offset: int
    digest: bytes
    document: str


async def published_versions(bootstrap: str, controller: str) -> list[PublishedVersion]:
    """The versions on the log, in the order in which they were published.

    Raises ``Unavailable`` (``log_not_ready``, ``log_unavailable``).
    """
    topic = topic_name(controller, Lane.CATALOGUE)
    found: dict[int, PublishedVersion] = {}
    try:
        async for records in scan(bootstrap, topic, PARTITION, 0):
            for record in records:
                version = _version(record, controller)
                if version is not None:
                    found.setdefault(version.version, version)
    except NotFound as error:
        raise Unavailable("log_not_ready", f"Kafka has no topic {topic}.", topic=topic) from error
    return list(found.values())


async def write_version(
    bootstrap: str, controller: str, *, version: int, effective_from_ms: int, document: str
) -> PublishedVersion:
    """Appends one version; durable on return, and the one that counts under its number.

    Raises ``Unavailable`` (``log_not_ready``, ``log_unavailable``), ``Rejected(record_too_large)``, and
    ``Conflict(catalogue_version_taken)`` when another publisher was quicker with other content.
    """
    envelope = Envelope(
        event_id=os.urandom(ID_BYTES),
        act_id=os.urandom(ID_BYTES),
        controller=controller,
        source=SOURCE,
        voice=Voice.CONTROLLER,
        capture=Capture.CLERK,
        waited_ms=0,
    )
    digest = document_digest(document)
    event = CataloguePublished(
        envelope=envelope,
        version=version,
        effective_from_ms=effective_from_ms,
        digest=digest,
        document=document,
    )

    def value(attempt: Attempt) -> bytes:
        again = msgspec.structs.replace(
            envelope, waited_ms=attempt.added_wait_ms, may_be_repeat=attempt.may_be_repeat
        )
        return encode(msgspec.structs.replace(event, envelope=again))

    async with Appender(bootstrap) as appender:
        topic = topic_name(controller, Lane.CATALOGUE)
        await appender.append(topic, PARTITION, CATALOGUE_KEY, value, timeout_s=APPEND_TIMEOUT_SECONDS)
    for standing in await published_versions(bootstrap, controller):
        if standing.version == version:
            if standing.digest != digest:
                raise Conflict(
                    "catalogue_version_taken",
                    f"Somebody else published version {version} of {controller} just before.",
                )
            return standing
    raise Unavailable("log_unavailable", "The version was acknowledged and cannot be read back yet.")


def _version(record: Any, controller: str) -> PublishedVersion | None:
    """The version in a record, or None for the genesis and for whatever the fold quarantines."""
    try:
        event = decode(record.value or b"")
    except MalformedRecord:
        return None
    if not isinstance(event, CataloguePublished) or event.envelope.controller != controller:
        return None
    if event.digest != document_digest(event.document):
        return None
    return PublishedVersion(
        version=event.version,
        effective_from_ms=event.effective_from_ms,
        broker_ms=record.timestamp,
        offset=record.offset,
        digest=event.digest,
        document=event.document,
    )
