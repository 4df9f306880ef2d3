"""Jobs in the database for tests: made, and worked on step by step, through the repository's public methods."""

from __future__ import annotations

from typing import Any

from jobs.records import NewFile, NewJob, NewWork
from jobs.repository import Repository
from jobs.states import StageName
from jobs.tables import JobRow, WorkRow

LEASE_S = 60.0
WORKER = "host:ns:1:100"


def add_job(repository: Repository, files: int = 1, **values: Any) -> JobRow:
    """A queued job."""
    uploads = [
        NewFile("vcf", f"chr{n}.vcf.gz", f"jobs/x/uploads/{n}-chr{n}.vcf.gz", 10 + n, "0" * 64) for n in range(files)
    ]
    return repository.create_job(NewJob(bundle="demo", **values), uploads)


def claimed(repository: Repository, worker: str = WORKER, queue: str = "cpu", lease_s: float = LEASE_S) -> WorkRow:
    """A row that must be there to claim."""
    row = repository.claim(queue, worker, lease_s)
    assert row is not None
    return row


def done(repository: Repository, row: WorkRow, result: dict[str, Any] | None = None) -> None:
    """Finish a claimed row."""
    assert row.worker is not None
    assert repository.finish(row.id, row.attempt, row.worker, result or {})


def chunks(number: int, chromosome: str = "20", first: int = 0, queue: str = "cpu", cost: float = 1.0) -> list[NewWork]:
    """Rows of the impute stage."""
    return [NewWork(StageName.impute, first + n, queue, chromosome, {"tile": n}, cost) for n in range(number)]


def job_at_impute(repository: Repository, number: int, **values: Any) -> JobRow:
    """A job whose ingest is done and whose impute stage has `number` pending rows; no other job may have any before."""
    job = add_job(repository, **values)
    row = claimed(repository)
    assert row.job_id == job.id
    done(repository, row)
    repository.add_work(job.id, chunks(number))
    return job
