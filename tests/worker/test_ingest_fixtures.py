"""Small real uploads of another server's tests: what becomes of each, in figures that bcftools gives too."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from errors import Code, TesseraError
from tests.support.bcftools import needs_bcftools, run_leniently
from worker.pipeline.folder import Ingested
from worker.pipeline.ingest import IngestOptions, ingest

FIXTURES = Path(__file__).parents[3] / "shared" / "data" / "vcf-fixtures"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not FIXTURES.is_dir(), reason="needs ../shared")]


@dataclass(frozen=True)
class Expected:
    samples: int
    sites: dict[str, int]  # by chromosome, in file order
    phased: bool = False
    notes: list[str] = field(default_factory=list)
    strict: Code | None = None


GOOD = {
    "single": Expected(41, {"1": 905}),
    "three": Expected(41, {"2": 905, "3": 905, "4": 905}),
    "chr20-unphased": Expected(51, {"20": 7824}),
    "chr20-phased-1sample": Expected(1, {"20": 7824}, phased=True),
    "unorderd": Expected(41, {"1": 905}, notes=["unsorted"], strict=Code.unsorted),
    "wrong_chrs": Expected(
        41, {"1": 269, "3": 2, "2": 2, "4": 1}, notes=["last_line_cut"], strict=Code.malformed_record
    ),
}
BROKEN = {"header": Code.header_only, "wrong_vcf": Code.empty_file}


def files(name: str) -> list[Path]:
    return sorted((FIXTURES / name).iterdir())


@pytest.mark.parametrize(("name", "expected"), GOOD.items(), ids=GOOD.keys())
def test_good_and_mended_uploads(tmp_path: Path, name: str, expected: Expected) -> None:
    summary = ingest(files(name), tmp_path / "in")
    upload = Ingested.open(tmp_path / "in")
    assert summary.samples == len(upload.samples) == expected.samples
    assert {one.name: one.sites for one in upload.chromosomes} == expected.sites
    assert summary.sites == sum(expected.sites.values())
    assert {one.phased for one in upload.chromosomes} == {expected.phased}
    assert [note.code for note in summary.notes] == expected.notes
    for one in upload.chromosomes:
        pos = upload.store(one).sites.pos
        assert (pos[1:] >= pos[:-1]).all()


@needs_bcftools
@pytest.mark.parametrize(("name", "expected"), GOOD.items(), ids=GOOD.keys())
def test_bcftools_counts_the_same(name: str, expected: Expected) -> None:
    counted: dict[str, int] = {}
    samples = set()
    for path in files(name):
        for line in run_leniently("view", "-H", path).splitlines():
            chromosome = line.split("\t", 1)[0]
            counted[chromosome] = counted.get(chromosome, 0) + 1
        samples.add(len(run_leniently("query", "-l", path).split()))
    assert counted == expected.sites
    assert samples == {expected.samples}


@pytest.mark.parametrize(("name", "expected"), GOOD.items(), ids=GOOD.keys())
def test_strict_refuses_what_was_mended(tmp_path: Path, name: str, expected: Expected) -> None:
    if expected.strict is None:
        assert ingest(files(name), tmp_path / "in", IngestOptions(strict=True)).notes == []
        return
    with pytest.raises(TesseraError) as caught:
        ingest(files(name), tmp_path / "in", IngestOptions(strict=True))
    assert caught.value.code is expected.strict


@pytest.mark.parametrize(("name", "code"), BROKEN.items(), ids=BROKEN.keys())
def test_broken_uploads(tmp_path: Path, name: str, code: Code) -> None:
    with pytest.raises(TesseraError) as caught:
        ingest(files(name), tmp_path / "in")
    assert caught.value.code is code


def test_the_cut_line_is_named(tmp_path: Path) -> None:
    (note,) = ingest(files("wrong_chrs"), tmp_path / "in").notes
    assert "line 370" in note.message
    assert "minimac_test.50.vcf.gz" in note.message
