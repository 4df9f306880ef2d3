"""What goes into the repository and what comes out of it besides rows: small frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jobs.states import StageName


@dataclass(frozen=True, slots=True)
class NewFile:
    """An uploaded file that already lies in storage."""

    kind: str  # vcf, pedigree, map, frequencies
    filename: str
    key: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class NewJob:
    """A checked submission."""

    bundle: str
    name: str = ""
    mode: str = "impute"
    engine: str = "auto"
    build: str = "auto"
    format: str = "vcf.gz"
    r2_min: float = 0.0
    strict: bool = False
    recipient: str | None = None
    options: dict[str, Any] = field(default_factory=dict)  # further fields, those given: mend, samples, peel, ...
    id: str | None = None  # made by `ids.new_job_id` before the upload, as the storage keys hold it


@dataclass(frozen=True, slots=True)
class NewWork:
    """A row of work to add."""

    stage: StageName
    index: int = 0
    queue: str = "cpu"
    chromosome: str | None = None
    spec: dict[str, Any] = field(default_factory=dict)
    cost: float = 1.0  # for example sites x samples; only its relation to the rows of the same stage counts


@dataclass(frozen=True, slots=True)
class NewResult:
    """A file to offer for download."""

    name: str
    key: str
    size: int  # bytes
    sha256: str
    chromosome: str | None
    media_type: str


class Renewal(StrEnum):
    """What became of a lease that its holder asked to prolong."""

    ok = "ok"
    lost = "lost"  # the row went to somebody else: stop and throw away
    cancelled = "cancelled"  # the job was cancelled, failed or deleted: stop and throw away


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is."""

    stage: StageName
    fraction: float  # 0-1
    eta_s: float | None  # seconds left; None until a chunk has finished, and when the job has ended
    chunks_done: int  # rows of the impute stage
    chunks_total: int
    chunk_seconds: float | None  # mean duration of a finished chunk


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep did, as ids of work rows."""

    requeued: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    queues: tuple[str, ...] = ()  # queues that got rows back, to ring
