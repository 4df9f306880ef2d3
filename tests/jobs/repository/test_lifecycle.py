"""Jobs from creation to removal."""

from __future__ import annotations

from datetime import timedelta

import pytest

from errors import Code, TesseraError
from jobs.records import NewResult, NewWork
from jobs.states import JobState, StageName, WorkState
from tests.jobs.conftest import OpenRepository
from tests.support.database import FakeClock
from tests.support.jobs import WORKER, add_job, chunks, claimed, done, job_at_impute

ERROR = TesseraError(Code.no_overlap, "None of the sites is in the bundle.").as_dict()


def kinds(opened: OpenRepository, job_id: str) -> list[tuple[str, str | None]]:
    with opened() as repository:
        return [(event.kind, event.data.get("state")) for event in repository.events_after(job_id)]


def test_new_job_waits_with_one_ingest_row(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = add_job(repository, files=2, name="cohort", r2_min=0.3, strict=True).id
    with opened() as repository:
        job = repository.get_job(job_id)
        rows = repository.work_rows(job_id)
        files = repository.job_files(job_id)
    assert job_id.startswith("job_")
    assert (job.state, job.stage, job.progress) == (JobState.queued, StageName.ingest, 0.0)
    assert (job.name, job.r2_min, job.strict, job.created_at) == ("cohort", 0.3, True, clock.now())
    assert [(row.stage, row.index, row.queue, row.state) for row in rows] == [
        (StageName.ingest, 0, "cpu", WorkState.pending)
    ]
    assert [file.filename for file in files] == ["chr0.vcf.gz", "chr1.vcf.gz"]
    assert kinds(opened, job_id) == [("state", "queued")]


def test_job_may_bring_the_id_its_uploads_lie_under(opened: OpenRepository) -> None:
    with opened() as repository:
        assert add_job(repository, id="job_00000000000000000000000000").id == "job_00000000000000000000000000"


def test_unknown_job_is_job_not_found(opened: OpenRepository) -> None:
    with opened() as repository:
        assert repository.find_job("job_x") is None
        for call in (repository.get_job, repository.cancel_job, repository.restart_job, repository.delete_job):
            with pytest.raises(TesseraError) as caught:
                call("job_x")
            assert caught.value.code is Code.job_not_found


def test_states_follow_the_stages_to_complete(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
    seen = []
    for stage in (*StageName, None):
        with opened() as repository:
            if stage is not StageName.ingest and stage is not None:
                repository.add_work(job_id, [NewWork(stage)])
            if stage is None:
                repository.complete_job(job_id)
            else:
                done(repository, claimed(repository))
            seen.append(repository.get_job(job_id).state.value)
    assert seen == ["validating"] * 3 + ["running"] * 4 + ["complete"]
    with opened() as repository:
        job = repository.get_job(job_id)
    assert job.progress == 1.0
    assert job.finished_at == clock.now()
    assert job.expires_at == clock.now() + timedelta(days=7)
    stages = [stage for kind, stage in _stage_events(opened, job_id) if kind == "stage"]
    assert stages == [stage.value for stage in StageName if stage is not StageName.ingest]


def _stage_events(opened: OpenRepository, job_id: str) -> list[tuple[str, str]]:
    with opened() as repository:
        return [(event.kind, event.data["stage"]) for event in repository.events_after(job_id)]


def test_cancel_stops_every_unfinished_row_and_is_idempotent(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 3).id
        claimed(repository)
    with opened() as repository:
        repository.cancel_job(job_id)
        repository.cancel_job(job_id)
    with opened() as repository:
        job = repository.get_job(job_id)
        states = [row.state for row in repository.work_rows(job_id)]
        assert repository.claim("cpu", WORKER, 60) is None
    assert job.state is JobState.cancelled
    assert job.expires_at is not None
    assert states == [WorkState.done, WorkState.cancelled, WorkState.cancelled, WorkState.cancelled]
    assert [event for event in kinds(opened, job_id) if event == ("state", "cancelled")] == [("state", "cancelled")]


def test_failed_job_keeps_error_and_results(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 1).id
        repository.add_result(job_id, NewResult("chr20.dose.vcf.gz", "k", 5, "a" * 64, "20", "application/gzip"))
        repository.fail_job(job_id, ERROR)
    with opened() as repository:
        job = repository.get_job(job_id)
        assert job.error is not None
        assert (job.state, job.error["code"]) == (JobState.failed, "no_overlap")
        assert len(repository.results(job_id)) == 1
        errors = [event.data for event in repository.events_after(job_id) if event.kind == "error"]
    assert errors == [ERROR]


@pytest.mark.parametrize("ending", ["complete_job", "cancel_job", "restart_job"])
def test_ended_job_refuses_further_changes(opened: OpenRepository, ending: str) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 1).id
        if ending == "complete_job":
            repository.fail_job(job_id, ERROR)
        else:
            repository.complete_job(job_id)
    with opened() as repository, pytest.raises(TesseraError) as caught:
        getattr(repository, ending)(job_id)
    assert caught.value.code is Code.state_conflict


def test_restart_redoes_only_what_was_not_done(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 3).id
        done(repository, claimed(repository), {"sites": 7})
        lost = claimed(repository)
        repository.fail_work(lost.id, lost.attempt, WORKER, ERROR, retry=False)
    with opened() as repository:
        job = repository.restart_job(job_id)
        assert (job.state, job.stage, job.error, job.expires_at) == (JobState.queued, StageName.impute, None, None)
        assert job.progress > 0
        assert repository.pending_by_queue(job_id) == {"cpu": 2}
    with opened() as repository:
        rows = repository.work_rows(job_id)
        states = [row.state for row in rows]
        again = claimed(repository)
        job = repository.get_job(job_id)
    assert states == [WorkState.done, WorkState.done, WorkState.pending, WorkState.pending]
    assert rows[1].result == {"sites": 7}
    assert (again.id, again.attempt, again.tries) == (lost.id, 2, 1)
    assert job.state is JobState.running


def test_restart_with_every_row_done_repeats_the_last(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        done(repository, claimed(repository))
        repository.fail_job(job_id, ERROR)
        repository.restart_job(job_id)
        row = claimed(repository)
    assert (row.stage, row.attempt) == (StageName.ingest, 2)


def test_delete_removes_every_trace_and_names_the_storage(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = job_at_impute(repository, 2).id
        other = add_job(repository).id
        assert repository.delete_job(job_id) == [f"jobs/{job_id}/"]
    with opened() as repository:
        assert repository.find_job(job_id) is None
        assert repository.work_rows(job_id) == []
        assert repository.events_after(job_id) == []
        assert repository.job_files(job_id) == []
        assert repository.find_job(other) is not None


def test_jobs_expire_after_their_time_only(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        ended, active = job_at_impute(repository, 1).id, add_job(repository).id
        repository.add_result(ended, NewResult("report.html", "k", 5, "a" * 64, None, "text/html"))
        repository.complete_job(ended)
    clock.forward(7 * 86400 - 1)
    with opened() as repository:
        assert repository.expire_jobs() == []
    clock.forward(1)
    with opened() as repository:
        assert repository.expire_jobs() == [f"jobs/{ended}/"]
        assert repository.expire_jobs() == []
        assert repository.get_job(ended).state is JobState.expired
        assert repository.results(ended) == []
        assert repository.get_job(active).state is JobState.queued
        with pytest.raises(TesseraError, match="expired"):
            repository.restart_job(ended)


def test_quality_control_is_kept_and_told(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        repository.set_qc(job_id, {"matched": 9}, samples=3, sites=10)
        repository.set_qc(job_id, {"matched": 8})
    with opened() as repository:
        job = repository.get_job(job_id)
        events = [event.data for event in repository.events_after(job_id) if event.kind == "qc"]
    assert (job.qc, job.samples, job.sites) == ({"matched": 8}, 3, 10)
    assert events[0] == {"qc": {"matched": 9}, "samples": 3, "sites": 10}


def test_rolled_back_transaction_leaves_nothing(opened: OpenRepository) -> None:
    def refuse() -> None:
        with opened() as repository:
            add_job(repository, id="job_00000000000000000000000001")
            raise RuntimeError("the edge gives up")

    with pytest.raises(RuntimeError):
        refuse()
    with opened() as repository:
        assert repository.list_jobs() == ([], None)
        assert repository.claim("cpu", WORKER, 60) is None


def test_chunks_of_another_job_are_left_alone(opened: OpenRepository) -> None:
    with opened() as repository:
        first, second = job_at_impute(repository, 0).id, job_at_impute(repository, 2).id
        repository.add_work(first, chunks(1))
        repository.cancel_job(first)
    with opened() as repository:
        assert [row.state for row in repository.work_rows(second, StageName.impute)] == [WorkState.pending] * 2
