"""The five tables: jobs, their files, their work rows, their results, their events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Double, ForeignKey, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from jobs.columns import BIG_ID, DOCUMENT, UtcDateTime, name_column
from jobs.states import JobState, StageName, WorkState


class Base(DeclarativeBase):
    """Base of all tables; constraint names are fixed so that migrations can name them on every database."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {float: Double}
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class JobRow(Base):
    """One submission and what became of it."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # job_ and 26 sortable characters
    name: Mapped[str] = mapped_column(String(255))
    mode: Mapped[str] = mapped_column(String(16))  # impute, qc
    engine: Mapped[str] = mapped_column(String(16))  # auto, dae, peeling
    bundle: Mapped[str] = mapped_column(String(255))  # id; auto until the job has chosen
    build: Mapped[str] = mapped_column(String(16))  # auto, GRCh37, GRCh38
    format: Mapped[str] = mapped_column(String(16))  # vcf.gz, bcf
    r2_min: Mapped[float]  # sites below are left out of the output
    strict: Mapped[bool]
    options: Mapped[dict[str, Any] | None] = mapped_column(DOCUMENT)  # further fields, those given
    recipient: Mapped[str | None] = mapped_column(Text)  # Crypt4GH public key
    state: Mapped[JobState] = mapped_column(name_column(JobState), index=True)
    stage: Mapped[StageName] = mapped_column(name_column(StageName))  # earliest stage that has unfinished work
    progress: Mapped[float]  # 0-1, never falls except by a restart
    samples: Mapped[int | None]
    sites: Mapped[int | None]
    qc: Mapped[dict[str, Any] | None] = mapped_column(DOCUMENT)
    error: Mapped[dict[str, Any] | None] = mapped_column(DOCUMENT)  # TesseraError.as_dict
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


class JobFileRow(Base):
    """One uploaded file of a job."""

    __tablename__ = "job_files"
    __table_args__ = (UniqueConstraint("job_id", "position"),)

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    position: Mapped[int]  # order in the form, from 0
    kind: Mapped[str] = mapped_column(String(16))  # vcf, pedigree, map, frequencies
    filename: Mapped[str] = mapped_column(String(255))  # as the user named it, sanitised
    key: Mapped[str] = mapped_column(Text)  # storage key
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    sha256: Mapped[str] = mapped_column(String(64))


class WorkRow(Base):
    """One unit of work: a stage of a job, or one chunk of a stage. Claimed, leased and finished as a whole."""

    __tablename__ = "work"
    __table_args__ = (
        UniqueConstraint("job_id", "stage", "index"),
        Index("ix_work_job_id_state_queue", "job_id", "state", "queue"),
        Index("ix_work_state_lease_until", "state", "lease_until"),
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    stage: Mapped[StageName] = mapped_column(name_column(StageName))
    index: Mapped[int]
    queue: Mapped[str] = mapped_column(String(32))  # cpu, gpu
    chromosome: Mapped[str | None] = mapped_column(String(64))
    spec: Mapped[dict[str, Any]] = mapped_column(DOCUMENT)  # what to do, JSON
    cost: Mapped[float]  # relative to the other rows of the stage, for progress and ETA
    state: Mapped[WorkState] = mapped_column(name_column(WorkState))
    attempt: Mapped[int]  # counts claims for ever: names the folder attempt-N, fences late workers
    tries: Mapped[int]  # claims since the job was last started that ended badly or still run
    progress: Mapped[float]  # 0-1 within the row
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    worker: Mapped[str | None] = mapped_column(String(255))
    result: Mapped[dict[str, Any] | None] = mapped_column(DOCUMENT)
    error: Mapped[dict[str, Any] | None] = mapped_column(DOCUMENT)
    seconds: Mapped[float | None]  # wall time of the attempt that finished
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ResultRow(Base):
    """One file that the user can download."""

    __tablename__ = "results"
    __table_args__ = (UniqueConstraint("job_id", "name"),)

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    key: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    chromosome: Mapped[str | None] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EventRow(Base):
    """One thing that happened to a job; `id` is the id of the server-sent event."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_job_id_id", "job_id", "id"),
        {"sqlite_autoincrement": True},  # an id of a deleted event must not come back
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))  # state, stage, progress, qc, result, error
    data: Mapped[dict[str, Any]] = mapped_column(DOCUMENT)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
