"""One row from claim to finish, and every way in which it can end; small functions stand in for the stages."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from errors import Code, TesseraError
from jobs.records import NewJob
from jobs.states import JobState, WorkState
from jobs.tables import JobRow, WorkRow
from tests.support.worker import Workplace, worker_settings
from worker import execute
from worker.stages import Desk


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(worker_settings(tmp_path))


@pytest.fixture
def job_id(place: Workplace) -> str:
    with place.repository() as repository:
        return repository.create_job(NewJob(bundle="b"), []).id


def look(place: Workplace, job_id: str) -> tuple[JobRow, WorkRow]:
    """The job and its first row."""
    with place.repository() as repository:
        return repository.get_job(job_id), repository.work_rows(job_id)[0]


def run(place: Workplace, monkeypatch: pytest.MonkeyPatch, stage: Callable[[Desk], dict[str, Any]]) -> bool:
    monkeypatch.setattr(execute, "run_stage", stage)
    return place.executor().run_next("cpu")


def publish_something(desk: Desk) -> dict[str, Any]:
    (desk.out / "c0.gt").write_bytes(b"data")
    return {"folder": desk.publish_work(), "results": desk.publish_results([desk.out / "c0.gt"])}


def assert_nothing_left(place: Workplace) -> None:
    assert place.stored() == set()
    assert list(place.settings.worker.scratch.glob("*/work/*")) == []


def test_empty_queue(place: Workplace) -> None:
    assert not place.executor().run_next("cpu")


def test_finished_row_is_published_and_followed(place: Workplace, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(place, monkeypatch, publish_something)
    _, row = look(place, job_id)
    assert row.state is WorkState.done
    assert row.result is not None
    prefix = f"jobs/{job_id}/work/ingest/0/attempt-1/"
    assert row.result["folder"] == {"prefix": prefix, "files": ["c0.gt"]}
    assert place.stored() == {prefix + "c0.gt", f"jobs/{job_id}/results/ingest/0/attempt-1/c0.gt"}
    assert place.rung == [("cpu", 1)]
    with place.repository() as repository:
        assert [one.stage for one in repository.work_rows(job_id)] == ["ingest", "harmonise"]
        assert [one.name for one in repository.results(job_id)] == ["c0.gt"]
    assert list(place.settings.worker.scratch.glob("*/work/*")) == []


def test_refusal_fails_the_job_at_once(place: Workplace, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(desk: Desk) -> dict[str, Any]:
        publish_something(desk)
        raise TesseraError(Code.no_gt, "There is no GT.")

    run(place, monkeypatch, refuse)
    job, row = look(place, job_id)
    assert (job.state, row.state) == (JobState.failed, WorkState.failed)
    assert job.error is not None
    assert job.error["code"] == "no_gt"
    assert_nothing_left(place)


def test_breakage_is_tried_again_and_then_fails_without_its_traceback(
    place: Workplace, job_id: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(desk: Desk) -> dict[str, Any]:
        publish_something(desk)
        raise ZeroDivisionError("secret detail")

    for attempt in range(1, place.settings.leases.max_attempts + 1):
        assert look(place, job_id)[0].error is None
        assert run(place, monkeypatch, break_down)
        assert look(place, job_id)[1].attempt == attempt
    job, row = look(place, job_id)
    assert (job.state, row.state) == (JobState.failed, WorkState.failed)
    assert job.error is not None
    assert job.error["code"] == "internal"
    assert "secret" not in str(job.error)
    assert "secret detail" in caplog.text
    assert_nothing_left(place)
    assert not run(place, monkeypatch, break_down)


def test_cancelled_while_at_work(place: Workplace, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(desk: Desk) -> dict[str, Any]:
        result = publish_something(desk)
        with place.repository() as repository:
            repository.cancel_job(job_id)
        return result

    run(place, monkeypatch, cancelled)
    job, row = look(place, job_id)
    assert (job.state, row.state, row.result) == (JobState.cancelled, WorkState.cancelled, None)
    assert_nothing_left(place)
    assert place.rung == []


@pytest.mark.parametrize("ends_well", [True, False])
def test_deleted_while_at_work(place: Workplace, job_id: str, monkeypatch: pytest.MonkeyPatch, ends_well: bool) -> None:
    def deleted(desk: Desk) -> dict[str, Any]:
        result = publish_something(desk)
        with place.repository() as repository:
            repository.delete_job(job_id)
        if ends_well:
            return result
        raise TesseraError(Code.no_gt, "There is no GT.")

    assert run(place, monkeypatch, deleted)
    assert_nothing_left(place)


def test_cancelled_row_stops_within_a_renewal(place: Workplace, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def endless(desk: Desk) -> dict[str, Any]:
        with place.repository() as repository:
            repository.cancel_job(job_id)
        while True:
            calls.append(desk.lease.progress(0.5))
            time.sleep(0.02)

    run(place, monkeypatch, endless)
    assert calls
    assert look(place, job_id)[0].state is JobState.cancelled
    assert_nothing_left(place)


def test_row_lost_to_another_worker_is_thrown_away(
    place: Workplace, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(desk: Desk) -> dict[str, Any]:
        result = publish_something(desk)
        with place.repository() as repository:
            repository.release([desk_name])
            row = repository.claim("cpu", "other", 60)
            assert row is not None
            assert repository.finish(row.id, row.attempt, "other", {"by": "other"})
        return result

    monkeypatch.setattr(execute, "run_stage", overtaken)
    executor = place.executor()
    desk_name = executor.name
    executor.run_next("cpu")
    assert look(place, job_id)[1].result == {"by": "other"}
    assert_nothing_left(place)
    assert place.rung == []


def test_stopping_worker_gives_its_row_back_uncounted(
    place: Workplace, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(desk: Desk) -> dict[str, Any]:
        publish_something(desk)
        place.stopping = True
        desk.lease.check()
        raise AssertionError("went on")

    run(place, monkeypatch, stopped)
    _, row = look(place, job_id)
    assert (row.state, row.tries, row.attempt) == (WorkState.pending, 0, 1)
    assert_nothing_left(place)


def test_error_after_the_commit_deletes_nothing(place: Workplace, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def finish_then_break(*arguments: Any) -> Any:
        raise ConnectionError("the answer to COMMIT was lost")

    def already_done(desk: Desk) -> dict[str, Any]:
        result = publish_something(desk)
        with place.repository() as repository:
            row = desk.task.row
            assert repository.finish(row.id, row.attempt, executor.name, result)
        return result

    monkeypatch.setattr(execute, "run_stage", already_done)
    monkeypatch.setattr(execute.Executor, "_finish", finish_then_break)
    executor = place.executor()
    executor.run_next("cpu")
    assert look(place, job_id)[1].state is WorkState.done
    assert len(place.stored()) == 2


def test_parent_process_never_imports_torch_or_the_pipeline() -> None:
    code = (
        "import sys, worker.__main__, worker.tasks\n"
        "bad = {'torch', 'models', 'worker.pipeline', 'worker.stages'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
