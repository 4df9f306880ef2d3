"""A job from its creation to its removal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update

from errors import Code, TesseraError
from jobs.ids import new_job_id
from jobs.records import NewFile, NewJob
from jobs.repository.advance import Advance
from jobs.states import ENDED_STATES, RESTARTABLE_STATES, JobState, StageName, WorkState
from jobs.tables import JobFileRow, JobRow, ResultRow, WorkRow

_EXPIRE_BATCH = 100  # jobs a call, to keep the transaction short
_UNFINISHED = (WorkState.pending, WorkState.running)
_STOPPED = (WorkState.failed, WorkState.cancelled)


def job_prefix(job_id: str) -> str:
    """The storage folder that holds everything of a job."""
    return f"jobs/{job_id}/"


class Lifecycle(Advance):
    """State changes of whole jobs."""

    def create_job(self, new: NewJob, files: Sequence[NewFile]) -> JobRow:
        """A queued job with its files and one pending row, that of ingest in queue `cpu`."""
        job = JobRow(
            id=new.id or new_job_id(self.clock),
            name=new.name,
            mode=new.mode,
            engine=new.engine,
            bundle=new.bundle,
            build=new.build,
            format=new.format,
            r2_min=new.r2_min,
            strict=new.strict,
            options=dict(new.options),
            recipient=new.recipient,
            state=JobState.queued,
            stage=StageName.ingest,
            progress=0.0,
            created_at=self.now(),
        )
        self.session.add(job)
        self.session.flush()
        for position, file in enumerate(files):
            self.session.add(
                JobFileRow(
                    job_id=job.id,
                    position=position,
                    kind=file.kind,
                    filename=file.filename,
                    key=file.key,
                    size=file.size,
                    sha256=file.sha256,
                )
            )
        self.session.add(new_work_row(job.id, StageName.ingest, self.now()))
        self._event(
            job.id, "state", {"state": job.state.value, "stage": job.stage.value, "progress": 0.0, "eta_s": None}
        )
        return job

    def cancel_job(self, job_id: str) -> JobRow:
        """Stop a job; its workers learn it at their next renewal. Cancelling twice does no harm.

        Raises:
            TesseraError: `job_not_found`, or `state_conflict` when the job has ended otherwise.
        """
        job = self.lock_job(job_id)
        if job.state is not JobState.cancelled:
            self._set_state(job, JobState.cancelled)
            self._stop_rows(job_id)
        return job

    def fail_job(self, job_id: str, error: dict[str, Any]) -> JobRow:
        """End a job with an error (`TesseraError.as_dict()`); finished chromosomes stay downloadable.

        Raises:
            TesseraError: `job_not_found`, or `state_conflict` when the job has ended already.
        """
        job = self.lock_job(job_id)
        self._fail(job, error)
        return job

    def complete_job(self, job_id: str) -> JobRow:
        """End a job well.

        Raises:
            TesseraError: `job_not_found`, or `state_conflict` when the job is not at work.
        """
        job = self.lock_job(job_id)
        job.progress = 1.0
        self._set_state(job, JobState.complete)
        return job

    def restart_job(self, job_id: str) -> JobRow:
        """Run a failed or cancelled job again from the last good stage: finished rows are not redone.

        The caller rings for `pending_by_queue(job_id)`.

        Raises:
            TesseraError: `job_not_found`, or `state_conflict` in any other state.
        """
        job = self.lock_job(job_id)
        if job.state not in RESTARTABLE_STATES:
            raise TesseraError(
                Code.state_conflict, f"The job is {job.state}; only a failed or cancelled job can be restarted."
            )
        if not self._reopen(job_id, WorkRow.state.in_(_STOPPED)):
            last = self.session.execute(select(func.max(WorkRow.id)).where(WorkRow.job_id == job_id)).scalar_one()
            self._reopen(job_id, WorkRow.id == last)
        job.error = job.started_at = job.finished_at = job.expires_at = None
        job.progress = 0.0
        self._set_state(job, JobState.queued)
        self._refresh(job)
        return job

    def delete_job(self, job_id: str) -> list[str]:
        """Remove every row of a job, in whatever state; the storage prefixes to delete after the commit.

        Raises:
            TesseraError: `job_not_found`.
        """
        job = self.lock_job(job_id)
        self.session.execute(
            delete(JobRow).where(JobRow.id == job_id), execution_options={"synchronize_session": False}
        )
        self.session.expunge(job)
        return [job_prefix(job_id)]

    def expire_jobs(self, now: datetime | None = None) -> list[str]:
        """Expire jobs whose time is over, at most 100 a call; the storage prefixes to delete before the commit.

        Before, because a prefix forgotten after the commit would stay for ever, and deleting twice does no harm.
        """
        query = (
            select(JobRow.id)
            .where(JobRow.expires_at <= (now or self.now()), JobRow.state.in_(ENDED_STATES))
            .order_by(JobRow.id)
            .limit(_EXPIRE_BATCH)
        )
        prefixes = []
        for job_id in self.session.execute(query).scalars().all():
            job = self._try_lock(job_id)
            if job is None or job.state not in ENDED_STATES:
                continue
            self._set_state(job, JobState.expired)
            for table in (ResultRow, WorkRow):
                self.session.execute(
                    delete(table).where(table.job_id == job_id), execution_options={"synchronize_session": False}
                )
            prefixes.append(job_prefix(job_id))
        return prefixes

    def set_bundle(self, job_id: str, bundle: str) -> None:
        """Pin the bundle that was chosen for a job."""
        self.lock_job(job_id).bundle = bundle

    def set_qc(self, job_id: str, qc: dict[str, Any], *, samples: int | None = None, sites: int | None = None) -> None:
        """Keep the counts of quality control, and how many samples and sites came in."""
        job = self.lock_job(job_id)
        job.qc = qc
        job.samples = samples if samples is not None else job.samples
        job.sites = sites if sites is not None else job.sites
        self._event(job_id, "qc", {"qc": qc, "samples": job.samples, "sites": job.sites})

    def _fail(self, job: JobRow, error: dict[str, Any]) -> None:
        """End a locked job with an error."""
        job.error = error
        self._set_state(job, JobState.failed)
        self._event(job.id, "error", error)
        self._stop_rows(job.id)

    def _stop_rows(self, job_id: str) -> None:
        self._changed(
            update(WorkRow)
            .where(WorkRow.job_id == job_id, WorkRow.state.in_(_UNFINISHED))
            .values(state=WorkState.cancelled, lease_until=None)
        )

    def _reopen(self, job_id: str, condition: Any) -> int:
        """Make rows pending again with fresh tries; `attempt` counts on, so that folders and fences stay unique."""
        return self._changed(
            update(WorkRow)
            .where(WorkRow.job_id == job_id, condition)
            .values(
                state=WorkState.pending, tries=0, progress=0.0, worker=None, lease_until=None, result=None, error=None
            )
        )


def new_work_row(job_id: str, stage: StageName, now: datetime, **values: Any) -> WorkRow:
    """A pending row of work."""
    defaults = {"index": 0, "queue": "cpu", "spec": {}, "cost": 1.0}
    return WorkRow(
        job_id=job_id,
        stage=stage,
        state=WorkState.pending,
        attempt=0,
        tries=0,
        progress=0.0,
        created_at=now,
        **{**defaults, **values},
    )
