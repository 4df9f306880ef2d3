"""Results of a job: the list, and each file whole or in part."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from api.deps import ReadingDep, RootDep, ServicesDep
from api.download import Download, send
from api.jobview import view_result
from api.openapi import problems
from api.schemas.result import ResultList
from jobs.repository import ResultRow

router = APIRouter(tags=["results"])

_BINARY: dict[str, Any] = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
_FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {**_BINARY, "description": "the file"},
    206: {**_BINARY, "description": "the range that was asked for"},
    304: {"description": "the client's copy is still good"},
    307: {"description": "to storage, by a link that is good for an hour"},
    **problems(404, 416),
}


def as_download(row: ResultRow, *, inline: bool = False) -> Download:
    """Return what is to be sent for a result."""
    return Download(row.key, row.name, row.size, row.sha256, row.created_at, row.media_type, inline)


def _file(job_id: str, name: str, repository: ReadingDep) -> Download:
    return as_download(repository.get_result(job_id, name))


@router.get("/jobs/{job_id}/results", summary="List results", responses=problems(404))
def list_results(job_id: str, repository: ReadingDep, root: RootDep) -> ResultList:
    """List the files that are ready; finished chromosomes appear while others still run."""
    job = repository.get_job(job_id)
    return ResultList(results=[view_result(row, job, root) for row in repository.results(job_id)])


@router.head("/jobs/{job_id}/results/{name}", include_in_schema=False)
@router.get(
    "/jobs/{job_id}/results/{name}",
    summary="Download a result",
    response_class=Response,
    responses=_FILE_RESPONSES,
)
async def download_result(
    request: Request, services: ServicesDep, file: Annotated[Download, Depends(_file)]
) -> Response:
    """Send a file, or the part of it that `Range` names; the ETag is the file's sha256."""
    return await send(request, services.storage, file)
