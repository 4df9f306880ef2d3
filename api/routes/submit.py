"""`POST /jobs`: a VCF comes in."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse

from api.deps import RootDep, ServicesDep, UnitDep
from api.jobview import job_path, view_job
from api.negotiation import wants_html
from api.openapi import SUBMIT_BODY, problems
from api.schemas.job import Job
from api.services import Services
from api.submission.body import receive_body
from api.submission.choice import check_pedigree, choose
from api.submission.fields import JobFields
from api.submission.followup import reuse_upload
from api.submission.multipart import boundary_of
from api.submission.receiver import UploadLimits, UploadReceiver, too_large
from jobs.ids import new_job_id
from jobs.records import NewFile, NewJob

router = APIRouter(tags=["jobs"])

# What the fields and the part headers of a form may add to its files.
_FORM_SLACK_BYTES = 4 << 20


async def _receive(request: Request, services: ServicesDep) -> tuple[str, JobFields, list[NewFile]]:
    """Stream the form into storage before any transaction begins; the new job's id, its fields and its files."""
    boundary = boundary_of(request.headers.get("content-type"))
    uploads = services.settings.uploads
    _refuse_declared(request.headers, uploads.max_bytes)
    job_id = new_job_id(services.clock)
    limits = UploadLimits(uploads.max_bytes, uploads.max_files)
    check, reuse = partial(_check, services), partial(reuse_upload, services, job_id)
    receiver = UploadReceiver(services.storage, job_id, boundary, limits, check, reuse)
    with services.metrics.uploads.track_inprogress():
        fields, files = await receive_body(
            request.stream(), receiver, services.upload_limiter, services.metrics.upload_bytes.inc
        )
    return job_id, fields, files


Received = Annotated[tuple[str, JobFields, list[NewFile]], Depends(_receive)]


@router.post(
    "/jobs",
    status_code=202,
    response_model=Job,
    summary="Submit a job",
    openapi_extra={"requestBody": SUBMIT_BODY},
    responses=problems(400, 404, 413, 422, 507),
)
def submit_job(
    received: Received, unit: UnitDep, services: ServicesDep, root: RootDep, request: Request, response: Response
) -> Response | Job:
    """Submit genotypes for imputation: `curl -F vcf=@x.vcf.gz http://localhost:8000/jobs`.

    Everything but `vcf` may be left out, and fields may come before or after the files. Fields are checked at once; the
    contents of the files are checked by the job. In place of files, `from_job` takes the upload of an earlier job:
    `curl -F from_job=JOB`.
    """
    job_id, fields, files = received
    # Should the transaction fail, the files must not stay behind.
    unit.after_rollback.append(partial(services.storage.delete, f"jobs/{job_id}/"))
    first = next(file.filename for file in files if file.kind == "vcf")
    values = {**asdict(fields), "name": fields.name or first}
    del values["from_job"]
    row = unit.repository.create_job(NewJob(id=job_id, **values), files)
    unit.after_commit.append(services.ring)
    if wants_html(request.headers.get("accept")):
        # A form that was sent without scripts: the browser goes on to the job's page.
        return RedirectResponse(job_path(root, job_id), 303)
    response.headers["Location"] = job_path(root, job_id)
    return view_job(unit.repository, row, root)


def _refuse_declared(headers: Headers, max_bytes: int) -> None:
    """Refuse a body that says itself that it is too large, before it is sent."""
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes + _FORM_SLACK_BYTES:
        raise too_large(max_bytes)


def _check(services: Services, fields: JobFields, pedigree: bool | None) -> JobFields:
    check_pedigree(fields, pedigree)
    return choose(fields, pedigree, services.settings.bundles.dir, services.settings.chains)
