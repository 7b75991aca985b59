"""What publishing a catalogue would do, given what is published already. Pure: the log is read and written elsewhere.

The rules: a published version never changes; versions and the moments at which they take effect only grow; a notice
keeps its text; nothing takes effect in the past; what widens waits until every decision point can know it.
"""

from collections.abc import Sequence

import msgspec

from ledger.domain.catalogue import Catalogue, canonical_document, document_digest, parse_document
from ledger.domain.catalogue_changes import Change, changes, rewritten_notices, widens
from ledger.domain.moments import moment_text
from ledger.errors import Conflict, Rejected
from ledger.event_log.catalogue_log import PublishedVersion

__all__ = ["Plan", "PublishedVersion", "in_force", "plan", "published_for"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be written. ``published`` is the version that stands already when there is nothing to write."""

    controller: str
    version: int
    effective_from_ms: int
    digest: bytes
    document: str
    changes: tuple[Change, ...]
    published: PublishedVersion | None = None

    @property
    def writes(self) -> bool:
        return self.published is None


def published_for(catalogue: Catalogue, name: str) -> Catalogue:
    """The catalogue as the controller ``name`` publishes it; topics named after its own controller follow the name."""
    own = f"holder.{catalogue.controller.name}."
    holders = {
        key: msgspec.structs.replace(holder, topic=f"holder.{name}.{holder.topic.removeprefix(own)}")
        if holder.topic is not None and holder.topic.startswith(own)
        else holder
        for key, holder in catalogue.holders.items()
    }
    controller = msgspec.structs.replace(catalogue.controller, name=name)
    return msgspec.structs.replace(catalogue, controller=controller, holders=holders)


def in_force(versions: Sequence[PublishedVersion], at_ms: int) -> PublishedVersion | None:
    """The version in force at a moment: the one with the latest start among those that have started."""
    started = [version for version in versions if version.effective_from_ms <= at_ms]
    return max(started, key=lambda version: (version.effective_from_ms, version.version), default=None)


def plan(
    catalogue: Catalogue,
    versions: Sequence[PublishedVersion],
    *,
    now_ms: int,
    staleness_bound_ms: int,
    effective_from_ms: int | None = None,
) -> Plan:
    """The version to write, when it takes effect, and what it changes against the latest published one.

    Raises ``Conflict`` (``catalogue_version_taken``, ``catalogue_notice_rewritten``) and
    ``Rejected(catalogue_past_dated)``.
    """
    document = canonical_document(catalogue)
    digest = document_digest(document)
    latest = max(versions, key=lambda version: version.version, default=None)
    for standing in versions:
        if standing.version == catalogue.version and standing.digest == digest:
            return _plan(catalogue, document, digest, standing.effective_from_ms, (), standing)
    if latest is not None and latest.version >= catalogue.version:
        raise Conflict(
            "catalogue_version_taken",
            f"Version {latest.version} of {catalogue.controller.name} is published; "
            f"version {catalogue.version} with this content would contradict it.",
        )
    before = parse_document(latest.document) if latest is not None else None
    for standing in versions:
        _refuse_rewritten(parse_document(standing.document), catalogue)
    found = changes(before, catalogue)
    earliest_ms = now_ms if before is None or not widens(found) else now_ms + staleness_bound_ms
    if latest is not None:
        earliest_ms = max(earliest_ms, latest.effective_from_ms)
    if effective_from_ms is not None and effective_from_ms < earliest_ms:
        raise Rejected(
            "catalogue_past_dated",
            f"This version can take effect from {moment_text(earliest_ms)} on, not from {moment_text(effective_from_ms)}.",
        )
    starts_ms = earliest_ms if effective_from_ms is None else effective_from_ms
    return _plan(catalogue, document, digest, starts_ms, found, None)


def _plan(
    catalogue: Catalogue,
    document: str,
    digest: bytes,
    effective_from_ms: int,
    found: tuple[Change, ...],
    published: PublishedVersion | None,
) -> Plan:
    return Plan(
        controller=catalogue.controller.name,
        version=catalogue.version,
        effective_from_ms=effective_from_ms,
        digest=digest,
        document=document,
        changes=found,
        published=published,
    )


def _refuse_rewritten(standing: Catalogue, new: Catalogue) -> None:
    rewritten = rewritten_notices(standing, new)
    if rewritten:
        raise Conflict(
            "catalogue_notice_rewritten",
            f"{', '.join(rewritten)} has another text than in the published version {standing.version}.",
        )
