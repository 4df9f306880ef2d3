"""Engines: how transactions behave on each database."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from jobs.database import make_engine, session_factory
from jobs.repository import Repository
from tests.support.jobs import add_job


def test_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    with session_factory(engine)() as writer:
        job_id = add_job(Repository(writer)).id
        with session_factory(engine, read_only=True)() as reader:
            assert Repository(reader).find_job(job_id) is None
        writer.commit()
    with session_factory(engine, read_only=True)() as reader:
        assert Repository(reader).find_job(job_id) is not None


def test_read_only_sessions_of_postgres_refuse_writes(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        return
    with session_factory(engine, read_only=True)() as session, pytest.raises(DBAPIError, match="read-only"):
        add_job(Repository(session))


def test_sqlite_is_durable_and_checks_references(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/deep/er/test.db")
    with engine.connect() as connection:
        found = {
            name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_usual_postgres_urls_get_the_driver(scheme: str) -> None:
    engine = make_engine(f"{scheme}://user:word@db.example/tessera")
    assert engine.dialect.driver == "psycopg"
    assert engine.url.host == "db.example"
