"""Work rows: added once, claimed by one worker at a time, renewed, finished or failed by their holder only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import aliased

from jobs.records import NewWork, Renewal
from jobs.repository.lifecycle import Lifecycle, new_work_row
from jobs.states import ACTIVE_STATES, STAGE_ORDER, JobState, StageName, WorkState
from jobs.tables import JobRow, WorkRow

_STAGE_ORDER = case({stage: stage.order for stage in STAGE_ORDER}, value=WorkRow.stage)


class Queue(Lifecycle):
    """The queue that the work table is."""

    def add_work(self, job_id: str, rows: Sequence[NewWork]) -> int:
        """Add pending rows to a job, leaving out those whose (stage, index) it has; how many were new."""
        job = self.lock_job(job_id)
        known = {(row.stage, row.index) for row in self.work_rows(job_id)}
        added = 0
        for new in rows:
            if (new.stage, new.index) in known:
                continue
            known.add((new.stage, new.index))
            self.session.add(
                new_work_row(
                    job_id,
                    new.stage,
                    self.now(),
                    index=new.index,
                    queue=new.queue,
                    chromosome=new.chromosome,
                    spec=new.spec,
                    cost=new.cost,
                )
            )
            added += 1
        self._refresh(job)
        return added

    def work_rows(self, job_id: str, stage: StageName | None = None) -> list[WorkRow]:
        """The rows of a job, or of one of its stages, in pipeline order. Hold `lock_job` to decide from them."""
        query = select(WorkRow).where(WorkRow.job_id == job_id).order_by(_STAGE_ORDER, WorkRow.index)
        if stage is not None:
            query = query.where(WorkRow.stage == stage)
        return list(self.session.execute(query.execution_options(populate_existing=True)).scalars())

    def claim(self, queue: str, worker: str, lease_s: float) -> WorkRow | None:
        """Take the next pending row of a queue, or None; commit at once, before the work begins.

        The job with the fewest running rows comes first, so that a large job cannot keep small ones waiting; among
        equals the oldest. Within a job the latest stage comes first, so that chromosomes are finished one by one.
        """
        while (job_id := self._next_job(queue)) is not None:
            attempt = self.session.begin_nested()  # rolling it back frees the lock on a job that has nothing left
            job = self._try_lock(job_id)
            row = self._take(job_id, queue, worker, lease_s) if job is not None else None
            if job is None or row is None:
                attempt.rollback()
                continue
            attempt.commit()
            self._begin(job, row)
            return row
        return None

    def renew(self, work_id: int, attempt: int, worker: str, lease_s: float, progress: float | None = None) -> Renewal:
        """Prolong a lease, and say how far the row is (0-1) if known. A lease that ran out holds until it is swept."""
        values: dict[str, Any] = {"lease_until": self.now() + timedelta(seconds=lease_s)}
        job = None
        if progress is not None:
            values["progress"] = min(max(progress, 0.0), 1.0)
            job = self._lock_job_of(work_id)
        if self._changed(_held(work_id, attempt, worker).values(**values)):
            if job is not None:
                self._refresh(job)
            return Renewal.ok
        state = self.session.execute(select(WorkRow.state).where(WorkRow.id == work_id)).scalar_one_or_none()
        return Renewal.cancelled if state in (None, WorkState.cancelled) else Renewal.lost

    def finish(self, work_id: int, attempt: int, worker: str, result: dict[str, Any]) -> bool:
        """Mark a row done if the caller still holds it; False: throw the work away. The job is locked from here on."""
        job = self._lock_job_of(work_id)
        if job is None:
            return False
        started = self.session.execute(select(WorkRow.started_at).where(WorkRow.id == work_id)).scalar_one_or_none()
        now = self.now()
        done = self._changed(
            _held(work_id, attempt, worker).values(
                state=WorkState.done,
                result=result,
                error=None,
                progress=1.0,
                lease_until=None,
                finished_at=now,
                seconds=(now - started).total_seconds() if started else None,
            )
        )
        if done:
            self._refresh(job)
        return bool(done)

    def fail_work(
        self, work_id: int, attempt: int, worker: str, error: dict[str, Any], retry: bool, max_attempts: int = 3
    ) -> bool:
        """Give a row up if the caller still holds it; False when it does not.

        With `retry` the row goes back to the queue until it was tried `max_attempts` times; otherwise row and job fail.
        """
        job = self._lock_job_of(work_id)
        if job is None:
            return False
        tries = self.session.execute(select(WorkRow.tries).where(WorkRow.id == work_id)).scalar_one_or_none() or 0
        again = retry and tries < max_attempts
        state = WorkState.pending if again else WorkState.failed
        values = {"state": state, "error": error, "progress": 0.0, "lease_until": None}
        if not self._changed(_held(work_id, attempt, worker).values(**values)):
            return False
        if not again and job.state in ACTIVE_STATES:
            self._fail(job, error)
        return True

    def _next_job(self, queue: str) -> str | None:
        """The job whose turn it is."""
        running = aliased(WorkRow)
        busy = (
            select(func.count())
            .where(running.job_id == JobRow.id, running.state == WorkState.running)
            .correlate(JobRow)
            .scalar_subquery()
        )
        waiting = (
            select(WorkRow.id)
            .where(WorkRow.job_id == JobRow.id, WorkRow.state == WorkState.pending, WorkRow.queue == queue)
            .correlate(JobRow)
            .exists()
        )
        query = select(JobRow.id).where(JobRow.state.in_(ACTIVE_STATES), waiting).order_by(busy, JobRow.id).limit(1)
        return self.session.execute(query).scalar_one_or_none()

    def _take(self, job_id: str, queue: str, worker: str, lease_s: float) -> WorkRow | None:
        """Compare-and-swap the next pending row of a locked job."""
        query = (
            select(WorkRow)
            .where(WorkRow.job_id == job_id, WorkRow.queue == queue, WorkRow.state == WorkState.pending)
            .order_by(_STAGE_ORDER.desc(), WorkRow.index)
            .limit(1)
        )
        row = self._one(query)
        if row is None:
            return None
        taken = self._changed(
            update(WorkRow)
            .where(WorkRow.id == row.id, WorkRow.state == WorkState.pending, WorkRow.attempt == row.attempt)
            .values(
                state=WorkState.running,
                attempt=WorkRow.attempt + 1,
                tries=WorkRow.tries + 1,
                progress=0.0,
                worker=worker,
                lease_until=self.now() + timedelta(seconds=lease_s),
                started_at=self.now(),
                finished_at=None,
            )
        )
        return self._one(select(WorkRow).where(WorkRow.id == row.id)) if taken else None

    def _begin(self, job: JobRow, row: WorkRow) -> None:
        """Bring a job's state and stage up to a row of it that begins."""
        job.started_at = job.started_at or self.now()
        state = row.stage.job_state
        if job.state is JobState.queued or (job.state is JobState.validating and state is JobState.running):
            self._set_state(job, state)
        self._refresh(job)

    def _lock_job_of(self, work_id: int) -> JobRow | None:
        job_id = self.session.execute(select(WorkRow.job_id).where(WorkRow.id == work_id)).scalar_one_or_none()
        return None if job_id is None else self._try_lock(job_id)


def _held(work_id: int, attempt: int, worker: str) -> Any:
    """An UPDATE of the row if this attempt of this worker still runs it."""
    return update(WorkRow).where(
        WorkRow.id == work_id,
        WorkRow.attempt == attempt,
        WorkRow.worker == worker,
        WorkRow.state == WorkState.running,
    )
