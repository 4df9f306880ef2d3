"""The migrations lead to the tables that the code declares, on both databases, and back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from jobs.database import MIGRATIONS, downgrade, make_engine, session_factory, upgrade
from jobs.repository import Repository
from jobs.tables import Base
from tests.support.jobs import add_job


@pytest.fixture
def tables(database_url: str) -> Iterator[object]:
    """Names of the tables that are there now."""
    engine = make_engine(database_url)
    yield lambda: set(inspect(engine).get_table_names())
    engine.dispose()


def test_head_is_what_the_code_declares(database_url: str) -> None:
    upgrade(database_url)
    engine = make_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_down_and_up_again(database_url: str, tables) -> None:  # type: ignore[no-untyped-def]
    upgrade(database_url)
    assert tables() == {*Base.metadata.tables, "alembic_version"}
    downgrade(database_url)
    assert tables() == {"alembic_version"}
    upgrade(database_url)
    assert tables() == {*Base.metadata.tables, "alembic_version"}


def test_second_upgrade_keeps_the_data(database_url: str) -> None:
    upgrade(database_url)
    engine = make_engine(database_url)
    with session_factory(engine).begin() as session:
        job_id = add_job(Repository(session)).id
    upgrade(database_url)
    with session_factory(engine, read_only=True)() as session:
        assert Repository(session).get_job(job_id).bundle == "demo"
    engine.dispose()


def test_processes_that_start_together_may_all_upgrade(database_url: str, tables) -> None:  # type: ignore[no-untyped-def]
    code = "import sys; from jobs.database import upgrade; upgrade(sys.argv[1])"

    def run(_: int) -> int:
        return subprocess.run([sys.executable, "-c", code, database_url], cwd=MIGRATIONS.parent, timeout=60).returncode

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, range(2))) == [0, 0]
    assert tables() == {*Base.metadata.tables, "alembic_version"}
