"""All stages in one process, as `tessera impute` runs them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from errors import Code, TesseraError
from tests.support.pipeline import read_result
from tests.support.uploads import make_bundle, make_upload
from worker.pipeline.run import OfflineOptions, run_offline

BUNDLE = make_bundle()


def two_chromosomes(folder: Path) -> list[Path]:
    paths = []
    for name in BUNDLE.chromosomes:
        upload = make_upload(BUNDLE.sites(name))
        upload.contigs = None
        paths.append(upload.write(folder / f"{name}.vcf"))
    return paths


@pytest.mark.parametrize("name", ["out.vcf.gz", "out.bcf"])
def test_one_file_holds_all_chromosomes(tmp_path: Path, name: str) -> None:
    done = run_offline(two_chromosomes(tmp_path), BUNDLE, BUNDLE.imputer, tmp_path / "new" / name)
    records = read_result(tmp_path / "new" / name)
    assert [record.key[0] for record in records] == ["20"] * 60 + ["X"] * 60
    assert [path.name for path in done.files] == [name, name + (".csi" if name.endswith("bcf") else ".tbi")]
    assert {path.name for path in (tmp_path / "new").iterdir()} == {path.name for path in done.files}
    assert done.samples == 5


def test_one_file_and_a_folder_hold_the_same_records(tmp_path: Path) -> None:
    inputs = two_chromosomes(tmp_path)
    options = OfflineOptions(sample_batch=2, tile_batch=2)
    run_offline(inputs, BUNDLE, BUNDLE.imputer, tmp_path / "one.vcf.gz")
    run_offline(inputs, BUNDLE, BUNDLE.imputer, tmp_path / "many", options)
    one = [(r.key, r.gt, r.info) for r in read_result(tmp_path / "one.vcf.gz")]
    many = [(r.key, r.gt, r.info) for n in ("20", "X") for r in read_result(tmp_path / "many" / f"chr{n}.dose.vcf.gz")]
    assert one == many


def test_folder_holds_what_a_job_has(tmp_path: Path) -> None:
    run_offline(two_chromosomes(tmp_path), BUNDLE, BUNDLE.imputer, tmp_path / "out", OfflineOptions(format="bcf"))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    files = {"chr20.dose.bcf", "chr20.dose.bcf.csi", "chrX.dose.bcf", "chrX.dose.bcf.csi"}
    assert names == files | {
        "report.html",
        "report.json",
        "quality-samples.tsv.gz",
        "qc.json",
        "qc-samples.tsv.gz",
        "qc-variants.tsv.gz",
        "sha256sums.txt",
    }
    for line in (tmp_path / "out" / "sha256sums.txt").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["job"]["bundle"] == BUNDLE.manifest.content_id()
    assert [one["sites"] for one in report["chromosomes"]] == [60, 60]


def test_report_beside_one_file(tmp_path: Path) -> None:
    options = OfflineOptions(report=tmp_path / "pages", name="my people")
    run_offline(two_chromosomes(tmp_path), BUNDLE, BUNDLE.imputer, tmp_path / "one.vcf.gz", options)
    assert "my people" in (tmp_path / "pages" / "report.html").read_text()


@pytest.mark.parametrize("name", ["out.vcf", "out.txt.gz"])
def test_names_that_promise_something_else_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TesseraError) as caught:
        run_offline(two_chromosomes(tmp_path), BUNDLE, BUNDLE.imputer, tmp_path / name)
    assert caught.value.code is Code.invalid_field


def test_nothing_is_left_of_a_refused_run(tmp_path: Path) -> None:
    (tmp_path / "bad.vcf").write_text("no\n")
    with pytest.raises(TesseraError):
        run_offline([tmp_path / "bad.vcf"], BUNDLE, BUNDLE.imputer, tmp_path / "one.vcf.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.vcf"]


def test_progress_rises_through_every_stage(tmp_path: Path) -> None:
    heard: list[tuple[str, float]] = []
    options = OfflineOptions(report=tmp_path)
    run_offline(
        two_chromosomes(tmp_path),
        BUNDLE,
        BUNDLE.imputer,
        tmp_path / "one.vcf.gz",
        options,
        lambda stage, fraction: heard.append((stage, fraction)),
    )
    stages = list(dict.fromkeys(stage for stage, _ in heard))
    assert stages == ["ingest", "harmonise", "impute", "assemble", "report", "deliver"]
    for stage in stages:
        fractions = [fraction for name, fraction in heard if name == stage]
        assert fractions == sorted(fractions)
        assert fractions[0] >= 0
        assert fractions[-1] == pytest.approx(1)
