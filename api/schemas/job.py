"""A job as clients see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from api.schemas.base import Answer


class JobFile(Answer):
    """One uploaded file."""

    filename: str
    size: int = Field(description="bytes")
    sha256: str
    kind: str = Field(description="vcf, pedigree, map or frequencies")


class JobError(Answer):
    """Why a job failed."""

    code: str
    message: str
    action: str
    details: dict[str, Any]


class JobLinks(Answer):
    """Where to go next; null when the job's state does not offer it."""

    self: str
    page: str
    events: str
    results: str
    report: str | None
    cancel: str | None
    restart: str | None


class Job(Answer):
    """One job."""

    id: str = Field(examples=["job_01jd8w3m5v7x9k2n4p6q8r0s1t"])
    name: str
    state: str = Field(description="queued, validating, running, complete, failed, cancelled or expired")
    stage: str = Field(description="ingest, harmonise, plan, impute, assemble, report or deliver")
    progress: float = Field(description="0 to 1")
    eta_s: float | None = Field(description="seconds left, once a chunk has finished")
    queue_position: int | None = Field(description="1 for the next job; null when the job does not wait")
    mode: str
    engine: str = Field(description="dae or peeling")
    bundle: str = Field(description="id of the bundle; none when a pedigree is peeled without one")
    build: str
    format: str
    r2_min: float
    strict: bool
    options: dict[str, Any] = Field(
        description="`mend`, `samples`, `population`, `effort` and thresholds of variant QC; of a pedigree `peel`, "
        "`animals`, `doubled_haploids`, `non_par` and `sex_system`: those given"
    )
    files: list[JobFile]
    samples: int | None
    sites: int | None
    qc: dict[str, Any] | None = Field(description="counts of quality control, once it has ended")
    error: JobError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="when the job and its data are removed")
    links: JobLinks


class JobList(Answer):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None = Field(description="pass as `cursor` for the next page; null on the last")
