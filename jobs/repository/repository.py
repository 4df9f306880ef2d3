"""The repository whole: the queue and the lifecycle of jobs, and what only reads or lists."""

from __future__ import annotations

from sqlalchemy import func, select

from errors import Code, TesseraError
from jobs.records import NewResult
from jobs.repository.sweeper import Sweeper
from jobs.states import JobState, StageName, WorkState
from jobs.tables import EventRow, JobFileRow, JobRow, ResultRow, WorkRow


class Repository(Sweeper):
    """All SQL of the service, over one session that the caller commits."""

    def list_jobs(self, cursor: str | None = None, limit: int = 50) -> tuple[list[JobRow], str | None]:
        """Jobs from the newest on, after the one that `cursor` names; and the cursor of the next page, if any."""
        query = select(JobRow).order_by(JobRow.id.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(JobRow.id < cursor)
        rows = list(self.session.execute(query).scalars())
        return rows[:limit], rows[limit - 1].id if len(rows) > limit else None

    def job_files(self, job_id: str) -> list[JobFileRow]:
        """The uploaded files of a job in the order of the form."""
        query = select(JobFileRow).where(JobFileRow.job_id == job_id).order_by(JobFileRow.position)
        return list(self.session.execute(query).scalars())

    def add_result(self, job_id: str, new: NewResult) -> None:
        """Offer a file for download, instead of an older one of its name."""
        self.lock_job(job_id)
        row = self._one(select(ResultRow).where(ResultRow.job_id == job_id, ResultRow.name == new.name))
        if row is None:
            row = ResultRow(job_id=job_id, name=new.name)
            self.session.add(row)
        row.key, row.size, row.sha256 = new.key, new.size, new.sha256
        row.chromosome, row.media_type, row.created_at = new.chromosome, new.media_type, self.now()
        self._event(job_id, "result", {"name": new.name, "size": new.size, "chromosome": new.chromosome})

    def results(self, job_id: str) -> list[ResultRow]:
        """The files of a job in the order in which they were first offered."""
        query = select(ResultRow).where(ResultRow.job_id == job_id).order_by(ResultRow.id)
        return list(self.session.execute(query).scalars())

    def get_result(self, job_id: str, name: str) -> ResultRow:
        """One file of a job.

        Raises:
            TesseraError: `job_not_found` or `result_not_found`.
        """
        self.get_job(job_id)
        row = self._one(select(ResultRow).where(ResultRow.job_id == job_id, ResultRow.name == name))
        if row is None:
            raise TesseraError(Code.result_not_found, f"The job has no result '{name}'.")
        return row

    def events_after(self, job_id: str, event_id: int = 0, limit: int = 500) -> list[EventRow]:
        """The events of a job that came after one of them, oldest first."""
        query = select(EventRow).where(EventRow.job_id == job_id, EventRow.id > event_id).order_by(EventRow.id)
        return list(self.session.execute(query.limit(limit)).scalars())

    def queue_position(self, job_id: str) -> int | None:
        """1 for the queued job that is next; None when the job is not queued."""
        if self.get_job(job_id).state is not JobState.queued:
            return None
        query = select(func.count()).select_from(JobRow).where(JobRow.state == JobState.queued, JobRow.id <= job_id)
        return self.session.execute(query).scalar_one()

    def count_by_state(self) -> dict[JobState, int]:
        """Number of jobs in each state, zeros too."""
        query = select(JobRow.state, func.count()).group_by(JobRow.state)
        found = dict(self.session.execute(query).all())
        return {state: found.get(state, 0) for state in JobState}

    def pending_count(self, queue: str) -> int:
        """Pending rows of a queue."""
        query = select(func.count()).select_from(WorkRow)
        return self.session.execute(
            query.where(WorkRow.state == WorkState.pending, WorkRow.queue == queue)
        ).scalar_one()

    def unfinished(self, job_id: str, stage: StageName, chromosome: str | None = None) -> int:
        """Rows of a stage that are not done, of one chromosome if given; hold `lock_job` to decide anything from it."""
        query = select(func.count()).where(
            WorkRow.job_id == job_id, WorkRow.stage == stage, WorkRow.state != WorkState.done
        )
        if chromosome is not None:
            query = query.where(WorkRow.chromosome == chromosome)
        return self.session.execute(query).scalar_one()

    def pending_by_queue(self, job_id: str) -> dict[str, int]:
        """Pending rows of a job by queue: how often to ring where."""
        query = select(WorkRow.queue, func.count()).where(WorkRow.job_id == job_id, WorkRow.state == WorkState.pending)
        return dict(self.session.execute(query.group_by(WorkRow.queue)).all())

    def running_workers(self) -> set[str]:
        """Names of the workers that hold a row."""
        query = select(WorkRow.worker).where(WorkRow.state == WorkState.running).distinct()
        return {name for name in self.session.execute(query).scalars() if name is not None}
