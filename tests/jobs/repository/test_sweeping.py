"""Lost leases and dead workers."""

from __future__ import annotations

from jobs.records import SweepReport
from jobs.states import JobState, WorkState
from tests.jobs.conftest import OpenRepository
from tests.support.database import FakeClock
from tests.support.jobs import LEASE_S, WORKER, add_job, chunks, claimed, done, job_at_impute


def test_live_leases_are_left_alone(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        add_job(repository)
        claimed(repository)
    clock.forward(LEASE_S)
    with opened() as repository:
        assert repository.sweep(3) == SweepReport()


def test_expired_lease_goes_back_to_its_queue_and_keeps_its_attempt(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 0).id
        repository.add_work(job_id, chunks(2, queue="gpu"))
        row_id = claimed(repository, queue="gpu").id
    clock.forward(LEASE_S + 1)
    with opened() as repository:
        assert repository.sweep(3) == SweepReport((row_id,), (), ("gpu",))
    with opened() as repository:
        row = repository.work_rows(job_id)[1]
        assert (row.state, row.attempt, row.lease_until) == (WorkState.pending, 1, None)
        assert row.error is not None
        assert row.error["code"] == "lost_worker"
        assert claimed(repository, "other", "gpu").attempt == 2
        assert repository.get_job(job_id).state is JobState.running


def test_third_loss_fails_row_and_job(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 2).id
    reports = []
    for _ in range(3):
        with opened() as repository:
            row_id = claimed(repository).id
        clock.forward(LEASE_S + 1)
        with opened() as repository:
            reports.append(repository.sweep(3))
    assert [report.requeued for report in reports] == [(row_id,), (row_id,), ()]
    assert reports[2].failed == (row_id,)
    with opened() as repository:
        job = repository.get_job(job_id)
        assert job.state is JobState.failed
        assert job.error is not None
        assert job.error["code"] == "lost_worker"
        assert "chromosome 20 stopped without a word 3 times" in job.error["message"]
        assert repository.claim("cpu", WORKER, LEASE_S) is None


def test_one_sweep_fails_a_job_once_though_two_rows_are_spent(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 3).id
        for _ in range(2):
            claimed(repository)
    clock.forward(LEASE_S + 1)
    with opened() as repository:
        report = repository.sweep(1)
        states = [event.data["state"] for event in repository.events_after(job_id) if event.kind == "state"]
    assert len(report.failed) + len(report.requeued) == 1
    assert states.count("failed") == 1


def test_dead_workers_lose_their_rows_at_once(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 3).id
        first, second, third = (claimed(repository, name).id for name in ("dead-1", "dead-2", "alive"))
        assert repository.running_workers() == {"dead-1", "dead-2", "alive"}
    with opened() as repository:
        report = repository.release(["dead-1", "dead-2"], max_attempts=3)
        states = {row.id: (row.state, row.tries) for row in repository.work_rows(job_id)}
    assert report == SweepReport((first, second), (), ("cpu",))
    assert states[first] == (WorkState.pending, 1)
    assert states[third] == (WorkState.running, 1)


def test_worker_that_dies_each_time_fails_the_job_by_release_too(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        for _ in range(3):
            claimed(repository, "dead")
            report = repository.release({"dead"}, max_attempts=3)
    assert len(report.failed) == 1
    with opened() as repository:
        assert repository.get_job(job_id).state is JobState.failed


def test_orderly_shutdown_does_not_count_as_a_try(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        for _ in range(5):
            row = claimed(repository)
            repository.release([WORKER])
        assert (row.attempt, row.tries) == (5, 1)
        [row] = repository.work_rows(job_id)
        assert (row.state, row.tries, row.error) == (WorkState.pending, 0, None)


def test_finished_rows_of_a_dead_worker_stay_done(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 2).id
        done(repository, claimed(repository))
        claimed(repository)
        repository.release([WORKER], max_attempts=3)
        states = [row.state for row in repository.work_rows(job_id)]
    assert states == [WorkState.done, WorkState.done, WorkState.pending]
