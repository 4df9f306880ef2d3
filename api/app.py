"""The application: settings in, ASGI application out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from fastapi import FastAPI

from api.errors import add_error_handlers
from api.middleware import Observer
from api.openapi import DESCRIPTION, finish_schema
from api.pages import StaticAssets
from api.routes import ROUTERS
from api.services import Services
from api.version import software_version
from jobs.clock import Clock
from jobs.settings import Settings, get_settings
from jobs.storage import Storage

VERSIONED_PREFIX = "/api/v1"


class TesseraAPI(FastAPI):
    """FastAPI with our schema of errors."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if not self.openapi_schema:
            self.openapi_schema = finish_schema(super().openapi())
        return self.openapi_schema


def create_app(
    settings: Settings | None = None, *, storage: Storage | None = None, clock: Clock | None = None
) -> FastAPI:
    """Make the application; the database must have been brought up to date (`jobs.database.upgrade`).

    Args:
        settings: the process's own unless given.
        storage: made from the settings unless given.
        clock: the system's unless given.

    Returns:
        An application for one process: `uvicorn --factory api.app:create_app`, or `python -m api`.
    """
    services = Services(settings or get_settings(), storage=storage, clock=clock)
    app = TesseraAPI(
        title="Tessera",
        version=software_version(),
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    add_error_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    for router in ROUTERS:
        app.include_router(router, prefix=VERSIONED_PREFIX, include_in_schema=False)
    app.mount("/static", StaticAssets(), name="static")
    app.add_middleware(Observer, metrics=services.metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    async with anyio.create_task_group() as background:
        background.start_soon(services.hub.run)
        yield
        services.hub.close()
        background.cancel_scope.cancel()
    services.close()
