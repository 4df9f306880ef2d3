"""The pedigree example through the whole service, and a worker that is killed while it peels.

Real Redis, worker, API and SQLite, and a server without any bundle.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
from numpy.typing import NDArray
from sqlalchemy import create_engine, text

from tests.support.processes import ROOT, Installation, wait_for

pytestmark = pytest.mark.slow

EXAMPLE = ROOT / "examples" / "pedigree"
VCFS = ("dense.vcf.gz", "sparse.vcf.gz")
WRONG_SIRE = "G3-06"
CYCLES = 150  # so that peeling takes seconds, in which it can be killed
PATIENCE_S = 240.0  # the kernels may have to be compiled


class Place(Installation):
    """The installation and its one upload."""

    def submit(self) -> str:
        files = [("vcf", (name, (EXAMPLE / name).read_bytes())) for name in VCFS]
        files.append(("pedigree", ("pedigree.csv", (EXAMPLE / "pedigree.csv").read_bytes())))
        answer = self.request("POST", "/jobs", files=files, data={"name": "herd"})
        assert answer.status_code == 202, answer.text
        job = answer.json()
        assert (job["engine"], job["bundle"]) == ("peeling", "none")
        return str(job["id"])

    def finish(self, job_id: str) -> None:
        def ended() -> bool:
            job = self.request("GET", f"/jobs/{job_id}").json()
            assert job["state"] not in ("failed", "cancelled"), job["error"]
            return bool(job["state"] == "complete")

        wait_for(ended, f"{job_id} complete", PATIENCE_S)

    def results(self, job_id: str) -> dict[str, bytes]:
        names = [one["name"] for one in self.request("GET", f"/jobs/{job_id}/results").json()["results"]]
        return {name: self.request("GET", f"/jobs/{job_id}/results/{name}").content for name in names}

    def work(self, job_id: str) -> dict[tuple[str, int], Any]:
        """The job's rows by stage and index."""
        engine = create_engine(f"sqlite:///{self.folder}/var/tessera.db")
        with engine.connect() as connection:
            query = text('SELECT stage, "index", state, attempt, progress FROM work WHERE job_id = :job')
            rows = {(row.stage, row.index): row for row in connection.execute(query, {"job": job_id})}
        engine.dispose()
        return rows


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="peel-"))  # short, for the Redis socket
    (folder / "bundles").mkdir()
    env = {
        "TESSERA_BUNDLES_DIR": str(folder / "bundles"),
        "TESSERA_LEASES_SECONDS": "3",
        "TESSERA_LEASES_SWEEP_SECONDS": "0.5",
        "TESSERA_WORKER_THREADS": "1",
        "TESSERA_PEELING_CYCLES": str(CYCLES),
        "TESSERA_PEELING_CHECKPOINT_SECONDS": "0",
    }
    place = Place(folder, env=env)
    try:
        place.start_redis()
        place.start_worker()
        place.start_api()
        yield place
    finally:
        place.close()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def unkilled(place: Place) -> dict[str, bytes]:
    """Results of a run in which nothing was killed."""
    job_id = place.submit()
    place.finish(job_id)
    assert {row.attempt for row in place.work(job_id).values()} == {1}
    return place.results(job_id)


def dosages(path: Path, field: str) -> tuple[list[str], NDArray[np.float64]]:
    with pysam.VariantFile(str(path)) as file:
        samples = list(file.header.samples)
        rows = [[c["DS"] if field == "DS" else sum(c["GT"]) for c in record.samples.values()] for record in file]
    return samples, np.array(rows)


def test_the_example_is_imputed_well_enough(unkilled: dict[str, bytes], tmp_path: Path) -> None:
    parts = []
    for number in (1, 2):
        path = tmp_path / f"chr{number}.vcf.gz"
        path.write_bytes(unkilled[f"chr{number}.dose.vcf.gz"])
        samples, ds = dosages(path, "DS")
        parts.append(ds)
    ds = np.concatenate(parts)
    order, truth = dosages(EXAMPLE / "truth.vcf.gz", "GT")
    assert samples == order
    report = json.loads(unkilled["report.json"])
    expected = {one["animal"]: one["expected_accuracy"] for one in report["animals"]}
    typed = {one["animal"] for one in report["animals"] if one["data"]}
    centred = [one - truth.mean(axis=1, keepdims=True) for one in (ds, truth)]
    norms = [np.sqrt((one**2).sum(axis=0)) for one in centred]
    r = dict(zip(samples, (centred[0] * centred[1]).sum(axis=0) / (norms[0] * norms[1]), strict=True))
    dense = [name for name in samples if name < "G3" and name in typed]
    sparse = [name for name in samples if name >= "G3" and name in typed and name != WRONG_SIRE]
    untyped = [name for name in samples if name >= "G3" and name not in typed]
    means = {name: float(np.mean([r[one] for one in group])) for name, group in
             (("dense", dense), ("sparse", sparse), ("untyped", untyped))}  # fmt: skip
    assert means["dense"] > 0.99, means
    assert means["sparse"] > 0.97, means
    assert means["untyped"] > 0.6, means
    told = float(np.mean([expected[one] for one in sparse]))
    assert told == pytest.approx(means["sparse"], abs=0.03)


def test_the_report_is_there_from_the_checks_on_and_names_the_wrong_sire(unkilled: dict[str, bytes]) -> None:
    report = json.loads(unkilled["report.json"])
    (found,) = report["qc"]["mendel"]["suspicious"]
    assert (found["child"], found["role"]) == (WRONG_SIRE, "sire")
    assert found["fits_better"] == "G2-02"


def test_a_worker_killed_while_it_peels(place: Place, unkilled: dict[str, bytes]) -> None:
    job_id = place.submit()

    def peeling() -> bool:
        row = place.work(job_id).get(("impute", 0))
        kept = list((place.folder / "var").rglob("impute/0/checkpoint-part-0.npz"))
        return row is not None and row.state == "running" and bool(kept)

    wait_for(peeling, "peeling")
    before = place.work(job_id)
    assert place.request("GET", f"/jobs/{job_id}").json()["links"]["report"]
    place.kill("worker")
    place.start_worker()
    place.finish(job_id)
    after = place.work(job_id)
    assert {row.state for row in after.values()} == {"done"}
    assert after["impute", 0].attempt == 2
    assert "resumed after cycle" in place.log("worker")
    assert after["ingest", 0].attempt == before["ingest", 0].attempt == 1
    assert after["harmonise", 0].attempt == 1
    results = place.results(job_id)
    assert set(results) == set(unkilled)
    for name in ("chr1.dose.vcf.gz", "chr1.dose.vcf.gz.tbi", "chr2.dose.vcf.gz", "chr1.contradicted.tsv.gz", "qc.json"):
        assert results[name] == unkilled[name], name
