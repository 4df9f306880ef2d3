"""Whole jobs through the stage adapters, in this process: what each stage publishes, and what is left at the end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pysam
import pytest

from jobs.states import JobState
from jobs.storage import fetch
from jobs.tables import JobRow
from models.protocol import Imputer
from tests.support.fake_engine import FakeBundle, make_sites
from tests.support.uploads import Upload, make_upload
from tests.support.worker import Workplace, worker_settings

QC_RESULTS = {"qc.json", "qc-samples.tsv.gz", "qc-variants.tsv.gz"}


class FakeEngine:
    """The fake engine as a plug-in: two tiles of chromosome 20, one of X."""

    def __init__(self) -> None:
        self.bundle = FakeBundle({"20": make_sites("20", 30), "X": make_sites("X", 15, seed=2)}, length=None)
        self.devices: set[str] = set()

    def open_bundle(self, path: Path) -> FakeBundle:
        return self.bundle

    def make_imputer(self, bundle: FakeBundle, chromosome: str, *, device: str, threads: int) -> Imputer:
        self.devices.add(device)
        return bundle.imputer(chromosome)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def place(tmp_path: Path, engine: FakeEngine) -> Workplace:
    settings = worker_settings(tmp_path / "data", worker={"sample_batch": 3, "impute_queue": "gpu", "threads": 1})
    return Workplace(settings, engine=engine)


def both_chromosomes(engine: FakeEngine) -> Upload:
    one, other = (make_upload(engine.bundle.sites(name), every=2) for name in ("20", "X"))
    return Upload(
        one.chrom + other.chrom,
        one.pos + other.pos,
        one.ref + other.ref,
        one.alt + other.alt,
        one.gts + other.gts,
        one.samples,
        contigs=None,
    )


def run_all(place: Workplace, job_id: str) -> JobRow:
    """Work until neither queue has a row."""
    executor = place.executor()
    while executor.run_next("cpu") or executor.run_next("gpu"):
        pass
    with place.repository() as repository:
        return repository.get_job(job_id)


def results(place: Workplace, job_id: str, folder: Path) -> dict[str, Path]:
    with place.repository() as repository:
        rows = repository.results(job_id)
    for row in rows:
        assert fetch(place.storage, row.key, folder / row.name) == row.size
    return {row.name: folder / row.name for row in rows}


def test_two_chromosomes_in_two_sample_batches(place: Workplace, engine: FakeEngine, tmp_path: Path) -> None:
    upload = both_chromosomes(engine).write(tmp_path / "x.vcf")
    job = run_all(place, place.submit(upload).id)
    assert (job.state, job.error, job.progress) == (JobState.complete, None, 1.0)
    assert (job.samples, job.sites) == (5, 15 + 8)
    files = results(place, job.id, tmp_path / "results")
    doses = {f"chr{name}.dose.vcf.gz{end}" for name in ("20", "X") for end in ("", ".tbi")}
    assert set(files) == QC_RESULTS | {"report.html", "report.json", "quality-samples.tsv.gz", "sha256sums.txt"} | doses
    with pysam.VariantFile(str(files["chr20.dose.vcf.gz"])) as vcf:
        assert sum(1 for _ in vcf) == 30
        assert list(vcf.header.samples) == [f"S{number}" for number in range(5)]
    assert engine.devices == {"cpu"}
    assert {queue for queue, _ in place.rung} == {"cpu", "gpu"}
    assert ("gpu", 6) in place.rung, "three tiles in two sample batches"
    left = place.stored(f"jobs/{job.id}/")
    assert not [key for key in left if "/work/" in key]
    assert list(place.settings.worker.scratch.glob("*/work/*")) == []


def test_bcf(place: Workplace, engine: FakeEngine, tmp_path: Path) -> None:
    upload = make_upload(engine.bundle.sites("20")).write(tmp_path / "x.bcf")
    job = run_all(place, place.submit(upload, format="bcf").id)
    assert job.error is None
    assert {"chr20.dose.bcf", "chr20.dose.bcf.csi"} < set(results(place, job.id, tmp_path / "results"))


def test_qc_only(place: Workplace, engine: FakeEngine, tmp_path: Path) -> None:
    upload = make_upload(engine.bundle.sites("20")).write(tmp_path / "x.vcf.gz")
    job = run_all(place, place.submit(upload, mode="qc").id)
    assert (job.state, job.error) == (JobState.complete, None)
    assert set(results(place, job.id, tmp_path)) == QC_RESULTS | {"report.html", "report.json", "sha256sums.txt"}
    assert engine.devices == set()


def test_mending_and_thresholds_of_the_job_are_kept_to(place: Workplace, engine: FakeEngine, tmp_path: Path) -> None:
    upload = make_upload(engine.bundle.sites("20"))
    upload.ref[1], upload.alt[1] = upload.alt[1], upload.ref[1]
    given = {"mend": "flip", "qc_hwe": 0.0}
    job = run_all(place, place.submit(upload.write(tmp_path / "x.vcf.gz"), mode="qc", options=given).id)
    assert job.qc is not None
    assert (job.qc["mend"], job.qc["thresholds"]["hwe"]) == ("flip", 0.0)
    assert job.qc["chromosomes"][0]["not_mended"] == 1


def test_the_population_of_the_job_is_kept_to(place: Workplace, engine: FakeEngine, tmp_path: Path) -> None:
    upload = make_upload(engine.bundle.sites("20")).write(tmp_path / "x.vcf.gz")
    job = run_all(place, place.submit(upload, mode="qc", options={"population": "all"}).id)
    assert job.qc is not None
    assert job.qc["population"]["choice"] == "all"
    refused = run_all(place, place.submit(upload, mode="qc", options={"population": "EUR"}).id)
    assert refused.state == JobState.failed
    assert refused.error is not None
    assert refused.error["code"] == "population_unknown"


def test_an_effort_that_the_bundle_does_not_know_is_said(place: Workplace, engine: FakeEngine, tmp_path: Path) -> None:
    upload = make_upload(engine.bundle.sites("20")).write(tmp_path / "x.vcf.gz")
    job = run_all(place, place.submit(upload, options={"effort": "thorough"}).id)
    assert (job.state, job.error) == (JobState.complete, None)
    assert job.qc is not None
    assert [note["code"] for note in job.qc["notes"]].count("effort_ignored") == 1
    files = results(place, job.id, tmp_path / "results")
    assert json.loads(files["report.json"].read_text())["job"]["effort"] is None
    with pysam.VariantFile(str(files["chr20.dose.vcf.gz"])) as vcf:
        assert "--effort thorough" in str(vcf.header)


@pytest.mark.parametrize(("given", "kept"), [({}, 4), ({"samples": "flag"}, 5)])
def test_poor_samples_are_dropped_unless_the_job_keeps_them(
    place: Workplace, engine: FakeEngine, tmp_path: Path, given: dict[str, str], kept: int
) -> None:
    upload = make_upload(engine.bundle.sites("20"))
    for row in upload.gts[1:]:
        row[3] = "./."
    job = run_all(place, place.submit(upload.write(tmp_path / "x.vcf.gz"), mode="qc", options=given).id)
    assert job.qc is not None
    assert job.qc["samples"] == kept
    assert [one["sample"] for one in job.qc["sample_qc"]["findings"]] == ["S3"]


def test_automatic_choice_is_pinned_and_said(place: Workplace, engine: FakeEngine, tmp_path: Path) -> None:
    place.installed = [replace(engine.bundle.manifest, id="the-only-one")]
    upload = make_upload(engine.bundle.sites("20")).write(tmp_path / "x.vcf.gz")
    job = run_all(place, place.submit(upload, bundle="auto").id)
    assert (job.state, job.error, job.bundle) == (JobState.complete, None, "the-only-one")
    assert job.qc is not None
    assert [note["code"] for note in job.qc["notes"]].index("bundle_chosen") == 0
    got = results(place, job.id, tmp_path / "results")
    assert json.loads(got["qc.json"].read_text()) == job.qc
    assert json.loads(got["report.json"].read_text())["qc"] == job.qc
    with pysam.VariantFile(str(got["chr20.dose.vcf.gz"])) as vcf:
        assert "--bundle the-only-one" in str(vcf.header)


def test_automatic_choice_refuses_a_small_overlap(place: Workplace, engine: FakeEngine, tmp_path: Path) -> None:
    place.installed = [replace(engine.bundle.manifest, id="the-only-one")]
    table = engine.bundle.sites("20")
    upload = make_upload(table, every=1).edit(
        lambda one: one.pos.__setitem__(slice(4, 30), [p + 1 for p in one.pos[4:]])
    )
    job = run_all(place, place.submit(upload.write(tmp_path / "x.vcf"), bundle="auto").id)
    assert job.error is not None
    assert (job.error["code"], job.error["details"]["shared"]) == ("small_overlap", 4)
    named = run_all(place, place.submit(tmp_path / "x.vcf").id)
    assert named.state is JobState.complete, "a bundle that is named is used all the same"


def test_same_upload_gives_the_same_bytes(place: Workplace, engine: FakeEngine, tmp_path: Path) -> None:
    upload = make_upload(engine.bundle.sites("20")).write(tmp_path / "x.vcf.gz")
    doses = []
    for number in range(2):
        job = run_all(place, place.submit(upload).id)
        doses.append(results(place, job.id, tmp_path / str(number))["chr20.dose.vcf.gz"].read_bytes())
    assert doses[0] == doses[1]


@pytest.mark.parametrize(
    ("engine_name", "pedigree", "code"),
    [
        ("auto", "f X0 0 0 1 0\n", "pedigree_unknown_ids"),
        ("peeling", None, "engine_unavailable"),
    ],
)
def test_pedigree_is_never_ignored(
    place: Workplace, engine: FakeEngine, tmp_path: Path, engine_name: str, pedigree: str | None, code: str
) -> None:
    upload = make_upload(engine.bundle.sites("20")).write(tmp_path / "x.vcf.gz")
    path = None
    if pedigree is not None:
        path = tmp_path / "x.fam"
        path.write_text(pedigree)
    job = run_all(place, place.submit(upload, pedigree=path, engine=engine_name).id)
    assert job.state is JobState.failed
    assert job.error is not None
    assert job.error["code"] == code


def test_file_without_overlap_fails_with_its_code(place: Workplace, tmp_path: Path) -> None:
    upload = make_upload(make_sites("7", 9)).edit(lambda one: setattr(one, "contigs", None)).write(tmp_path / "x.vcf")
    job = run_all(place, place.submit(upload).id)
    assert job.state is JobState.failed
    assert job.error is not None
    assert job.error["code"] == "chromosome_not_in_bundle"
    assert place.stored(f"jobs/{job.id}/work/harmonise") == set()
