"""One row from claim to finish: the transactions around a stage, and what every kind of ending means."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from errors import Code, TesseraError
from jobs.clock import Clock
from jobs.records import NewWork, Renewal
from jobs.repository import Repository
from jobs.states import StageName
from worker.chain import advance
from worker.folders import work_root
from worker.lease import Lease, LeaseEnded, WorkerStopping
from worker.logs import working_on
from worker.stages import NEEDS, Desk, Task, Tools, run_stage

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs rows for one worker process."""

    name: str  # worker name, see worker.identity
    sessions: sessionmaker[Session]
    clock: Clock
    tools: Tools
    ring: Callable[[str, int], object]  # queue, how often
    stopping: Callable[[], bool]

    def run_next(self, queue: str) -> bool:
        """Claim the next row of a queue and work on it; False when there was none."""
        task = self._claim(queue)
        if task is None:
            return False
        row = task.row
        with working_on(row.job_id, row.id, row.stage, row.index, row.attempt):
            logger.info("started")
            following = self._run(task)
            for queue_name in sorted({new.queue for new in following}):
                self.ring(queue_name, sum(new.queue == queue_name for new in following))
        return True

    @contextmanager
    def _repository(self) -> Iterator[Repository]:
        """A repository in a transaction that commits at the end of the block."""
        with self.sessions.begin() as session:
            yield Repository(session, self.clock, retention_days=self.tools.settings.retention.days)

    def _claim(self, queue: str) -> Task | None:
        """Claim a row, and read what its stage needs of the job."""
        with self._repository() as repository:
            row = repository.claim(queue, self.name, self.tools.settings.leases.seconds)
            if row is None:
                return None
            return Task(
                row=row,
                job=repository.get_job(row.job_id),
                files=repository.job_files(row.job_id),
                earlier={stage: repository.work_rows(row.job_id, stage) for stage in NEEDS[row.stage]},
                results=repository.results(row.job_id),
            )

    def _run(self, task: Task) -> list[NewWork]:
        """Work on a claimed row; returns the rows to ring for."""
        lease = Lease(lambda fraction: self._renew(task, fraction), self.tools.settings.leases.seconds, self.stopping)
        try:
            with lease, self.tools.scratch.work(str(task.row.id)) as folder:
                desk = Desk(task, self.tools, lease, folder / "in", folder / "out")
                desk.inputs.mkdir()
                desk.out.mkdir()
                result = run_stage(desk)
                lease.check()
            return self._finish(task, result)
        except WorkerStopping:
            logger.info("given back: the worker stops")
            self._discard(task)
            with self._repository() as repository:
                repository.release([self.name])
            self.ring(task.row.queue, 1)
        except LeaseEnded as ended:
            logger.info("thrown away: %s", ended)
            self._discard(task)
        except TesseraError as error:
            logger.info("refused: %s: %s", error.code.value, error.message)
            self._fail(task, error, retry=False)
        except Exception:
            logger.exception("broke")
            self._fail(task, TesseraError(Code.internal, "The server met an error of its own at this job."), retry=True)
        return []

    def _renew(self, task: Task, fraction: float | None) -> Renewal:
        """Prolong the lease of a row, and say how far it is unless that has not changed."""
        row = task.row
        with self._repository() as repository:
            return repository.renew(row.id, row.attempt, self.name, self.tools.settings.leases.seconds, fraction)

    def _finish(self, task: Task, result: dict[str, Any]) -> list[NewWork]:
        """Mark the row done and add what follows, in one transaction; `finish` takes the job's lock."""
        row = task.row
        following: list[NewWork] = []
        with self._repository() as repository:
            finished = repository.finish(row.id, row.attempt, self.name, result)
            if finished:
                following = advance(repository, task.job, row, result)
        if not finished:
            logger.info("thrown away: finished too late")
            self._discard(task)
            return []
        if row.stage is StageName.deliver:
            self.tools.storage.delete(work_root(row.job_id))
        logger.info("done")
        return following

    def _fail(self, task: Task, error: TesseraError, *, retry: bool) -> None:
        """Count a failed attempt; without a retry left, the job fails.

        Nobody rings for a retry: it waits for the next sweep, which gives passing trouble some time to pass.
        What was published stays if the row is neither ours nor cancelled: an error may also follow a commit that went
        through.
        """
        row, attempts = task.row, self.tools.settings.leases.max_attempts
        with self._repository() as repository:
            ours = repository.fail_work(row.id, row.attempt, self.name, error.as_dict(), retry, attempts)
        if ours or self._renew(task, 0.0) is Renewal.cancelled:
            self._discard(task)

    def _discard(self, task: Task) -> None:
        """Delete what this attempt published; nobody has been told of it."""
        self.tools.storage.delete(task.work_prefix)
        self.tools.storage.delete(task.result_prefix)
