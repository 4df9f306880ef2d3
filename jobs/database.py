"""Engines, sessions and migrations, the same calls for SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
_BUSY_TIMEOUT_MS = 60_000
_READ_ONLY = "tessera_read_only"


def make_engine(url: str, pool_size: int = 10) -> Engine:
    """An engine for `sqlite:///FILE` or `postgresql://...`; make one per process, after any fork.

    On SQLite every transaction that may write takes the write lock at its start, so that two of them never find out
    half-way that they cannot both go on.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_pre_ping=True, pool_size=pool_size, max_overflow=pool_size)


def session_factory(engine: Engine, *, read_only: bool = False) -> sessionmaker[Session]:
    """Sessions whose rows stay readable after commit. Read-only ones never wait for a writer."""
    if read_only:
        engine = engine.execution_options(**{_READ_ONLY: True, "postgresql_readonly": True})
    return sessionmaker(engine, expire_on_commit=False)


def alembic_config(url: str) -> Config:
    """The configuration of Alembic for one database."""
    config = Config(MIGRATIONS / "alembic.ini")
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to a revision; several processes may do so at once."""
    command.upgrade(alembic_config(url), revision)


def downgrade(url: str, revision: str = "base") -> None:
    """Take a database back to a revision."""
    command.downgrade(alembic_config(url), revision)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Set a new connection up; isolation_level None leaves BEGIN to us."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    """Turn the write-ahead log on; SQLite does not wait for another process that does the same, so we do."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")
