"""What follows a finished row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.records import NewJob, NewWork
from jobs.states import JobState, StageName
from jobs.tables import WorkRow
from tests.support.worker import Workplace, worker_settings
from worker.chain import advance

S = StageName


def chunk(index: int, chromosome: str, samples: int = 10) -> dict[str, Any]:
    return {
        "index": index,
        "chromosome": chromosome,
        "tile_first": index,
        "tile_end": index + 1,
        "site_first": 100 * index,
        "site_end": 100 * index + 100,
        "sample_first": 0,
        "sample_end": samples,
        "sample_batches": 1,
    }


class Walk:
    """A job whose rows are finished by hand."""

    def __init__(self, place: Workplace, mode: str = "impute") -> None:
        self.place = place
        with place.repository() as repository:
            self.job_id = repository.create_job(NewJob(bundle="b", mode=mode), []).id

    def finish(self, queue: str, result: dict[str, Any]) -> tuple[WorkRow, list[NewWork]]:
        with self.place.repository() as repository:
            row = repository.claim(queue, "w", 60)
            assert row is not None
            job = repository.lock_job(self.job_id)
            assert repository.finish(row.id, row.attempt, "w", result)
            return row, advance(repository, job, row, result)

    def state(self) -> JobState:
        with self.place.repository() as repository:
            return repository.get_job(self.job_id).state


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(worker_settings(tmp_path))


HARMONISED = {"qc": {"matched": 3}, "summary": {"samples": 10, "sites": 3}}


def test_two_chromosomes_to_the_end(place: Workplace) -> None:
    walk = Walk(place)
    _, new = walk.finish("cpu", {})
    assert [one.stage for one in new] == [S.harmonise]
    _, new = walk.finish("cpu", HARMONISED)
    assert [one.stage for one in new] == [S.plan]
    chunks = [chunk(0, "20"), chunk(1, "20"), chunk(2, "21", samples=5)]
    _, new = walk.finish("cpu", {"chunks": chunks, "queue": "gpu"})
    assert [(one.stage, one.index, one.queue, one.chromosome, one.cost) for one in new] == [
        (S.impute, 0, "gpu", "20", 1000),
        (S.impute, 1, "gpu", "20", 1000),
        (S.impute, 2, "gpu", "21", 500),
    ]
    assert walk.finish("gpu", {})[1] == []
    _, new = walk.finish("gpu", {})
    assert [(one.stage, one.index, one.queue, one.chromosome) for one in new] == [(S.assemble, 0, "cpu", "20")]
    dose = {"name": "chr20.dose.vcf.gz", "key": "k", "size": 1, "sha256": "0", "chromosome": "20", "media_type": "m"}
    assert walk.finish("cpu", {"results": [dose]})[1] == [], "chromosome 21 is not imputed yet"
    with place.repository() as repository:
        assert [one.name for one in repository.results(walk.job_id)] == ["chr20.dose.vcf.gz"]
    _, new = walk.finish("gpu", {})
    assert [(one.stage, one.index, one.chromosome) for one in new] == [(S.assemble, 1, "21")]
    assert [one.stage for one in walk.finish("cpu", {})[1]] == [S.report]
    assert [one.stage for one in walk.finish("cpu", {})[1]] == [S.deliver]
    assert walk.state() is JobState.running
    row, new = walk.finish("cpu", {})
    assert (row.stage, new) == (S.deliver, [])
    assert walk.state() is JobState.complete


def test_qc_mode_goes_from_harmonise_to_the_report(place: Workplace) -> None:
    walk = Walk(place, mode="qc")
    walk.finish("cpu", {})
    assert [one.stage for one in walk.finish("cpu", HARMONISED)[1]] == [S.report]
    with place.repository() as repository:
        job = repository.get_job(walk.job_id)
        assert (job.qc, job.samples, job.sites) == ({"matched": 3}, 10, 3)
    assert [one.stage for one in walk.finish("cpu", {})[1]] == [S.deliver]
    walk.finish("cpu", {})
    assert walk.state() is JobState.complete
