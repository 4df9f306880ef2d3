"""From database rows to what clients see of a job."""

from __future__ import annotations

from urllib.parse import quote

from api.schemas.job import Job, JobError, JobFile, JobLinks
from api.schemas.result import Result
from jobs.repository import JobRow, Repository, ResultRow
from jobs.states import ACTIVE_STATES, RESTARTABLE_STATES, JobState

REPORT_HTML = "report.html"
REPORT_JSON = "report.json"


def job_path(root: str, job_id: str) -> str:
    """Path of a job below the folder where the service is mounted."""
    return f"{root}/jobs/{job_id}"


def view_job(repository: Repository, row: JobRow, root: str) -> Job:
    """Describe a job.

    Args:
        repository: open in the transaction that read `row`.
        row: the job.
        root: path prefix of the service, empty or starting with a slash.
    """
    active = row.state in ACTIVE_STATES
    error = row.error if row.state is JobState.failed else None
    return Job(
        id=row.id,
        name=row.name,
        state=row.state.value,
        stage=row.stage.value,
        progress=row.progress,
        eta_s=repository.progress(row.id).eta_s if active else None,
        queue_position=repository.queue_position(row.id) if row.state is JobState.queued else None,
        mode=row.mode,
        engine=row.engine,
        bundle=row.bundle,
        build=row.build,
        format=row.format,
        r2_min=row.r2_min,
        strict=row.strict,
        options=row.options or {},
        files=[
            JobFile(filename=file.filename, size=file.size, sha256=file.sha256, kind=file.kind)
            for file in repository.job_files(row.id)
        ],
        samples=row.samples,
        sites=row.sites,
        qc=row.qc,
        error=None if error is None else _error(error),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        expires_at=row.expires_at,
        links=_links(repository, row, root),
    )


def view_result(row: ResultRow, job: JobRow, root: str) -> Result:
    """Describe a file to download."""
    return Result(
        name=row.name,
        size=row.size,
        sha256=row.sha256,
        chromosome=row.chromosome,
        media_type=row.media_type,
        expires_at=job.expires_at,
        href=f"{job_path(root, job.id)}/results/{quote(row.name)}",
    )


def _links(repository: Repository, row: JobRow, root: str) -> JobLinks:
    path = job_path(root, row.id)
    reported = any(result.name == REPORT_HTML for result in repository.results(row.id))
    return JobLinks(
        self=path,
        page=path,
        events=f"{path}/events",
        results=f"{path}/results",
        report=f"{path}/report" if reported else None,
        cancel=f"{path}/cancel" if row.state in ACTIVE_STATES else None,
        restart=f"{path}/restart" if row.state in RESTARTABLE_STATES else None,
    )


def _error(stored: dict[str, object]) -> JobError:
    return JobError.model_validate({name: stored.get(name) for name in ("code", "message", "action", "details")})
