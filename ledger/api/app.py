"""The HTTP API as an ASGI application: ``uvicorn --factory ledger.api.app:create_app``.

Starts also while Postgres or Kafka are away, says so on ``/readyz``, and connects when they come; a wrong secret or
database refuses to start.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger import log_lines
from ledger import settings as ledger_settings
from ledger.api.endpoints import Endpoint
from ledger.api.health import Liveness, Metrics, Readiness
from ledger.api.problems import problem_response
from ledger.api.routes import ROUTES
from ledger.api.services import Services
from ledger.errors import LedgerError, NotFound, Rejected, Unavailable
from ledger.settings import ApiSettings

__all__ = ["create_app"]

RETRY_SECONDS: Final = 1.0

_log = log_lines.get_logger(__name__)


def create_app(settings: ApiSettings | None = None) -> Starlette:
    """The application; without ``settings`` they come from the environment (``ledger.settings``)."""
    connection = _Connection(settings or ledger_settings.load(ApiSettings))
    routes = [
        Route(route.path, Endpoint(route, connection.services), methods=[route.method]) for route in ROUTES
    ]
    routes += [
        Route("/livez", Liveness(), methods=["GET"]),
        Route("/readyz", Readiness(connection.services), methods=["GET"]),
        Route("/metrics", Metrics(), methods=["GET"]),
    ]
    app = Starlette(
        routes=routes,
        lifespan=connection.lifespan,
        exception_handlers={404: _unknown_route, 405: _wrong_method},
    )
    app.router.redirect_slashes = False
    return app


class _Connection:
    """The services of one process, opened in the background when Postgres is away at the start."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._services: Services | None = None

    def services(self) -> Services | None:
        return self._services

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        trying: asyncio.Task[None] | None = None
        try:
            # A wrong secret ends the process here, before it answers anything.
            self._services = await Services.open(self._settings)
        except Unavailable as error:
            _log.warning("starting_without_postgres", code=error.code)
            trying = asyncio.create_task(self._keep_trying())
        try:
            yield
        finally:
            if trying is not None:
                trying.cancel()
                await asyncio.wait([trying])
            if self._services is not None:
                await self._services.aclose()

    async def _keep_trying(self) -> None:
        while self._services is None:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                self._services = await Services.open(self._settings)
            except Unavailable:
                continue
            except LedgerError as error:
                # Known only now that Postgres answers; an operator sees it here and on /readyz, and must restart.
                _log.error("cannot_start", code=error.code, detail=error.detail)
                return
        _log.info("postgres_reached")


async def _unknown_route(_request: Request, _error: Exception) -> Response:
    return _response(NotFound("route_unknown"))


async def _wrong_method(_request: Request, error: Exception) -> Response:
    headers = error.headers if isinstance(error, HTTPException) else None
    return _response(Rejected("method_not_allowed", allow=(headers or {}).get("Allow", "")))


def _response(error: LedgerError) -> Response:
    status, body, headers = problem_response(error)
    return Response(body, status, {name.decode(): value.decode() for name, value in headers})
