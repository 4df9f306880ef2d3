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
from tests.support.database import DATABASES, FakeClock, empty_database

OpenRepository = Callable[[], AbstractContextManager[Repository]]


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
