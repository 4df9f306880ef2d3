"""What the service says of itself."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schemas.base import Answer


class Alive(Answer):
    """The process runs."""

    status: str = Field(examples=["ok"])


class Check(Answer):
    """One thing that the service needs."""

    ok: bool
    detail: str


class Readiness(Answer):
    """Whether the service can take and run jobs."""

    status: str = Field(description="ok or unavailable")
    checks: dict[str, Check] = Field(description="database, broker, storage")


class Organization(Answer):
    """Who runs the service."""

    name: str
    url: str


class ServiceType(Answer):
    """GA4GH type of the service."""

    group: str
    artifact: str
    version: str


class ServiceInfo(Answer):
    """GA4GH service-info 1.0, with the limits of this server as an extension."""

    id: str
    name: str
    type: ServiceType
    description: str
    organization: Organization
    documentationUrl: str  # noqa: N815  # the standard's spelling
    environment: str
    version: str
    tessera: dict[str, Any] = Field(description="limits and retention of this server")
