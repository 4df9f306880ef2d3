"""The report of a job, as a page and as JSON, from the end of quality control on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.deps import ReadingDep, ServicesDep
from api.download import Download, send
from api.jobview import REPORT_HTML, REPORT_JSON
from api.openapi import problems
from api.routes.results import as_download
from errors import Code, TesseraError
from jobs.repository import Repository

router = APIRouter(tags=["results"])

# The report holds names from the upload and carries its style and one script inside. The page's own policy allows that
# script alone, by its hash; the sandbox gives it an origin of its own, from which it can ask this server for nothing.
_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-downloads allow-scripts"
)


def _report(repository: Repository, job_id: str, name: str) -> Download:
    for row in repository.results(repository.get_job(job_id).id):
        if row.name == name:
            return as_download(row, inline=True)
    raise TesseraError(Code.report_not_ready, "The job has no report yet.")


def _html(job_id: str, repository: ReadingDep) -> Download:
    return _report(repository, job_id, REPORT_HTML)


def _json(job_id: str, repository: ReadingDep) -> Download:
    return _report(repository, job_id, REPORT_JSON)


@router.head("/jobs/{job_id}/report", include_in_schema=False)
@router.get(
    "/jobs/{job_id}/report",
    summary="Report as a page",
    response_class=Response,
    responses={
        200: {"content": {"text/html": {}}, "description": "a page that needs no other file"},
        **problems(404, 409),
    },
)
async def report_page(request: Request, services: ServicesDep, file: Annotated[Download, Depends(_html)]) -> Response:
    """Send the report of quality control and imputation quality."""
    response = await send(request, services.storage, file, redirect=False)
    response.headers["Content-Security-Policy"] = _REPORT_POLICY
    return response


@router.head("/jobs/{job_id}/report.json", include_in_schema=False)
@router.get(
    "/jobs/{job_id}/report.json",
    summary="Report as JSON",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}, "description": "the report's numbers"}, **problems(404, 409)},
)
async def report_json(request: Request, services: ServicesDep, file: Annotated[Download, Depends(_json)]) -> Response:
    """Send the numbers behind the report."""
    return await send(request, services.storage, file, redirect=False)
