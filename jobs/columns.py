"""Column types that read and write the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Enum, Integer
from sqlalchemy.types import TypeDecorator

BIG_ID = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER keys count up by themselves on SQLite
DOCUMENT = JSON(none_as_null=True)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite, which drops the zone, gets it back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments; turn the others to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("moments must be aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment back as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def name_column(names: type[StrEnum]) -> Enum:
    """A short text column that holds a `StrEnum` by value, so that adding a member needs no migration."""
    values: Any = lambda members: [member.value for member in members]  # noqa: E731
    return Enum(names, native_enum=False, create_constraint=False, length=16, values_callable=values)
