"""Lists, results, events, counts."""

from __future__ import annotations

import pytest

from errors import Code, TesseraError
from jobs.records import NewResult
from jobs.states import JobState
from tests.jobs.conftest import OpenRepository
from tests.support.database import FakeClock
from tests.support.jobs import add_job, claimed, job_at_impute


def test_jobs_come_in_pages_from_the_newest(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        jobs = []
        for _ in range(5):
            jobs.append(add_job(repository).id)
            clock.forward(1)
    pages, cursor = [], None
    for _ in range(3):
        with opened() as repository:
            rows, cursor = repository.list_jobs(cursor, 2)
        pages.append([row.id for row in rows])
    assert pages == [[jobs[4], jobs[3]], [jobs[2], jobs[1]], [jobs[0]]]
    assert cursor is None


def test_result_of_the_same_name_replaces_the_older(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        for key, name in (("old", "report.html"), ("data", "qc.json"), ("new", "report.html")):
            repository.add_result(job_id, NewResult(name, key, 6_000_000_000, "a" * 64, None, "text/html"))
    with opened() as repository:
        assert [(row.name, row.key) for row in repository.results(job_id)] == [
            ("report.html", "new"),
            ("qc.json", "data"),
        ]
        assert repository.get_result(job_id, "report.html").size == 6_000_000_000
        told = [event.data["name"] for event in repository.events_after(job_id) if event.kind == "result"]
        with pytest.raises(TesseraError) as caught:
            repository.get_result(job_id, "chr1.dose.vcf.gz")
    assert told == ["report.html", "qc.json", "report.html"]
    assert caught.value.code is Code.result_not_found


def test_events_go_on_where_the_reader_stopped(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id, other = add_job(repository).id, add_job(repository).id
        for n in range(4):
            repository.add_event(job_id, "note", {"n": n})
            repository.add_event(other, "note", {"n": n})
    with opened() as repository:
        first = repository.events_after(job_id, limit=3)
        rest = repository.events_after(job_id, first[-1].id)
    assert [event.data.get("n") for event in first + rest] == [None, 0, 1, 2, 3]
    ids = [event.id for event in first + rest]
    assert ids == sorted(set(ids))


def test_event_ids_are_never_used_again(opened: OpenRepository) -> None:
    with opened() as repository:
        job_id = add_job(repository).id
        last = repository.events_after(job_id)[-1].id
        repository.delete_job(job_id)
    with opened() as repository:
        assert repository.events_after(add_job(repository).id)[0].id > last


def test_queue_position_counts_older_queued_jobs(opened: OpenRepository, clock: FakeClock) -> None:
    with opened() as repository:
        jobs = []
        for _ in range(3):
            jobs.append(add_job(repository).id)
            clock.forward(1)
        assert [repository.queue_position(job_id) for job_id in jobs] == [1, 2, 3]
        claimed(repository)
        assert [repository.queue_position(job_id) for job_id in jobs] == [None, 1, 2]


def test_counts_for_metrics(opened: OpenRepository) -> None:
    with opened() as repository:
        repository.cancel_job(job_at_impute(repository, 2).id)
        job_id = job_at_impute(repository, 2).id
        claimed(repository, "worker-1")
    with opened() as repository:
        counts = repository.count_by_state()
        assert repository.pending_count("cpu") == 1
        assert repository.pending_count("gpu") == 0
        assert repository.pending_by_queue(job_id) == {"cpu": 1}
        assert repository.running_workers() == {"worker-1"}
    assert set(counts) == set(JobState)
    assert (counts[JobState.running], counts[JobState.cancelled], counts[JobState.queued]) == (1, 1, 0)
