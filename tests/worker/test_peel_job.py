"""Jobs with a pedigree through the stage adapters: what each stage publishes, and how right it is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pysam
import pytest
from numpy.typing import NDArray

from benchmarks.pedigree import Herd, simulate, write
from jobs.records import NewFile, NewJob
from jobs.states import JobState
from jobs.storage import fetch, publish
from jobs.tables import JobRow
from tests.support.worker import Workplace, worker_settings

CHECKS = {"qc.json", *(f"mendel-{name}.tsv.gz" for name in ("trios", "parents", "loci", "animals"))}
PAGES = {"report.html", "report.json", "animals.tsv.gz", "sha256sums.txt"}


@pytest.fixture(scope="module")
def herd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Herd, Path]:
    folder = tmp_path_factory.mktemp("herd")
    made = simulate()
    write(made, folder)
    return made, folder


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(worker_settings(tmp_path / "data", worker={"threads": 1}, peeling={"cycles": 3}))


def run(place: Workplace, vcfs: Sequence[Path], pedigree: Path, **values: object) -> JobRow:
    """Submit and work until the queue is empty."""
    files = []
    for kind, path in [*(("vcf", path) for path in vcfs), ("pedigree", pedigree)]:
        key = f"uploads/{len(files)}-{path.name}"
        files.append(NewFile(kind, path.name, key, *publish(place.storage, path, key)))
    with place.repository() as repository:
        job_id = repository.create_job(NewJob(bundle="none", engine="peeling", **values), files).id  # type: ignore[arg-type]
    executor = place.executor()
    while executor.run_next("cpu"):
        pass
    with place.repository() as repository:
        return repository.get_job(job_id)


def results(place: Workplace, job_id: str, folder: Path) -> dict[str, Path]:
    with place.repository() as repository:
        rows = repository.results(job_id)
    for row in rows:
        fetch(place.storage, row.key, folder / row.name)
    return {row.name: folder / row.name for row in rows}


def dosages(path: Path) -> tuple[list[str], NDArray[np.float64]]:
    with pysam.VariantFile(str(path)) as file:
        samples = list(file.header.samples)
        return samples, np.array([[call["DS"] for call in record.samples.values()] for record in file])


def test_two_arrays_and_a_pedigree_become_everybody_at_every_site(
    place: Workplace, herd: tuple[Herd, Path], tmp_path: Path
) -> None:
    made, folder = herd
    job = run(place, [folder / "dense.vcf.gz", folder / "sparse.vcf.gz"], folder / "pedigree.csv", name="herd")
    assert (job.state, job.error) == (JobState.complete, None)
    assert (job.samples, job.sites) == (113, 500)
    got = results(place, job.id, tmp_path / "results")
    per_chromosome = {f"chr{n}.{end}" for n in (1, 2) for end in
                      ("dose.vcf.gz", "dose.vcf.gz.tbi", "contradicted.tsv.gz")}  # fmt: skip
    assert set(got) == CHECKS | PAGES | per_chromosome
    for name, haplotypes in made.haplotypes.items():
        samples, ds = dosages(got[f"chr{name}.dose.vcf.gz"])
        assert samples == made.ids
        truth = haplotypes.sum(axis=2)
        young = [row for row in made.sparse if row != made.wrong[0]]
        others = np.setdiff1d(np.arange(len(truth)), np.arange(0, len(truth), 5))
        r = np.corrcoef((ds - truth.mean(axis=1, keepdims=True))[others][:, young].ravel(),
                        (truth - truth.mean(axis=1, keepdims=True))[others][:, young].ravel())[0, 1]  # fmt: skip
        assert r > 0.85


def test_the_report_names_the_wrong_sire_and_the_right_one(
    place: Workplace, herd: tuple[Herd, Path], tmp_path: Path
) -> None:
    made, folder = herd
    job = run(place, [folder / "dense.vcf.gz", folder / "sparse.vcf.gz"], folder / "pedigree.csv")
    got = results(place, job.id, tmp_path / "results")
    report = json.loads(got["report.json"].read_text())
    child, named = made.wrong
    (found,) = report["qc"]["mendel"]["suspicious"]
    assert (found["child"], found["parent"], found["role"]) == (made.ids[child], made.ids[named], "sire")
    assert found["fits_better"] == made.ids[int(made.sire[child])]
    page = got["report.html"].read_text()
    assert "speak against" in page
    assert '<svg class="pedigree"' in page
    accuracy = {one["animal"]: one["expected_accuracy"] for one in report["animals"]}
    assert len(accuracy) == 120
    untyped = np.mean([accuracy[made.ids[row]] for row in set(range(120)) - {*made.dense, *made.sparse}])
    assert untyped < np.mean([accuracy[made.ids[row]] for row in made.sparse]) < 1
    with gzip.open(got["animals.tsv.gz"], "rt") as file:
        assert sum(1 for _ in file) == 121
    assert [note["chromosome"] for note in report["qc"]["notes"] if note["code"] == "no_genetic_map"] == ["1", "2"]


def test_check_only_and_bcf(place: Workplace, herd: tuple[Herd, Path], tmp_path: Path) -> None:
    _, folder = herd
    job = run(place, [folder / "sparse.vcf.gz"], folder / "pedigree.csv", mode="qc")
    assert job.state is JobState.complete
    assert set(results(place, job.id, tmp_path / "qc")) == CHECKS | PAGES - {"animals.tsv.gz"}
    job = run(place, [folder / "sparse.vcf.gz"], folder / "pedigree.csv", format="bcf")
    got = results(place, job.id, tmp_path / "bcf")
    assert {"chr1.dose.bcf", "chr1.dose.bcf.csi"} < set(got)
    with pysam.VariantFile(str(got["chr2.dose.bcf"])) as file:
        assert len(list(file)) == 40
        assert "GQ" in file.header.formats


def test_a_job_writes_the_files_and_animals_that_were_asked_for(
    place: Workplace, herd: tuple[Herd, Path], tmp_path: Path
) -> None:
    _, folder = herd
    wanted = {"peel": ["segregation", "haplotypes"], "animals": ["G4-24", "G0-07"]}
    job = run(place, [folder / "sparse.vcf.gz"], folder / "pedigree.csv", options=wanted)
    got = results(place, job.id, tmp_path / "some")
    assert {"chr1.segregation.tsv.gz", "chr1.haplotypes.tsv.gz"} < set(got)
    assert dosages(got["chr1.dose.vcf.gz"])[0] == ["G4-24", "G0-07"]
    job = run(place, [folder / "sparse.vcf.gz"], folder / "pedigree.csv", options={"animals": ["nobody"]})
    assert job.error is not None
    assert (job.error["code"], job.error["details"]["animals"]) == ("pedigree_unknown_ids", ["nobody"])


def test_maps_of_a_build_are_used_and_named(tmp_path: Path, herd: tuple[Herd, Path]) -> None:
    _, folder = herd
    maps = tmp_path / "maps" / "cow-1"
    maps.mkdir(parents=True)
    (maps / "chr1.map").write_text("1 a 0 1\n1 b 60 60000000\n")
    settings = worker_settings(
        tmp_path / "data", worker={"threads": 1}, peeling={"cycles": 1, "maps": tmp_path / "maps"}
    )
    place = Workplace(settings)
    job = run(place, [folder / "sparse.vcf.gz"], folder / "pedigree.csv", build="cow-1")
    report = json.loads(results(place, job.id, tmp_path / "r")["report.json"].read_text())
    assert [one["map"] for one in report["chromosomes"]] == ["cow-1/chr1.map", "1 cM per Mb"]
    assert [note["chromosome"] for note in report["qc"]["notes"] if note["code"] == "no_genetic_map"] == ["2"]


@pytest.mark.parametrize(
    ("pedigree", "code", "line", "animal"),
    [
        ("a b c\nb a 0\n", "pedigree_loop", None, None),
        ("a b c\na b c\n", "pedigree_invalid", 2, "a"),
        ("f a 0 b 1 0\nf b 0 0 1 0\n", "pedigree_sex", 1, "b"),
        ("nobody 0 0\n", "pedigree_unknown_ids", 1, "nobody"),
    ],
)
def test_a_bad_pedigree_fails_the_job_with_line_and_animal(
    place: Workplace,
    herd: tuple[Herd, Path],
    tmp_path: Path,
    pedigree: str,
    code: str,
    line: int | None,
    animal: str | None,
) -> None:
    path = tmp_path / "p.txt"
    path.write_text(pedigree)
    job = run(place, [herd[1] / "sparse.vcf.gz"], path)
    assert job.state is JobState.failed
    assert job.error is not None
    assert job.error["code"] == code
    assert job.error["field"] == "pedigree"
    if line is not None:
        assert (job.error["details"]["line"], job.error["details"]["animal"]) == (line, animal)
