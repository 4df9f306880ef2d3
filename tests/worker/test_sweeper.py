"""The sweeper mends what killed processes, a lost broker and time leave behind."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.records import NewJob
from jobs.states import JobState, WorkState
from jobs.tables import WorkRow
from tests.support.worker import Workplace, worker_settings
from worker import sweeper
from worker.identity import here, worker_name
from worker.sweeper import Sweeper


class HandClock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def place(tmp_path: Path, clock: HandClock) -> Workplace:
    return Workplace(worker_settings(tmp_path), clock=clock)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Doorbells of the sweeper; one message waits in queue cpu."""
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(sweeper, "backlog", lambda settings, queue: 1 if queue == "cpu" else 0)
    monkeypatch.setattr(sweeper, "ring", lambda settings, queue, n: found.append((queue, n)))
    return found


def add_jobs(place: Workplace, count: int) -> list[str]:
    with place.repository() as repository:
        return [repository.create_job(NewJob(bundle="b"), []).id for _ in range(count)]


def claim(place: Workplace, worker: str) -> WorkRow:
    with place.repository() as repository:
        row = repository.claim("cpu", worker, 60)
        assert row is not None
        return row


def first_row(place: Workplace, job_id: str) -> WorkRow:
    with place.repository() as repository:
        return repository.work_rows(job_id)[0]


def dead_worker() -> str:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = worker_name(process.pid)
    process.kill()
    process.wait()
    return name


def sweep(place: Workplace) -> None:
    Sweeper(place.settings, place.storage, place.clock).sweep()


def test_rings_for_pending_rows_that_no_message_stands_for(place: Workplace, rung: list[tuple[str, int]]) -> None:
    add_jobs(place, 3)
    sweep(place)
    assert rung == [("cpu", 2)]


def test_rows_of_dead_processes_are_freed_at_once_others_when_the_lease_is_over(
    place: Workplace, clock: HandClock, rung: list[tuple[str, int]]
) -> None:
    add_jobs(place, 3)
    jobs = [claim(place, name).job_id for name in (dead_worker(), worker_name(), "elsewhere:0+0:1:1")]
    sweep(place)
    assert [first_row(place, job).state for job in jobs] == ["pending", "running", "running"]
    clock.time += timedelta(seconds=61)
    sweep(place)
    assert [first_row(place, job).state for job in jobs] == ["pending"] * 3


def test_third_loss_fails_the_job(place: Workplace, rung: list[tuple[str, int]]) -> None:
    (job_id,) = add_jobs(place, 1)
    for state in (WorkState.pending, WorkState.pending, WorkState.failed):
        claim(place, dead_worker())
        sweep(place)
        assert first_row(place, job_id).state is state
    with place.repository() as repository:
        job = repository.get_job(job_id)
    assert job.state is JobState.failed
    assert job.error is not None
    assert job.error["code"] == "lost_worker"


def test_expired_jobs_lose_their_data(place: Workplace, clock: HandClock, rung: list[tuple[str, int]]) -> None:
    old, young = add_jobs(place, 2)
    for job_id in (old, young):
        with place.storage.create(f"jobs/{job_id}/uploads/0-x.vcf") as writer:
            writer.write(b"x")
            writer.commit()
    with place.repository() as repository:
        repository.cancel_job(old)
    clock.time += timedelta(days=place.settings.retention.days, seconds=1)
    sweep(place)
    assert place.stored() == {f"jobs/{young}/uploads/0-x.vcf"}
    with place.repository() as repository:
        assert repository.get_job(old).state is JobState.expired
        assert repository.get_job(young).state is JobState.queued


def test_scratch_of_dead_workers_and_ended_jobs_goes(place: Workplace, rung: list[tuple[str, int]]) -> None:
    ended, active = add_jobs(place, 2)
    with place.repository() as repository:
        repository.cancel_job(ended)
    scratch = place.settings.worker.scratch
    for name in (f"{here()}:{2**22 + 1}:1", worker_name(), "elsewhere:0+0:1:1"):
        for job in (ended, active):
            (scratch / name / "inputs" / job).mkdir(parents=True)
    sweep(place)
    left = {str(path.relative_to(scratch)) for path in scratch.glob("*/inputs/*")}
    assert left == {f"{worker_name()}/inputs/{active}", f"elsewhere:0+0:1:1/inputs/{active}"}


def test_thread_goes_on_after_trouble_and_ends_when_told(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, rung: list[tuple[str, int]]
) -> None:
    add_jobs(place, 2)
    made = sweeper.make_engine
    broken = iter([True, False])

    def sometimes(url: str, pool_size: int) -> object:
        if next(broken, False):
            raise OSError("database away")
        return made(url, pool_size)

    monkeypatch.setattr(sweeper, "make_engine", sometimes)
    one = Sweeper(place.settings, place.storage, place.clock)
    one.start()
    while not rung:
        time.sleep(0.05)
    one.stop()
    assert "database away" in caplog.text
