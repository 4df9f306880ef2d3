"""Uploads in other forms than VCF: posted to the API, worked off through the stages, downloaded from the API."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs.settings import load_settings
from models.protocol import Imputer
from tests.support.api import Api, running_api
from tests.support.fake_engine import FakeBundle
from tests.support.filesets import array_text, fileset
from tests.support.spoilt import BUNDLE, GOOD
from tests.support.worker import Workplace


class FakeEngine:
    """The fake engine as a plug-in."""

    def open_bundle(self, path: Path) -> FakeBundle:
        return BUNDLE

    def make_imputer(self, bundle: FakeBundle, chromosome: str, *, device: str, threads: int) -> Imputer:
        return bundle.imputer(chromosome)


class House:
    """API and worker over one folder."""

    def __init__(self, api: Api, place: Workplace) -> None:
        self.api, self.place = api, place

    def run(self, *files: Path, **fields: str) -> dict[str, Any]:
        """Post the files, work until nothing is left; the job's JSON."""
        parts = [("vcf", (path.name, path.read_bytes())) for path in files]
        # The installed manifest is another one's: only a bundle that is named gets the fake engine.
        answer = self.api.client.post("/jobs", files=parts, data={"bundle": "demo", **fields})
        assert answer.status_code == 202, answer.text
        executor = self.place.executor()
        while executor.run_next("cpu"):
            pass
        found: dict[str, Any] = self.api.client.get(f"/jobs/{answer.json()['id']}").json()
        return found

    def records(self, job: dict[str, Any]) -> list[str]:
        """The lines of the result without its header."""
        answer = self.api.client.get(f"/jobs/{job['id']}/results/chr20.dose.vcf.gz")
        lines = gzip.decompress(answer.content).decode().splitlines()
        return [line for line in lines if not line.startswith("##")]

    def notes(self, job: dict[str, Any]) -> dict[str, int]:
        qc = self.api.client.get(f"/jobs/{job['id']}/results/qc.json").json()
        return {note["code"]: note["count"] for note in qc["notes"]}


@contextmanager
def house(folder: Path) -> Iterator[House]:
    with running_api(folder / "data") as api:
        settings = load_settings(data_dir=folder / "data", bundles={"dir": folder / "data" / "bundles"})
        yield House(api, Workplace(settings, engine=FakeEngine(), clock=api.clock))


@pytest.fixture
def one(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


def test_a_fileset_and_its_archive_give_what_the_vcf_gives(one: House, tmp_path: Path) -> None:
    bed, bim, fam = fileset(GOOD, tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for path in (bed, bim, fam):
            archive.write(path, path.name)
    expected = one.records(one.run(GOOD.write(tmp_path / "x.vcf")))
    assert len(expected) == 601
    for files in ([fam, bim, bed], [tmp_path / "x.zip"]):
        job = one.run(*files)
        assert (job["state"], job["error"]) == ("complete", None)
        assert one.records(job) == expected


def test_raw_data_of_two_people_is_one_job(one: House, tmp_path: Path) -> None:
    files = []
    for column, name in enumerate(("ann", "bob")):
        files.append(tmp_path / f"{name}.txt")
        files[-1].write_text(array_text(GOOD, column))
    job = one.run(*files)
    assert (job["state"], job["error"]) == ("complete", None)
    assert one.records(job)[0].split("\t")[9:] == ["ann", "bob"]


def test_a_cut_line_is_told_and_strict_fails_by_it(one: House, tmp_path: Path) -> None:
    path = GOOD.write(tmp_path / "x.vcf")
    path.write_bytes(path.read_bytes()[:-7])
    assert one.notes(one.run(path))["last_line_cut"] == 1
    failed = one.run(path, strict="true")
    assert (failed["state"], failed["error"]["code"]) == ("failed", "malformed_record")


def test_parts_that_do_not_fit_fail_by_name(one: House, tmp_path: Path) -> None:
    bed, bim, _ = fileset(GOOD, tmp_path / "x")
    _, _, fam = fileset(GOOD.columns([0]), tmp_path / "y")
    failed = one.run(bed, bim, fam)
    assert failed["state"] == "failed"
    assert failed["error"]["code"] == "parts_disagree"
    assert "'x.bed'" in failed["error"]["message"]
