"""The operator's way to a controller's rights requests: straight to the vault, as the API and the reactions have it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from ledger import settings
from ledger.domain.catalogue import Catalogue
from ledger.domain.deadlines import hold_ends
from ledger.domain.identifiers import Identifier
from ledger.domain.moments import moment_text
from ledger.domain.request_terms import require_declared
from ledger.domain.rights_requests import assess, holders_told
from ledger.erasure.catalogues import Catalogues
from ledger.erasure.requests import HeldView, Requests, RequestView
from ledger.errors import NotFound
from ledger.read_model import pool, sql
from ledger.vault import secrets
from ledger.vault.controllers import Controller
from ledger.vault.directory import Directory

__all__ = ["ErasurePlan", "RequestDesk", "opened_desk"]

APPLICATION_NAME: Final = "ledger-cli"
SOURCE: Final = "operator"


class ErasurePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a request would do by the catalogue in force now."""

    everything: bool
    refused: bool
    erased_categories: tuple[str, ...]
    held: tuple[HeldView, ...]
    holders: tuple[str, ...]

    def words(self) -> str:
        """The plan for a reader."""
        if self.refused:
            lines = ["would be refused: all that was asked for is kept by law"]
        elif self.everything:
            lines = ["would erase everything, and forget who the person is"]
        else:
            lines = [
                f"would erase {', '.join(self.erased_categories) or 'nothing'}, and still know the person"
            ]
        for held in self.held:
            until = datetime.fromisoformat(held.until).astimezone(UTC)
            lines.append(f"would keep {held.category} until {until:%Y-%m-%d}, by the hold {held.hold}")
        if not self.refused:
            lines.append(f"would tell {', '.join(self.holders) or 'no holder'}")
        return "\n".join(lines)


class RequestDesk:
    """The rights requests of one controller."""

    def __init__(
        self,
        controller: Controller,
        requests: Requests,
        directory: Directory,
        catalogue: Callable[[], Awaitable[Catalogue | None]],
    ) -> None:
        self._controller = controller
        self._requests = requests
        self._directory = directory
        self._catalogue = catalogue

    async def plan(
        self, who: Identifier | bytes, categories: Sequence[str], holds: Mapping[str, int], received_ms: int
    ) -> ErasurePlan:
        """What the request would do; writes nothing. Raises as :meth:`open` does."""
        catalogue = await self._catalogue()
        require_declared(catalogue, categories, holds)
        found = (
            await self._directory.known(self._controller, [who])
            if isinstance(who, bytes)
            else await self._directory.lookup(self._controller, [who])
        )
        if found[0] is None:
            raise NotFound("subject_unknown", "Nothing is held about this person.")
        judged = assess(
            catalogue, sorted(set(categories)), holds, received_ms, received_ms, until_of=hold_ends
        )
        holders = holders_told(catalogue, judged.erased, is_whole=judged.is_whole)
        return ErasurePlan(
            everything=judged.is_whole,
            refused=judged.refused,
            erased_categories=judged.erased,
            held=tuple(
                HeldView(hold=held.hold, category=held.category, until=moment_text(held.until_ms))
                for held in judged.held
            ),
            holders=tuple(holder.id for holder in holders),
        )

    async def open(
        self,
        request_id: bytes,
        who: Identifier | bytes,
        categories: Sequence[str],
        holds: Mapping[str, int],
        received_ms: int,
        *,
        proven: bool,
    ) -> RequestView:
        """As :meth:`ledger.erasure.requests.Requests.open_erasure`, with names that the catalogue declares."""
        require_declared(await self._catalogue(), categories, holds)
        return await self._requests.open_erasure(
            self._controller,
            request_id=request_id,
            who=who,
            source=SOURCE,
            categories=categories,
            proven=proven,
            holds=holds,
            received_ms=received_ms,
        )

    async def show(self, request_id: bytes) -> RequestView:
        return await self._requests.show(self._controller, request_id)

    async def listed(self, state: str | None, overdue: bool | None, limit: int) -> list[RequestView]:
        return await self._requests.listed(self._controller, state=state, overdue=overdue, limit=limit)

    async def prove(self, request_id: bytes, at_ms: int) -> RequestView:
        return await self._requests.prove(self._controller, request_id, at_ms)

    async def extend(self, request_id: bytes, reason: str, at_ms: int) -> RequestView:
        return await self._requests.extend(self._controller, request_id, reason, at_ms)

    async def refuse(self, request_id: bytes, reason: str, at_ms: int) -> RequestView:
        return await self._requests.refuse(self._controller, request_id, reason, at_ms)


@asynccontextmanager
async def opened_desk(name: str) -> AsyncIterator[RequestDesk]:
    """The desk of the controller ``name``, with the operator's settings.

    Raises ``NotFound(controller_unknown)``, ``Unavailable``, ``ConfigurationError`` for a setting or secret.
    """
    operator = settings.load(settings.OperatorSettings)
    loaded = secrets.load(*settings.secret_files(operator))
    async with AsyncExitStack() as stack:
        reads = await _pool(stack, settings.require(operator, "postgres_dsn"), "read_model")
        vault = await _pool(stack, settings.require(operator, "vault_dsn"), "vault")
        async with pool.borrowed(reads) as connection:
            # Another pepper would make every known person a stranger.
            await secrets.verify_fingerprints(connection, loaded)
            number = await connection.fetchval(sql.load("controller_id"), name)
        if number is None:
            raise NotFound("controller_unknown", f"There is no controller {name}.")
        controller = Controller(number, name)
        catalogues = Catalogues(settings.require(operator, "kafka_bootstrap"), reads)
        yield RequestDesk(
            controller,
            Requests(vault, loaded),
            Directory(vault, loaded),
            lambda: catalogues.in_force(controller),
        )


async def _pool(stack: AsyncExitStack, dsn: str, schema: str) -> Any:
    opened = await pool.create_pool(dsn, application_name=APPLICATION_NAME, schema=schema, size=1)
    stack.push_async_callback(opened.close)
    return opened
