"""Work rows: adding, claiming, renewing, finishing, failing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from errors import Code, TesseraError
from jobs.records import NewWork, Renewal
from jobs.states import JobState, StageName, WorkState
from tests.jobs.conftest import OpenRepository
from tests.support.database import FakeClock
from tests.support.jobs import LEASE_S, WORKER, add_job, chunks, claimed, done, job_at_impute

ERROR = TesseraError(Code.internal, "It broke.").as_dict()


def test_claim_marks_the_row_and_starts_the_job(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
    clock.forward(5)
    with opened() as repository:
        row = claimed(repository)
    with opened() as repository:
        job = repository.get_job(job_id)
        assert repository.claim("cpu", WORKER, LEASE_S) is None
    assert (row.state, row.attempt, row.worker) == (WorkState.running, 1, WORKER)
    assert row.lease_until == clock.now() + timedelta(seconds=LEASE_S)
    assert (job.state, job.started_at) == (JobState.validating, clock.now())


def test_claim_looks_at_its_own_queue_only(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 0).id
        repository.add_work(job_id, chunks(1, queue="gpu"))
    with opened() as repository:
        assert repository.claim("cpu", WORKER, LEASE_S) is None
        assert claimed(repository, queue="gpu").stage is StageName.impute


def test_jobs_take_turns_and_the_oldest_begins(opened: OpenRepository, clock: FakeClock) -> None:
    jobs = []
    for _ in range(3):
        with opened() as repository:
            jobs.append(add_job(repository).id)
        clock.forward(1)
    with opened() as repository:
        for job_id in jobs:
            repository.add_work(job_id, chunks(3))
    order = []
    for _ in range(6):
        with opened() as repository:
            order.append(jobs.index(claimed(repository).job_id))
    assert order == [0, 1, 2, 0, 1, 2]


def test_later_stages_of_a_job_come_first(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 2).id
        repository.add_work(job_id, [NewWork(StageName.assemble, 0, chromosome="19")])
        order = [(row.stage, row.index) for row in (claimed(repository) for _ in range(3))]
    assert order == [(StageName.assemble, 0), (StageName.impute, 0), (StageName.impute, 1)]


def test_add_work_is_idempotent(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 2).id
        done(repository, claimed(repository))
    with opened() as repository:
        assert repository.add_work(job_id, chunks(3)) == 1
        assert repository.add_work(job_id, [*chunks(3), *chunks(3)]) == 0
        states = [row.state for row in repository.work_rows(job_id, StageName.impute)]
    assert states == [WorkState.done, WorkState.pending, WorkState.pending]


def test_unfinished_rows_are_counted_by_stage_and_chromosome(opened: OpenRepository) -> None:
    with opened() as repository:
        other = job_at_impute(repository, 0).id
        job_id = job_at_impute(repository, 2).id
        repository.add_work(job_id, chunks(1, "21", first=2))
        done(repository, claimed(repository))
        claimed(repository)
        repository.add_work(other, chunks(5))
        stage = StageName.impute
        counts = [repository.unfinished(job_id, stage, name) for name in (None, "20", "21", "22")]
        assert counts == [2, 1, 1, 0]
        assert repository.unfinished(job_id, StageName.ingest) == 0


def test_renewal_prolongs_and_reports_progress(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        row = claimed(repository)
    clock.forward(50)
    with opened() as repository:
        assert repository.renew(row.id, row.attempt, WORKER, LEASE_S, progress=0.5) is Renewal.ok
    with opened() as repository:
        [row] = repository.work_rows(job_id)
        assert repository.get_job(job_id).progress == pytest.approx(0.025)
    assert row.lease_until == clock.now() + timedelta(seconds=LEASE_S)
    assert row.progress == 0.5


@pytest.mark.parametrize("progress", [None, 0.5])
def test_renewal_tells_who_lost_the_row_and_why(
    opened: OpenRepository, clock: FakeClock, progress: float | None
) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        row = claimed(repository)
        assert repository.renew(row.id, row.attempt, "other", LEASE_S, progress) is Renewal.lost
        assert repository.renew(row.id, row.attempt + 1, WORKER, LEASE_S, progress) is Renewal.lost
    clock.forward(LEASE_S + 1)
    with opened() as repository:
        repository.sweep(3)
        assert repository.renew(row.id, row.attempt, WORKER, LEASE_S, progress) is Renewal.lost
        row = claimed(repository)
        repository.cancel_job(job_id)
        assert repository.renew(row.id, row.attempt, WORKER, LEASE_S, progress) is Renewal.cancelled
        repository.delete_job(job_id)
        assert repository.renew(row.id, row.attempt, WORKER, LEASE_S, progress) is Renewal.cancelled


def test_lease_that_ran_out_holds_until_it_is_swept(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        add_job(repository)
        row = claimed(repository)
    clock.forward(LEASE_S * 2)
    with opened() as repository:
        assert repository.renew(row.id, row.attempt, WORKER, LEASE_S) is Renewal.ok
        assert repository.sweep(3).requeued == ()


def test_finish_keeps_the_result_and_how_long_it_took(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        row = claimed(repository)
    clock.forward(2.5)
    with opened() as repository:
        assert repository.finish(row.id, row.attempt, WORKER, {"sites": 4})
        [row] = repository.work_rows(job_id)
    assert (row.state, row.result, row.seconds, row.finished_at) == (WorkState.done, {"sites": 4}, 2.5, clock.now())
    assert row.lease_until is None


def test_only_the_holder_finishes_or_fails_and_only_once(opened: OpenRepository) -> None:
    with opened() as repository:
        add_job(repository)
        row = claimed(repository)
    for work_id, attempt, worker in [(row.id, 2, WORKER), (row.id, 1, "other"), (row.id + 1000, 1, WORKER)]:
        with opened() as repository:
            assert not repository.finish(work_id, attempt, worker, {})
            assert not repository.fail_work(work_id, attempt, worker, ERROR, retry=True)
    with opened() as repository:
        assert repository.finish(row.id, 1, WORKER, {"first": True})
        assert not repository.finish(row.id, 1, WORKER, {"second": True})
        assert not repository.fail_work(row.id, 1, WORKER, ERROR, retry=False)
    with opened() as repository:
        assert repository.work_rows(row.job_id)[0].result == {"first": True}


def test_late_worker_cannot_finish_after_the_row_was_claimed_again(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        add_job(repository)
        late = claimed(repository)
        late_attempt = late.attempt
    clock.forward(LEASE_S + 1)
    with opened() as repository:
        repository.sweep(3)
        again = claimed(repository)  # by a worker of the same name
    with opened() as repository:
        assert not repository.finish(late.id, late_attempt, WORKER, {"late": True})
        assert repository.finish(again.id, again.attempt, WORKER, {"late": False})


def test_finish_after_cancel_is_refused(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        row = claimed(repository)
        repository.cancel_job(job_id)
    with opened() as repository:
        assert not repository.finish(row.id, row.attempt, WORKER, {})


def test_failed_work_is_tried_three_times_then_fails_the_job(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 2).id
    for attempt in (1, 2, 3):
        with opened() as repository:
            assert repository.get_job(job_id).state in (JobState.validating, JobState.running)
            row = claimed(repository)
            assert (row.index, row.attempt) == (0, attempt)
            assert repository.fail_work(row.id, row.attempt, WORKER, ERROR, retry=True)
    with opened() as repository:
        job = repository.get_job(job_id)
        rows = repository.work_rows(job_id, StageName.impute)
    assert (job.state, job.error) == (JobState.failed, ERROR)
    assert [row.state for row in rows] == [WorkState.failed, WorkState.cancelled]


def test_failure_without_retry_fails_the_job_at_once(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        row = claimed(repository)
        assert repository.fail_work(row.id, row.attempt, WORKER, ERROR, retry=False)
        assert repository.get_job(job_id).state is JobState.failed
        assert repository.claim("cpu", WORKER, LEASE_S) is None
