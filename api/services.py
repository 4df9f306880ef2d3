"""What the routes work with, made once per application."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from api.metrics import Metrics, ServiceNumbers
from api.watch import EventHub, JobEvents
from errors import TesseraError
from jobs.clock import Clock, SystemClock
from jobs.database import make_engine, session_factory
from jobs.repository import EventRow, Repository
from jobs.settings import Settings
from jobs.states import ENDED_STATES, JobState
from jobs.storage import Storage, make_storage

log = logging.getLogger("tessera.api")

# States after which no event follows unless the job is restarted.
FINAL_STATES = ENDED_STATES | {JobState.expired}
QUEUES = ("cpu", "gpu")
# Uploads that may hash and write at the same moment; more would only take turns on the same disk.
UPLOAD_THREADS = 8
_EVENT_PAGE = 500


@dataclass
class UnitOfWork:
    """One transaction of a request, and what must follow it.

    Attributes:
        repository: bound to the transaction.
        after_commit: called in order once the commit has succeeded; failures are logged, as the answer is already true.
        after_rollback: called in order when the transaction is given up.
    """

    repository: Repository
    after_commit: list[Callable[[], object]] = field(default_factory=list)
    after_rollback: list[Callable[[], object]] = field(default_factory=list)


class Services:
    """Database, storage and the rest behind one application."""

    def __init__(self, settings: Settings, *, storage: Storage | None = None, clock: Clock | None = None) -> None:
        """Connect what the settings name; tests may pass a storage or a clock of their own."""
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.storage: Storage = storage or make_storage(settings)
        self.engine: Engine = make_engine(settings.database.url, settings.database.pool_size)
        self._writing: sessionmaker[Session] = session_factory(self.engine)
        self._reading: sessionmaker[Session] = session_factory(self.engine, read_only=True)
        self.metrics = Metrics(self._numbers)
        self.hub = EventHub(self.read_events)
        self.upload_limiter = anyio.CapacityLimiter(UPLOAD_THREADS)

    @contextmanager
    def reading(self) -> Iterator[Repository]:
        """A repository for reading; never waits for a writer."""
        with self._reading() as session:
            yield self._repository(session)

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        """One transaction: committed when the block ends well, else rolled back."""
        with self._writing() as session:
            unit = UnitOfWork(self._repository(session))
            try:
                yield unit
                session.commit()
            except BaseException:
                session.rollback()
                _call_all(unit.after_rollback)
                raise
        _call_all(unit.after_commit)

    def ring(self, queue: str = "cpu", n: int = 1) -> None:
        """Tell the workers of a queue that there is work."""
        # Imported at the first job: Celery is a fifth of the memory that the API may take.
        from jobs import doorbell

        doorbell.ring(self.settings, queue, n)

    def read_events(self, positions: Mapping[str, int]) -> dict[str, JobEvents]:
        """Return what happened to jobs since the event ids given; jobs that are gone are left out.

        Each state is read before the events, so that a final one means that all events are among them.
        """
        news: dict[str, JobEvents] = {}
        with self.reading() as repository:
            for job_id, after in positions.items():
                try:
                    state = repository.get_job(job_id).state
                except TesseraError:
                    continue
                events: list[EventRow] = []
                while page := repository.events_after(job_id, events[-1].id if events else after, _EVENT_PAGE):
                    events += page
                    if len(page) < _EVENT_PAGE:
                        break
                news[job_id] = JobEvents(state.value, state in FINAL_STATES, events)
        return news

    def _repository(self, session: Session) -> Repository:
        return Repository(session, self.clock, retention_days=self.settings.retention.days)

    def _numbers(self) -> ServiceNumbers:
        with self.reading() as repository:
            return ServiceNumbers(
                jobs={state.value: count for state, count in repository.count_by_state().items()},
                queues={queue: repository.pending_count(queue) for queue in QUEUES},
                workers=len(repository.running_workers()),
            )

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def _call_all(hooks: list[Callable[[], object]]) -> None:
    for hook in hooks:
        try:
            hook()
        except Exception:
            log.exception("a step after the transaction failed")
