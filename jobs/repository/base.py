"""What all parts of the repository share: the session, the lock on a job, state changes, events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from sqlalchemy import Select, Update, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from errors import Code, TesseraError
from jobs.clock import Clock, SystemClock
from jobs.states import ENDED_STATES, JobState, may_become
from jobs.tables import EventRow, JobRow

DEFAULT_RETENTION_DAYS = 7.0

Row = TypeVar("Row")


class RepositoryBase:
    """Holds one session and one clock.

    Locks are always taken in the order job, then work rows, and several jobs in the order of their ids; that is what
    keeps concurrent calls from waiting for each other in a circle.
    """

    def __init__(
        self, session: Session, clock: Clock | None = None, *, retention_days: float = DEFAULT_RETENTION_DAYS
    ) -> None:
        """Work in `session`, which the caller commits; ended jobs expire after `retention_days`."""
        self.session = session
        self.clock = clock or SystemClock()
        self.retention = timedelta(days=retention_days)

    def now(self) -> datetime:
        """The present moment."""
        return self.clock.now()

    def find_job(self, job_id: str) -> JobRow | None:
        """The job as the database has it now, or None."""
        return self._one(select(JobRow).where(JobRow.id == job_id))

    def get_job(self, job_id: str) -> JobRow:
        """The job as the database has it now.

        Raises:
            TesseraError: `job_not_found`.
        """
        return _present(self.find_job(job_id), job_id)

    def lock_job(self, job_id: str) -> JobRow:
        """The job, held until the transaction ends: one caller at a time decides what follows from its rows.

        Raises:
            TesseraError: `job_not_found`.
        """
        return _present(self._try_lock(job_id), job_id)

    def add_event(self, job_id: str, kind: str, data: dict[str, Any]) -> None:
        """Record something that happened to a job. The lock makes event ids of a job grow in the order of commits."""
        self.lock_job(job_id)
        self._event(job_id, kind, data)

    def _try_lock(self, job_id: str) -> JobRow | None:
        # FOR NO KEY UPDATE, so that inserts of rows that only refer to the job need not wait.
        return self._one(select(JobRow).where(JobRow.id == job_id).with_for_update(key_share=True))

    def _one(self, query: Select[Row]) -> Row | None:
        """The one row, read afresh even when the session knows an older version of it."""
        return self.session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()

    def _changed(self, statement: Update) -> int:
        """Run an UPDATE; how many rows it changed."""
        self.session.flush()
        result = self.session.execute(statement, execution_options={"synchronize_session": False})
        return cast("CursorResult[Any]", result).rowcount

    def _event(self, job_id: str, kind: str, data: dict[str, Any]) -> None:
        self.session.add(EventRow(job_id=job_id, kind=kind, data=data, created_at=self.now()))
        self.session.flush()

    def _set_state(self, job: JobRow, state: JobState) -> None:
        """Change the state of a locked job. Raises `state_conflict` when that is not legal."""
        if not may_become(job.state, state):
            raise TesseraError(
                Code.state_conflict, f"The job is {job.state} and cannot become {state}.", state=job.state.value
            )
        job.state = state
        if state in ENDED_STATES:
            job.finished_at = self.now()
            job.expires_at = self.now() + self.retention
        self._event(job.id, "state", snapshot(job))


def snapshot(job: JobRow, eta_s: float | None = None) -> dict[str, Any]:
    """What `state`, `stage` and `progress` events carry."""
    return {"state": job.state.value, "stage": job.stage.value, "progress": round(job.progress, 4), "eta_s": eta_s}


def _present(job: JobRow | None, job_id: str) -> JobRow:
    if job is None:
        raise TesseraError(Code.job_not_found, f"There is no job '{job_id}'.")
    return job
