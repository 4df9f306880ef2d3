"""A job from the upload of an earlier one: nothing is sent again, and each job owns its copy."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from api.submission.fields import FieldError, FieldsRefused, JobFields
from errors import Code, TesseraError
from jobs.records import NewFile
from jobs.states import JobState

if TYPE_CHECKING:
    from api.services import Services

_FIELD = "from_job"


def reuse_upload(services: Services, job_id: str, source_id: str) -> tuple[JobFields, list[NewFile]]:
    """Copy the upload of a job within storage; call it in a thread.

    A copy, since either job may be deleted or expire before the other. It costs no room in a local folder (a second
    name of the same bytes), and in S3 the store copies by itself.

    Args:
        services: database and storage.
        job_id: id of the job to be.
        source_id: the earlier job, in any state but expired.

    Returns:
        The earlier job's fields with mode `impute`, and the files of the new one.

    Raises:
        TesseraError: `job_not_found`, or `upload_gone` when the upload has been removed.
    """
    with services.reading() as repository:
        source = repository.find_job(source_id)
        stored = repository.job_files(source_id)
    if source is None:
        raise FieldsRefused([FieldError(_FIELD, f"There is no job '{source_id}'.", Code.job_not_found)])
    if source.state is JobState.expired or not stored:
        raise _gone(source_id)
    files = []
    for row in stored:
        key = f"jobs/{job_id}/uploads/{row.key.rsplit('/', 1)[1]}"
        try:
            services.storage.copy(row.key, key)
        except KeyError as problem:
            raise _gone(source_id) from problem
        files.append(NewFile(row.kind, row.filename, key, row.size, row.sha256))
    # A job's row names what the form names; whatever field is added to both goes along.
    kept = {one.name: getattr(source, one.name, None) for one in dataclasses.fields(JobFields) if one.name != "mode"}
    fields = JobFields(**{name: value for name, value in kept.items() if value is not None})
    return dataclasses.replace(fields, from_job=source_id), files


def _gone(source_id: str) -> TesseraError:
    return FieldsRefused([FieldError(_FIELD, f"The upload of job '{source_id}' is no longer there.", Code.upload_gone)])
