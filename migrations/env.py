"""Alembic's entry: runs the versions in one transaction under a lock, on the URL of `jobs.database` or the settings."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from jobs.database import make_engine
from jobs.settings import get_settings
from jobs.tables import Base

_LOCK = 7_355_608  # any number, the same in every process


def migrate(connection: Connection) -> None:
    """Run the versions; a second process waits at the lock and then finds nothing to do."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",  # SQLite alters a table by copying it
    )
    with context.begin_transaction():
        context.run_migrations()


engine = make_engine(context.config.attributes.get("url") or get_settings().database.url)
with engine.begin() as connection:
    migrate(connection)
engine.dispose()
