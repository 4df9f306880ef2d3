"""Logs of the API: every line carries the id of the request that it belongs to."""

from __future__ import annotations

import logging
import logging.config
import re
import uuid
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# Ids from outside reach log lines, so only plain ones are taken over.
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def choose_request_id(given: str | None) -> str:
    """Return the client's X-Request-ID when it is plain, else a new id."""
    return given if given is not None and _PLAIN_ID.fullmatch(given) else uuid.uuid4().hex


class RequestIdFilter(logging.Filter):
    """Adds `request_id` to each record; threads of one request inherit it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark the record and let it pass."""
        record.request_id = request_id.get()
        return True


def configure_logging(level: str = "INFO") -> None:
    """Send the logs of this process to stderr, one line each, with time, level and request id."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request_id": {"()": RequestIdFilter}},
            "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["request_id"], "formatter": "line"}},
            "root": {"level": level, "handlers": ["stderr"]},
        }
    )
