"""Progress and time left."""

from __future__ import annotations

import pytest

from jobs.records import NewWork
from jobs.states import StageName
from tests.jobs.conftest import OpenRepository
from tests.support.database import FakeClock
from tests.support.jobs import LEASE_S, WORKER, add_job, chunks, claimed, done, job_at_impute


def test_no_eta_before_the_first_chunk(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 4).id
        progress = repository.progress(job_id)
    assert (progress.stage, progress.chunks_done, progress.chunks_total) == (StageName.impute, 0, 4)
    assert progress.eta_s is None
    assert progress.chunk_seconds is None


def test_eta_is_pace_of_chunks_over_workers(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 10).id
        rows = [claimed(repository, f"worker-{n}") for n in range(2)]
    clock.forward(20)
    with opened() as repository:
        for row in rows:
            done(repository, row)
        progress = repository.progress(job_id)
    # 8 chunks of 20 s by two workers are 80 s; what follows imputation takes a tenth of it more (weights .10 to .80).
    assert progress.eta_s == pytest.approx(80 + 100 * 0.1 / 0.8, abs=0.1)
    assert progress.chunk_seconds == 20
    assert progress.chunks_done == 2


def test_eta_weighs_chunks_by_their_cost(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 0).id
        repository.add_work(job_id, [*chunks(1, cost=100.0), *chunks(1, first=1, cost=50.0)])
        row = claimed(repository)
    clock.forward(10)
    with opened() as repository:
        done(repository, row)
        eta = repository.progress(job_id).eta_s
    assert eta == pytest.approx(5 + 15 * 0.1 / 0.8, abs=0.1)


def test_eta_of_a_job_whose_only_chunk_is_under_way(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 1).id
        row = claimed(repository)
        clock.forward(1)
        repository.renew(row.id, row.attempt, WORKER, LEASE_S, progress=0.01)
        too_early = repository.progress(job_id).eta_s
        clock.forward(9)
        repository.renew(row.id, row.attempt, WORKER, LEASE_S, progress=0.25)
        eta = repository.progress(job_id).eta_s
    assert too_early is None
    assert eta == pytest.approx(30 + 40 * 0.1 / 0.8, abs=0.1)


def test_eta_of_two_workers_at_their_first_chunks(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 4).id
        rows = [claimed(repository, f"worker-{n}") for n in range(2)]
        clock.forward(10)
        for row in rows:
            repository.renew(row.id, row.attempt, row.worker or "", LEASE_S, progress=0.5)
        eta = repository.progress(job_id).eta_s
    # Three chunks of 20 s are left to two workers.
    assert eta == pytest.approx(30 + 40 * 0.1 / 0.8, abs=0.1)


def test_part_of_a_running_chunk_counts(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 2).id
        done(repository, claimed(repository))
        before = repository.progress(job_id).fraction
        row = claimed(repository)
        repository.renew(row.id, row.attempt, WORKER, LEASE_S, progress=0.5)
        after = repository.progress(job_id).fraction
    assert after - before == pytest.approx(0.8 / 4)


def test_progress_never_falls_and_ends_at_one(opened: OpenRepository) -> None:
    seen = [0.0]
    with opened() as repository:
        job_id = add_job(repository).id
        for rows in ([NewWork(StageName.harmonise)], [NewWork(StageName.plan)], [*chunks(2), *chunks(1, "21", 2)]):
            done(repository, claimed(repository))
            repository.add_work(job_id, rows)
            seen.append(repository.progress(job_id).fraction)
        for index in range(3):
            done(repository, claimed(repository))
            if index:
                repository.add_work(job_id, [NewWork(StageName.assemble, index)])
                done(repository, claimed(repository))
            seen.append(repository.progress(job_id).fraction)
        for stage in (StageName.report, StageName.deliver):
            repository.add_work(job_id, [NewWork(stage)])
            row = claimed(repository)
            repository.fail_work(row.id, row.attempt, WORKER, {}, retry=True)
            seen.append(repository.progress(job_id).fraction)
            done(repository, claimed(repository))
            seen.append(repository.progress(job_id).fraction)
        repository.complete_job(job_id)
        progress = repository.progress(job_id)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)
    assert (progress.fraction, progress.eta_s) == (1.0, None)


def test_stage_is_the_earliest_that_has_work(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 2).id
        done(repository, claimed(repository))
        repository.add_work(job_id, [NewWork(StageName.assemble)])
        assert claimed(repository).stage is StageName.assemble
        assert repository.progress(job_id).stage is StageName.impute
        done(repository, claimed(repository))
        assert repository.progress(job_id).stage is StageName.assemble


def test_quality_control_alone_reaches_one_without_imputation(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository, mode="qc").id
        for stage in (StageName.harmonise, StageName.report, StageName.deliver):
            done(repository, claimed(repository))
            repository.add_work(job_id, [NewWork(stage)])
        done(repository, claimed(repository))
        assert repository.progress(job_id).fraction == pytest.approx(1.0)


def test_progress_events_carry_what_a_page_shows(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 2).id
        row = claimed(repository)
    clock.forward(10)
    with opened() as repository:
        done(repository, row)
        last = repository.events_after(job_id)[-1]
    assert last.kind == "progress"
    assert last.data["state"] == "running"
    assert last.data["stage"] == "impute"
    assert last.data["progress"] == pytest.approx(0.05 + 0.4)
    assert last.data["eta_s"] > 0
