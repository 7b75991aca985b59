"""The catalogue in force of each controller, parsed once for each version; and ``GET /v1/catalogue``."""

import time
from typing import Any, Final, NamedTuple

import msgspec

from ledger import log_lines
from ledger.api.calls import Call, now_ms
from ledger.domain.catalogue import Catalogue, parse_document
from ledger.errors import NotFound, Rejected
from ledger.read_model import pool, records
from ledger.read_model.records import CatalogueVersion

__all__ = ["CatalogueAnswer", "Catalogues", "get_catalogue"]

MAX_KEPT: Final = 256
"""Parsed versions in one process. A catalogue of 60 purposes takes about 200 kB."""
IN_FORCE_SECONDS: Final = 1.0
"""How long the intake believes which version is in force. A decision asks each time."""

_log = log_lines.get_logger(__name__)


class CatalogueAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue in force. ``document`` is its canonical JSON, as it was published."""

    version: int
    document: str


class _InForce(NamedTuple):
    version: CatalogueVersion | None
    asked_at: float


class Catalogues:
    """Parsed catalogues by controller and version. A version never changes: one with another digest is another."""

    def __init__(self, connections: Any) -> None:
        self._connections = connections
        self._parsed: dict[tuple[int, CatalogueVersion], Catalogue | None] = {}
        self._in_force: dict[int, _InForce] = {}

    async def version(self, controller_id: int, version: CatalogueVersion | None) -> Catalogue | None:
        """The catalogue of a version that stands in the read model; None for none, or one that cannot be read.

        Which is as if nothing were published: an older version must not stand in for it, since it may promise less.
        """
        if version is None:
            return None
        key = (controller_id, version)
        if key not in self._parsed:
            async with pool.borrowed(self._connections) as connection:
                document = await records.catalogue_document(connection, controller_id, version)
            if document is None:
                return None
            if len(self._parsed) >= MAX_KEPT:
                self._parsed.pop(next(iter(self._parsed)))
            self._parsed[key] = _parsed(document, version)
        return self._parsed[key]

    async def in_force(self, controller_id: int) -> Catalogue | None:
        """The catalogue in force, as it was at most a second ago."""
        known = self._in_force.get(controller_id)
        asked_at = time.monotonic()
        if known is None or asked_at - known.asked_at > IN_FORCE_SECONDS:
            async with pool.borrowed(self._connections) as connection:
                version = await records.catalogue_in_force(connection, controller_id, now_ms())
            known = _InForce(version, asked_at)
            self._in_force[controller_id] = known
        return await self.version(controller_id, known.version)

    async def document(self, controller_id: int) -> CatalogueAnswer:
        """The document in force now; raises ``NotFound(catalogue_missing)``."""
        async with pool.borrowed(self._connections) as connection:
            version = await records.catalogue_in_force(connection, controller_id, now_ms())
            document = version and await records.catalogue_document(connection, controller_id, version)
        if version is None or document is None:
            raise NotFound("catalogue_missing")
        return CatalogueAnswer(version=version.version, document=document)


async def get_catalogue(call: Call) -> CatalogueAnswer:
    """``GET /v1/catalogue``."""
    return await call.services.catalogues.document(call.caller.controller_id)


def _parsed(document: str, version: CatalogueVersion) -> Catalogue | None:
    try:
        return parse_document(document)
    except Rejected as rejection:
        _log.error("catalogue_unreadable", code=rejection.code, catalogue_version=version.version)
        return None
