"""Sample figures of real array data against plink2 and bcftools, as the pipeline writes them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from models.dae.bundle import Bundle
from tests.support.bcftools import bcftools, needs_bcftools
from tests.support.plink_samples import needs_plink2, plink, table
from worker.pipeline.harmonise import harmonise
from worker.pipeline.ingest import ingest

ROOT = Path(__file__).resolve().parents[2]
DEV = ROOT.parent / "shared" / "data" / "kgp-chr20" / "target.global-screening-array-v.3.dev.vcf.gz"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not DEV.exists(), reason="the shared data are not here")]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    folder = tmp_path_factory.mktemp("qc")
    ingest([DEV], folder / "in")
    harmonise(folder / "in", Bundle.open(ROOT / "bundles" / "kgp-chr20-demo"), folder / "out")
    with gzip.open(folder / "out" / "qc-samples.tsv.gz", "rt") as file:
        names = file.readline().rstrip("\n").split("\t")
        return [dict(zip(names, line.rstrip("\n").split("\t"), strict=True)) for line in file]


@needs_plink2
def test_heterozygosity_and_call_rate_are_those_of_plink2(tmp_path: Path, samples: list[dict[str, str]]) -> None:
    plink("plink2", "--vcf", DEV, "--het", "--missing", "--out", tmp_path / "x")
    het, missing = table(tmp_path / "x.het"), table(tmp_path / "x.smiss")
    assert [row["IID"] for row in het] == [row["sample"] for row in samples]
    for ours, theirs, gaps in zip(samples, het, missing, strict=True):
        assert float(ours["het_f"]) == pytest.approx(float(theirs["F"]), abs=6e-5)
        assert float(ours["call_rate"]) == pytest.approx(1 - float(gaps["F_MISS"]), abs=6e-5)


@needs_bcftools
def test_called_genotypes_are_those_of_bcftools(samples: list[dict[str, str]]) -> None:
    lines = [line.split("\t") for line in bcftools("stats", "-s", "-", DEV).splitlines() if line.startswith("PSC")]
    # Columns of PSC: name 2, nRefHom 3, nNonRefHom 4, nHets 5.
    assert {line[2]: int(line[3]) + int(line[4]) + int(line[5]) for line in lines} == {
        row["sample"]: int(row["called"]) for row in samples
    }
