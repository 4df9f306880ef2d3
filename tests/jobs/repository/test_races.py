"""Workers on threads of their own: nothing is claimed twice, nothing is forgotten, nobody waits in a circle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from jobs.records import NewWork, Renewal
from jobs.states import JobState, StageName, WorkState
from tests.jobs.conftest import OpenRepository
from tests.support.database import FakeClock
from tests.support.jobs import LEASE_S, add_job, chunks, claimed, job_at_impute

WORKERS = 8
Answer = TypeVar("Answer")


def at_once(call: Callable[[int], Answer], number: int = WORKERS) -> list[Answer]:
    """Call with 0, 1, ... on threads that set off together."""
    gate = Barrier(number)

    def go(n: int) -> Answer:
        gate.wait()
        return call(n)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(go, range(number)))


def test_no_row_is_claimed_twice_and_none_is_left(opened: OpenRepository) -> None:
    with opened() as repository:
        jobs = [add_job(repository).id for _ in range(3)]
        for job_id in jobs:
            repository.add_work(job_id, chunks(9))

    def claim_all(worker: int) -> list[int]:
        mine: list[int] = []
        while True:
            with opened() as repository:
                row = repository.claim("cpu", f"worker-{worker}", LEASE_S)
                if row is None:
                    return mine
                mine.append(row.id)

    counts = Counter(row_id for mine in at_once(claim_all) for row_id in mine)
    assert len(counts) == 30
    assert set(counts.values()) == {1}
    with opened() as repository:
        rows = [row for job_id in jobs for row in repository.work_rows(job_id)]
    assert {(row.state, row.attempt) for row in rows} == {(WorkState.running, 1)}


def test_one_row_goes_to_one_of_many(opened: OpenRepository) -> None:
    for _ in range(3):
        with opened() as repository:
            job_id = add_job(repository).id

        def claim(worker: int) -> bool:
            with opened() as repository:
                return repository.claim("cpu", f"worker-{worker}", LEASE_S) is not None

        assert sum(at_once(claim)) == 1
        with opened() as repository:
            repository.cancel_job(job_id)


def test_the_last_chunk_to_finish_starts_the_next_stage_once(opened: OpenRepository) -> None:
    for _ in range(3):
        with opened() as repository:
            job_id = job_at_impute(repository, WORKERS).id
            rows = [claimed(repository, f"worker-{n}") for n in range(WORKERS)]

        def finish(n: int, job_id: str = job_id, rows: list = rows) -> int:  # type: ignore[type-arg]
            with opened() as repository:
                assert repository.finish(rows[n].id, rows[n].attempt, f"worker-{n}", {})
                unfinished = [
                    row for row in repository.work_rows(job_id, StageName.impute) if row.state is not WorkState.done
                ]
                return 0 if unfinished else repository.add_work(job_id, [NewWork(StageName.assemble)])

        assert sum(at_once(finish)) == 1
        with opened() as repository:
            assert len(repository.work_rows(job_id, StageName.assemble)) == 1
            repository.cancel_job(job_id)


def test_add_work_at_once_adds_once(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository).id

    def add(_: int) -> int:
        with opened() as repository:
            return repository.add_work(job_id, chunks(5))

    assert sum(at_once(add)) == 5


def test_finish_and_sweep_at_once_agree_on_one_outcome(opened: OpenRepository, clock: FakeClock) -> None:
    for _ in range(5):
        with opened() as repository:
            job_id = add_job(repository).id
            row = claimed(repository, "late")
        clock.forward(LEASE_S + 1)

        def settle(n: int, row=row) -> bool:  # type: ignore[no-untyped-def]
            with opened() as repository:
                if n == 0:
                    return repository.finish(row.id, row.attempt, "late", {})
                return bool(repository.sweep(3).requeued)

        assert sum(at_once(settle, 4)) == 1
        with opened() as repository:
            repository.cancel_job(job_id)


def test_everything_at_once_ends_without_deadlock(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        jobs = [add_job(repository).id for _ in range(4)]
        for job_id in jobs:
            repository.add_work(job_id, chunks(6))

    def work(n: int) -> int:
        finished = 0
        for _ in range(60):
            with opened() as repository:
                row = repository.claim("cpu", f"worker-{n}", LEASE_S)
            if row is None:
                break
            with opened() as repository:
                renewal = repository.renew(row.id, row.attempt, f"worker-{n}", LEASE_S, progress=0.5)
                assert renewal in (Renewal.ok, Renewal.cancelled)
            with opened() as repository:
                finished += repository.finish(row.id, row.attempt, f"worker-{n}", {})
        return finished

    def act(n: int) -> int:
        if n == 0:
            with opened() as repository:
                repository.cancel_job(jobs[3])
            return 0
        if n == 1:
            for _ in range(5):
                with opened() as repository:
                    repository.sweep(3)
            return 0
        return work(n)

    finished = sum(at_once(act))
    with opened() as repository:
        states = Counter(row.state for job_id in jobs for row in repository.work_rows(job_id))
        assert repository.get_job(jobs[3]).state is JobState.cancelled
    assert states[WorkState.done] == finished
    assert states[WorkState.done] + states[WorkState.cancelled] == 28
    assert states[WorkState.done] >= 21


def test_events_of_a_job_become_visible_in_the_order_of_their_ids(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository).id

    def tell(n: int) -> None:
        for step in range(5):
            with opened() as repository:
                repository.add_event(job_id, "note", {"from": n, "step": step})

    seen: list[int] = []

    def watch() -> None:
        with opened() as repository:
            seen.extend(event.id for event in repository.events_after(job_id, seen[-1] if seen else 0))

    def act(n: int) -> None:
        if n:
            tell(n)
        else:
            for _ in range(20):
                watch()

    at_once(act, 4)
    watch()
    with opened() as repository:
        assert seen == [event.id for event in repository.events_after(job_id)]
