"""Databases for tests: SQLite in a temporary folder, PostgreSQL from a wheel; and a clock that tests turn by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.postgres import drop_database, new_database

# Parameters for a fixture: DATABASES = every kind of database that the service runs on.
DATABASES = [pytest.param("sqlite", id="sqlite"), pytest.param("postgres", id="postgres", marks=pytest.mark.postgres)]


class FakeClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.moment = start

    def now(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of a kind; gone after the block."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/test.db"
        return
    url = new_database()
    try:
        yield url
    finally:
        drop_database(url)
