"""Serving the application with uvicorn."""

from __future__ import annotations

import socket

import uvicorn

from api.app import create_app
from api.logs import configure_logging
from api.services import Services
from jobs.settings import Settings, get_settings

# How long a stop waits for downloads and uploads that are under way.
GRACE_SECONDS = 10


class Server(uvicorn.Server):
    """uvicorn that ends the event streams when told to stop; it would otherwise wait for their watchers to leave."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        """Serve `config`; on stop, close the streams of `services`."""
        super().__init__(config)
        self._services = services

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the event streams, then wait for the other requests as uvicorn does."""
        self._services.hub.close()
        await super().shutdown(sockets)


def make_server(settings: Settings) -> Server:
    """Make the server of one API process on the settings' host and port (port 0: a free one)."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.server.host,
        port=settings.server.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        proxy_headers=settings.server.public_url is not None,
    )
    return Server(config, app.state.services)


def serve(settings: Settings | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    configure_logging()
    make_server(settings or get_settings()).run()
