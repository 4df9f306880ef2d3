"""Kill -9 at five points: after a restart the job finishes, nothing is redone or written twice, no byte differs.

Real Redis, worker, API and SQLite; only the engine is a fake one with gates, so that the moment of death is chosen and
not left to luck.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.support.processes import Installation, wait_for
from tests.support.slow_engine import GATES, fake_bundle, hold, let_go, write_bundle
from tests.support.uploads import make_upload

pytestmark = pytest.mark.slow

TILES = [f"20-{index}" for index in range(6)]
DOSE = "chr20.dose.vcf.gz"


class Place(Installation):
    """The installation with its gates and its one upload."""

    def __init__(self, folder: Path) -> None:
        self.gates = folder / "gates"
        self.gates.mkdir()
        write_bundle(folder / "bundles")
        super().__init__(
            folder,
            env={
                "TESSERA_BUNDLES_DIR": str(folder / "bundles"),
                "TESSERA_LEASES_SECONDS": "3",
                "TESSERA_LEASES_SWEEP_SECONDS": "0.5",
                "TESSERA_WORKER_ENGINE": "tests.support.slow_engine",
                "TESSERA_WORKER_THREADS": "1",
                GATES: str(self.gates),
            },
        )
        self.upload = make_upload(fake_bundle().sites("20")).write(folder / "x.vcf.gz")

    def submit(self) -> str:
        (self.gates / "imputed").unlink(missing_ok=True)
        with self.upload.open("rb") as file:
            answer = self.request("POST", "/jobs", files={"vcf": (self.upload.name, file)})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def hold(self, gate: str) -> None:
        (self.gates / f"{gate}.reached").unlink(missing_ok=True)
        hold(self.gates, gate)

    def reach(self, gate: str) -> None:
        wait_for((self.gates / f"{gate}.reached").exists, gate)

    def finish(self, job_id: str) -> None:
        def ended() -> str | None:
            job = self.request("GET", f"/jobs/{job_id}").json()
            assert job["state"] not in ("failed", "cancelled"), job["error"]
            return job["state"] if job["state"] == "complete" else None

        try:
            wait_for(ended, f"{job_id} complete")
        except TimeoutError as error:
            error.add_note(self.log("worker")[-4000:])
            raise

    def results(self, job_id: str) -> dict[str, bytes]:
        names = [one["name"] for one in self.request("GET", f"/jobs/{job_id}/results").json()["results"]]
        return {name: self.request("GET", f"/jobs/{job_id}/results/{name}").content for name in names}

    def work(self, job_id: str) -> dict[tuple[str, int], Any]:
        """The job's rows by stage and index: state, attempt, result."""
        engine = create_engine(f"sqlite:///{self.folder}/var/tessera.db")
        with engine.connect() as connection:
            query = text('SELECT stage, "index", state, attempt, result FROM work WHERE job_id = :job')
            rows = {(row.stage, row.index): row for row in connection.execute(query, {"job": job_id})}
        engine.dispose()
        return rows

    def imputed(self) -> Counter[str]:
        """How often each tile was begun since the last submission."""
        return Counter((self.gates / "imputed").read_text().split())


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="kill-"))  # short, for the Redis socket
    place = Place(folder)
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
    assert place.imputed() == Counter(TILES)
    return place.results(job_id)


def assert_same(place: Place, job_id: str, unkilled: dict[str, bytes], redone: set[tuple[str, int]]) -> None:
    """The job is whole, only the killed rows took a second attempt, and its files are those of the unkilled run."""
    rows = place.work(job_id)
    assert {row.state for row in rows.values()} == {"done"}
    assert {key: row.attempt for key, row in rows.items() if row.attempt > 1} == dict.fromkeys(redone, 2)
    results = place.results(job_id)
    assert set(results) == set(unkilled)
    for name in (DOSE, f"{DOSE}.tbi", "qc.json"):
        assert results[name] == unkilled[name], name
    published = [path.name for path in (place.folder / "var/storage/jobs" / job_id / "results").rglob(DOSE)]
    assert published.count(DOSE) == 1 + (("assemble", 0) in redone)
    wait_for(lambda: not (place.folder / "var/storage/jobs" / job_id / "work").exists(), "work files deleted")


@pytest.mark.parametrize(
    ("gate", "row"),
    [("publish-ingest.json", ("ingest", 0)), ("tile-20-3", ("impute", 3)), (f"publish-{DOSE}.tbi", ("assemble", 0))],
    ids=["ingest", "impute", "assemble"],
)
def test_worker(place: Place, unkilled: dict[str, bytes], gate: str, row: tuple[str, int]) -> None:
    place.hold(gate)
    job_id = place.submit()
    place.reach(gate)
    before = place.work(job_id)
    assert before[row].state == "running"
    place.kill("worker")
    let_go(place.gates, gate)
    place.start_worker()
    place.finish(job_id)
    after = place.work(job_id)
    finished = {key: one.result for key, one in before.items() if one.state == "done"}
    assert finished == {key: after[key].result for key in finished}, "finished rows were done again"
    assert place.imputed() == Counter(TILES)
    assert_same(place, job_id, unkilled, {row})


def test_redis_while_queued(place: Place, unkilled: dict[str, bytes]) -> None:
    place.hold("publish-ingest.json")
    first = place.submit()
    place.reach("publish-ingest.json")
    second = place.submit()
    place.kill("redis")
    let_go(place.gates, "publish-ingest.json")
    place.start_redis()
    for job_id in (first, second):
        place.finish(job_id)
        assert_same(place, job_id, unkilled, set())


def test_api_after_accepting(place: Place, unkilled: dict[str, bytes]) -> None:
    job_id = place.submit()
    place.kill("api")
    place.start_api()
    place.finish(job_id)
    assert_same(place, job_id, unkilled, set())


def test_orderly_stop_gives_the_row_back(place: Place, unkilled: dict[str, bytes]) -> None:
    """Not a kill: SIGTERM in the middle of a chunk ends the worker at once, and the try does not count."""
    place.hold("tile-20-3")
    job_id = place.submit()
    place.reach("tile-20-3")
    let_go(place.gates, "tile-20-3")
    place.stop("worker")
    place.start_worker()
    place.finish(job_id)
    assert set(place.results(job_id)) == set(unkilled)
    assert place.results(job_id)[DOSE] == unkilled[DOSE]
