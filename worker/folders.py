"""Where the files of a work row lie in storage, and how rows tell each other about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StoredFolder:
    """A flat folder that a row published; part of the row's result."""

    prefix: str  # ends in /
    files: tuple[str, ...]  # names of plain characters, without folders

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"prefix": self.prefix, "files": list(self.files)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StoredFolder:
        """The folder that `as_dict` described."""
        return cls(data["prefix"], tuple(data["files"]))


def work_root(job_id: str) -> str:
    """Prefix of all intermediate files of a job."""
    return f"jobs/{job_id}/work/"


def work_prefix(job_id: str, stage: str, index: int, attempt: int) -> str:
    """Prefix of what one attempt at a row makes; no other attempt ever writes there."""
    return f"{work_root(job_id)}{stage}/{index}/attempt-{attempt}/"


def result_prefix(job_id: str, stage: str, index: int, attempt: int) -> str:
    """Prefix of the downloadable files that one attempt at a row makes."""
    return f"jobs/{job_id}/results/{stage}/{index}/attempt-{attempt}/"
