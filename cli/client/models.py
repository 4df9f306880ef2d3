"""What the client reads out of the server's JSON; unknown fields are left alone, so that newer servers work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

ENDED = frozenset({"complete", "failed", "cancelled", "expired"})


@dataclass(frozen=True, slots=True)
class Job:
    """A job as `GET /jobs/{id}` shows it; `raw` is the whole JSON."""

    id: str
    name: str
    state: str
    stage: str | None
    progress: float  # 0-1
    eta_s: float | None  # seconds
    queue_position: int | None
    samples: int | None
    sites: int | None
    created_at: str | None
    error: Mapping[str, Any] | None
    links: Mapping[str, str | None]
    raw: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it on its own."""
        return self.state in ENDED

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the server's JSON; raises KeyError or TypeError when it is not a job."""
        return cls(
            id=str(data["id"]),
            name=str(data.get("name") or data["id"]),
            state=str(data["state"]),
            stage=data.get("stage"),
            progress=float(data.get("progress") or 0.0),
            eta_s=data.get("eta_s"),
            queue_position=data.get("queue_position"),
            samples=data.get("samples"),
            sites=data.get("sites"),
            created_at=data.get("created_at"),
            error=data.get("error"),
            links=data.get("links") or {},
            raw=data,
        )


@dataclass(frozen=True, slots=True)
class Result:
    """One downloadable file of a job."""

    name: str
    size: int  # bytes
    sha256: str  # hexadecimal
    href: str | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read one entry of `GET /jobs/{id}/results`."""
        return cls(str(data["name"]), int(data["size"]), str(data["sha256"]), data.get("href"))


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    id: str | None
    kind: str
    data: str
