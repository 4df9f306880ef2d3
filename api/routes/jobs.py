"""Jobs after their submission: list, state, cancel, restart, delete."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.deps import ReadingDep, RootDep, ServicesDep, UnitDep
from api.jobview import view_job
from api.negotiation import wants_html
from api.openapi import problems
from api.pages import render
from api.schemas.job import Job, JobList
from api.submission.fields import FieldError, FieldsRefused
from jobs.ids import is_job_id
from jobs.states import ACTIVE_STATES

router = APIRouter(tags=["jobs"])

_PAGE = {"content": {"text/html": {}}, "description": "The same as JSON, or as a page when Accept prefers text/html."}


@router.get("/jobs", response_model=JobList, summary="List jobs", responses={200: _PAGE, **problems(422)})
def list_jobs(
    request: Request,
    repository: ReadingDep,
    root: RootDep,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="jobs on a page")] = 50,
) -> Response | JobList:
    """List jobs, newest first."""
    if wants_html(request.headers.get("accept")):
        return render(request, "jobs.html")
    if cursor is not None and not is_job_id(cursor):
        raise FieldsRefused([FieldError("cursor", "'cursor' must be the next_cursor of the page before.")])
    rows, next_cursor = repository.list_jobs(cursor, limit)
    return JobList(jobs=[view_job(repository, row, root) for row in rows], next_cursor=next_cursor)


@router.get("/jobs/{job_id}", response_model=Job, summary="State of a job", responses={200: _PAGE, **problems(404)})
def get_job(job_id: str, request: Request, response: Response, repository: ReadingDep, root: RootDep) -> Response | Job:
    """Return state, progress, quality control, error and links of a job."""
    row = repository.get_job(job_id)
    if wants_html(request.headers.get("accept")):
        return render(request, "job.html", job_id=row.id)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    return view_job(repository, row, root)


@router.post("/jobs/{job_id}/cancel", summary="Cancel a job", responses=problems(404, 409))
def cancel_job(job_id: str, unit: UnitDep, root: RootDep) -> Job:
    """Stop a job; finished results stay. Cancelling a cancelled job changes nothing."""
    return view_job(unit.repository, unit.repository.cancel_job(job_id), root)


@router.post("/jobs/{job_id}/restart", status_code=202, summary="Restart a job", responses=problems(404, 409))
def restart_job(job_id: str, unit: UnitDep, services: ServicesDep, root: RootDep) -> Job:
    """Run a failed or cancelled job again from its last good stage."""
    row = unit.repository.restart_job(job_id)
    for queue, count in unit.repository.pending_by_queue(job_id).items():
        unit.after_commit.append(partial(services.ring, queue, count))
    return view_job(unit.repository, row, root)


@router.delete("/jobs/{job_id}", status_code=204, summary="Delete a job", responses=problems(404))
def delete_job(job_id: str, services: ServicesDep) -> None:
    """Remove a job with its uploads and results; a running job is cancelled first."""
    with services.unit_of_work() as unit:
        if unit.repository.get_job(job_id).state in ACTIVE_STATES:
            unit.repository.cancel_job(job_id)
    # Data before rows: should the process die in between, the job is still listed and can be deleted again.
    services.storage.delete(f"jobs/{job_id}/")
    with services.unit_of_work() as unit:
        for prefix in unit.repository.delete_job(job_id):
            # Once more, for what a worker published before it learned of the cancellation.
            unit.after_commit.append(partial(services.storage.delete, prefix))
