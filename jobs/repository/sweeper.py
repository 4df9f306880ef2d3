"""Finding lost work again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, select, update

from errors import Code, TesseraError
from jobs.records import SweepReport
from jobs.repository.queue import Queue
from jobs.states import ACTIVE_STATES, WorkState
from jobs.tables import JobRow, WorkRow


class Sweeper(Queue):
    """Frees rows whose holders are gone."""

    def sweep(self, max_attempts: int) -> SweepReport:
        """Free rows whose lease has run out: back to the queue, or, after `max_attempts`, failed with their job."""
        return self._free(WorkRow.lease_until < self.now(), max_attempts)

    def release(self, workers: Collection[str], max_attempts: int | None = None) -> SweepReport:
        """Free the rows of named workers at once.

        With `max_attempts` the workers are known dead, and the loss counts as in `sweep`; without, they hand their rows
        back in good order (shutdown), and it does not count as a try.
        """
        return self._free(WorkRow.worker.in_(sorted(workers)), max_attempts)

    def _free(self, condition: ColumnElement[bool], max_attempts: int | None) -> SweepReport:
        candidates = select(WorkRow).where(WorkRow.state == WorkState.running, condition)
        query = candidates.order_by(WorkRow.job_id, WorkRow.id).execution_options(populate_existing=True)
        requeued, failed, queues = [], [], set()
        for row in self.session.execute(query).scalars().all():
            job = self._try_lock(row.job_id)
            if job is None:
                continue
            spent = max_attempts is not None and row.tries >= max_attempts
            error = _lost(row) if max_attempts is not None else None
            # The condition again: the holder may have renewed the lease since the SELECT.
            freed = update(WorkRow).where(
                WorkRow.id == row.id, WorkRow.attempt == row.attempt, WorkRow.state == WorkState.running, condition
            )
            values: dict[str, Any] = {"lease_until": None, "progress": 0.0, "error": error}
            values["state"] = WorkState.failed if spent else WorkState.pending
            values["tries"] = row.tries - 1 if max_attempts is None else row.tries
            if not self._changed(freed.values(**values)):
                continue
            if spent:
                failed.append(row.id)
                self._fail_lost(job, row)
            else:
                requeued.append(row.id)
                queues.add(row.queue)
        return SweepReport(tuple(requeued), tuple(failed), tuple(sorted(queues)))

    def _fail_lost(self, job: JobRow, row: WorkRow) -> None:
        if job.state in ACTIVE_STATES:
            self._fail(job, _lost(row))


def _lost(row: WorkRow) -> dict[str, Any]:
    """The error of a row whose worker vanished."""
    where = f" of chromosome {row.chromosome}" if row.chromosome else ""
    times = "once" if row.tries == 1 else f"{row.tries} times"
    return TesseraError(
        Code.lost_worker,
        f"The worker on stage {row.stage}{where} stopped without a word {times}.",
        stage=row.stage.value,
        index=row.index,
        attempt=row.attempt,
    ).as_dict()
