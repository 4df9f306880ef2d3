from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime

import anyio
import pytest

from api import watch
from api.watch import EventHub, JobEvents
from jobs.repository import EventRow

WATCHERS = 1000


class Journal:
    """Events in memory, read as the database would be; counts the threads that read at the same time."""

    def __init__(self) -> None:
        self.events: dict[str, list[EventRow]] = {}
        self.final: set[str] = set()
        self.reads = 0
        self.most_at_once = 0
        self.fail = False
        self._reading = 0
        self._lock = threading.Lock()

    def add(self, job_id: str, kind: str = "progress") -> None:
        number = sum(map(len, self.events.values())) + 1
        row = EventRow(id=number, job_id=job_id, kind=kind, data={}, created_at=datetime.now(UTC))
        self.events.setdefault(job_id, []).append(row)

    def read(self, positions: Mapping[str, int]) -> dict[str, JobEvents]:
        with self._lock:
            self.reads += 1
            self._reading += 1
            self.most_at_once = max(self.most_at_once, self._reading)
        try:
            if self.fail:
                raise OSError("the database is away")
            return {
                job_id: JobEvents("x", job_id in self.final, [e for e in self.events[job_id] if e.id > after])
                for job_id, after in positions.items()
                if job_id in self.events
            }
        finally:
            with self._lock:
                self._reading -= 1


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.01)


async def collect(hub: EventHub, job_id: str, into: list[int], after: int = 0) -> None:
    async for batch in hub.watch(job_id, after):
        into += [event.id for event in batch.events]


@pytest.mark.anyio
async def test_a_thousand_watchers_get_everything_once_and_share_the_reading() -> None:
    journal = Journal()
    for job_id in ("a", "b"):
        journal.add(job_id)
    hub = EventHub(journal.read)
    seen: list[list[int]] = [[] for _ in range(WATCHERS)]
    async with anyio.create_task_group() as background:
        background.start_soon(hub.run)
        async with anyio.create_task_group() as watchers:
            for number, into in enumerate(seen):
                watchers.start_soon(collect, hub, "ab"[number % 2], into)
            while not all(seen):
                await anyio.sleep(0.01)
            before = journal.reads
            for job_id in ("a", "b"):
                journal.add(job_id)
            while not all(len(into) == 2 for into in seen):
                await anyio.sleep(0.01)
            # Polling, not one read for each watcher.
            assert journal.reads - before < 100
            for job_id in ("a", "b"):
                journal.add(job_id, "state")
                journal.final.add(job_id)
        background.cancel_scope.cancel()
    assert all(into == [[1, 3, 5], [2, 4, 6]][number % 2] for number, into in enumerate(seen))
    assert journal.most_at_once <= 2
    assert hub._topics == {}


@pytest.mark.anyio
async def test_watchers_at_different_places_of_one_job() -> None:
    journal = Journal()
    for _ in range(5):
        journal.add("a")
    hub = EventHub(journal.read)
    late: list[int] = []
    early: list[int] = []
    async with anyio.create_task_group() as background:
        background.start_soon(hub.run)
        async with anyio.create_task_group() as watchers:
            watchers.start_soon(collect, hub, "a", late, 4)
            while not late:
                await anyio.sleep(0.01)
            watchers.start_soon(collect, hub, "a", early, 0)
            journal.add("a")
            while len(early) < 6:
                await anyio.sleep(0.01)
            journal.final.add("a")
        background.cancel_scope.cancel()
    assert early == [1, 2, 3, 4, 5, 6]
    assert late == [5, 6]


@pytest.mark.anyio
async def test_a_database_that_comes_back_is_read_again() -> None:
    journal = Journal()
    journal.add("a")
    hub = EventHub(journal.read)
    seen: list[int] = []
    async with anyio.create_task_group() as background:
        background.start_soon(hub.run)
        async with anyio.create_task_group() as watchers:
            watchers.start_soon(collect, hub, "a", seen)
            while not seen:
                await anyio.sleep(0.01)
            journal.fail = True
            reads = journal.reads
            while journal.reads < reads + 3:
                await anyio.sleep(0.01)
            journal.fail = False
            journal.add("a")
            journal.final.add("a")
        background.cancel_scope.cancel()
    assert seen == [1, 2]


@pytest.mark.anyio
async def test_a_stream_that_does_not_keep_up_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "BACKLOG_BATCHES", 2)
    journal = Journal()
    journal.add("a")
    hub = EventHub(journal.read)
    async with anyio.create_task_group() as background:
        background.start_soon(hub.run)
        batches = hub.watch("a", 0)
        await anext(batches)
        for _ in range(6):
            journal.add("a")
            reads = journal.reads
            while journal.reads < reads + 2:
                await anyio.sleep(0.01)
        rest = [event.id async for batch in batches for event in batch.events]
        background.cancel_scope.cancel()
    # What had been passed on before still arrives, in order and without a gap; the client comes back for the rest.
    assert rest == list(range(2, 2 + len(rest)))
    assert len(rest) < 6


@pytest.mark.anyio
async def test_after_closing_there_is_only_the_past() -> None:
    journal = Journal()
    journal.add("a")
    hub = EventHub(journal.read)
    hub.close()
    seen: list[int] = []
    await collect(hub, "a", seen)
    assert seen == [1]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
