"""Finds lost work again: a thread in the worker's main process, at start and every `TESSERA_LEASES_SWEEP_SECONDS`."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session, sessionmaker

from errors import TesseraError
from jobs.clock import Clock, SystemClock
from jobs.database import make_engine, session_factory
from jobs.doorbell import QUEUES, backlog, ring
from jobs.repository import Repository
from jobs.settings import Settings
from jobs.states import ACTIVE_STATES
from jobs.storage import Storage, make_storage
from worker.abandoned import drop_abandoned
from worker.identity import is_dead
from worker.scratch import clean_scratch, jobs_in_scratch

logger = logging.getLogger(__name__)

_LOOK: Final = timedelta(hours=1)  # between two looks for abandoned uploads

_fork_gate = threading.Lock()
# A child that is forked during a sweep would inherit database connections half-way through a transaction, and locks of
# the broker's client or of imports whose holder it lacks.
os.register_at_fork(before=_fork_gate.acquire, after_in_parent=_fork_gate.release, after_in_child=_fork_gate.release)


class Sweeper:
    """Repairs what killed processes, a lost broker and time leave behind. Any number may run at once."""

    def __init__(self, settings: Settings, storage: Storage | None = None, clock: Clock | None = None) -> None:
        """Prepare; nothing is opened before the first sweep."""
        self._settings = settings
        self._storage = storage or make_storage(settings)
        self._clock = clock or SystemClock()
        self._scratch = settings.worker.scratch
        self._looked: datetime | None = None  # when abandoned uploads were looked for
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Sweep now and then periodically, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for a sweep that is under way."""
        self._stop.set()
        self._thread.join()

    def sweep(self) -> None:
        """One round: free lost rows, ring for pending ones, delete what has expired or was abandoned, clean scratch."""
        with _fork_gate:
            engine = make_engine(self._settings.database.url, pool_size=1)
            try:
                sessions = session_factory(engine)
                self._free(sessions)
                self._expire(sessions)
                self._drop_abandoned(sessions)
                with self._repository(sessions) as repository:
                    pending = {queue: repository.pending_count(queue) for queue in QUEUES}
                    ended = {job for job in jobs_in_scratch(self._scratch) if not _is_active(repository, job)}
            finally:
                engine.dispose()
            clean_scratch(self._scratch, ended)
            for queue, count in pending.items():
                self._ring(queue, count)

    def _drop_abandoned(self, sessions: sessionmaker[Session]) -> None:
        """Delete what killed processes left of uploads; not in every round, as it lists the storage."""
        now, limit = self._clock.now(), timedelta(hours=self._settings.uploads.abandoned_hours)
        if self._looked is not None and now < self._looked + min(_LOOK, limit / 4):
            return
        self._looked = now
        with self._repository(sessions) as repository:
            drop_abandoned(self._storage, lambda name: repository.find_job(name) is not None, now - limit)

    def _run(self) -> None:
        """Sweep until stopped; trouble with database, storage or disk is for the next round."""
        while True:
            try:
                self.sweep()
            except Exception:
                logger.exception("sweep failed")
            if self._stop.wait(self._settings.leases.sweep_seconds):
                return

    @contextmanager
    def _repository(self, sessions: sessionmaker[Session]) -> Iterator[Repository]:
        """A repository in a transaction that commits at the end of the block."""
        with sessions.begin() as session:
            yield Repository(session, self._clock, retention_days=self._settings.retention.days)

    def _free(self, sessions: sessionmaker[Session]) -> None:
        """Free the rows of dead processes of this machine, and those whose lease ran out."""
        attempts = self._settings.leases.max_attempts
        with self._repository(sessions) as repository:
            dead = [name for name in repository.running_workers() if is_dead(name)]
            reports = [repository.release(dead, attempts)] if dead else []
            reports.append(repository.sweep(attempts))
        for report in reports:
            if report.requeued:
                logger.warning("work %s lost its worker, queued again", list(report.requeued))
            if report.failed:
                logger.error("work %s lost its worker too often, job failed", list(report.failed))

    def _expire(self, sessions: sessionmaker[Session]) -> None:
        """Delete the data of jobs whose time is over; before the commit, so that a kill in between forgets nothing."""
        with self._repository(sessions) as repository:
            for prefix in repository.expire_jobs():
                self._storage.delete(prefix)
                logger.info("expired: %s", prefix)

    def _ring(self, queue: str, pending: int) -> None:
        """Ring once for every pending row that no message in the queue stands for."""
        if not pending:
            return
        waiting = backlog(self._settings, queue)
        if waiting is not None and pending > waiting:
            ring(self._settings, queue, pending - waiting)


def _is_active(repository: Repository, job_id: str) -> bool:
    """Whether a job is there and has not ended."""
    try:
        return repository.get_job(job_id).state in ACTIVE_STATES
    except TesseraError:
        return False
