"""Fixtures of the jobs room: every test of SQL runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from jobs.database import make_engine, session_factory
from jobs.repository import Repository
from jobs.tables import Base
from tests.support import postgres, swift
from tests.support.database import DATABASES, FakeClock, empty_database
from tests.support.servers import unavailable

WHY_NOT: dict[str, Callable[[], str | None]] = {"postgres": postgres.why_not, "s3": swift.why_not}
OpenRepository = Callable[[], AbstractContextManager[Repository]]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip here and not in a fixture, so that pytest folds all tests that lack the same server into one line."""
    for marker, why_not in WHY_NOT.items():
        if item.get_closest_marker(marker) and (reason := why_not()):
            unavailable(reason)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with empty_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def opened(engine: Engine, clock: FakeClock) -> OpenRepository:
    """Opens a repository in a transaction of its own, committed at the end of the block."""
    sessions = session_factory(engine)

    @contextmanager
    def repository() -> Iterator[Repository]:
        with sessions.begin() as session:
            yield Repository(session, clock)

    return repository
