"""Genotype counts and Hardy-Weinberg mid-p: against a plain count, full enumeration, plink2 and bcftools."""

from __future__ import annotations

from math import comb
from pathlib import Path

import numpy as np
import pytest

from genotypes import codes as gt
from genotypes.counts import SiteCounts
from genotypes.hwe import hwe_midp
from tests.support.bcftools import bcftools, needs_bcftools
from tests.support.plink import needs_plink2, plink2
from tests.support.vcf import gt_strings, write_vcf


def slow_midp(hom_a: int, het: int, hom_b: int) -> float:
    """Mid-p from the probability of every possible number of heterozygotes, in whole numbers."""
    people, rare = hom_a + het + hom_b, 2 * hom_a + het
    if people == 0:
        return 1.0
    weight = {
        h: 2**h * comb(people, h) * comb(people - h, (rare - h) // 2)
        for h in range(rare % 2, min(rare, 2 * people - rare) + 1, 2)
    }
    seen = weight[het]
    less = sum(one for one in weight.values() if one < seen)
    same = sum(one for one in weight.values() if one == seen)
    return (2 * less + same) / (2 * sum(weight.values()))


def test_midp_is_that_of_full_enumeration() -> None:
    triples = [(a, h, b) for a in range(9) for h in range(9) for b in range(9)]
    found = hwe_midp(*np.array(triples).T)
    assert found == pytest.approx([slow_midp(*one) for one in triples], rel=1e-9)


def test_midp_of_large_cohorts_neither_overflows_nor_stops_early() -> None:
    found = hwe_midp(*np.array([(100_000, 0, 100_000), (480, 40, 480), (25, 0, 975), (250_000, 500_000, 250_000)]).T)
    assert found[0] == 0
    assert found[1:3] == pytest.approx([slow_midp(480, 40, 480), slow_midp(25, 0, 975)], rel=1e-9)
    assert found[3] > 0.99


def random_codes(sites: int = 400, samples: int = 150, seed: int = 2) -> gt.Codes:
    """Genotypes of sites in and out of Hardy-Weinberg proportions, one in twenty missing."""
    rng = np.random.default_rng(seed)
    p, excess = rng.random(sites)[:, None], rng.choice([0, 0.3, -0.2, 0.9], sites)[:, None]
    hom_ref = np.clip((1 - p) ** 2 + excess * p * (1 - p), 0, 1)
    hom_alt = np.clip(p**2 + excess * p * (1 - p), 0, 1 - hom_ref)
    draw = rng.random((sites, samples))
    codes = np.where(draw < hom_ref, gt.HOM_REF, np.where(draw < hom_ref + hom_alt, gt.HOM_ALT, gt.HET)).astype(np.int8)
    codes[rng.random((sites, samples)) < 0.05] = gt.MISSING
    codes[0], codes[1] = gt.HOM_REF, gt.HOM_ALT
    return codes


def test_counts_are_a_plain_count() -> None:
    codes = np.random.default_rng(1).integers(-1, 7, (50, 33)).astype(np.int8)
    counts = SiteCounts.of(codes)
    assert counts.calls.tolist() == (codes != gt.MISSING).sum(1).tolist()
    assert counts.samples.tolist() == [33] * 50
    assert counts.alleles.tolist() == gt.ploidy(codes).sum(1).tolist()
    assert counts.alt.tolist() == np.where(codes == gt.MISSING, 0, gt.dosage(codes)).sum(1).tolist()
    assert np.isnan(SiteCounts.of(np.full((1, 3), gt.MISSING, np.int8)).frequency[0])


def write(path: Path, codes: gt.Codes) -> Path:
    sites, samples = codes.shape
    names = [f"s{one}" for one in range(samples)]
    pos = list(range(1, sites + 1))
    return write_vcf(path, "1", pos, ["A"] * sites, ["C"] * sites, gt_strings(codes), names, contigs={"1": 10_000})


@needs_plink2
def test_figures_are_plink2s(tmp_path: Path) -> None:
    codes = random_codes()
    counts = SiteCounts.of(codes)
    tables = plink2(write(tmp_path / "x.vcf", codes), "--hardy", "midp", "--freq", "--missing", "variant-only")
    assert hwe_midp(*counts.diploid) == pytest.approx([float(one["MIDP"]) for one in tables["hardy"]], rel=2e-5)
    assert counts.frequency == pytest.approx([float(one["ALT_FREQS"]) for one in tables["afreq"]], abs=1e-5)
    missing = [float(one["F_MISS"]) for one in tables["vmiss"]]
    assert 1 - counts.calls / counts.samples == pytest.approx(missing, abs=1e-5)


@needs_bcftools
def test_frequencies_are_bcftools(tmp_path: Path) -> None:
    codes = random_codes(60)
    counts = SiteCounts.of(codes)
    path = write(tmp_path / "x.vcf.gz", codes)
    filled = bcftools("+fill-tags", path, "-Ov", "-o", tmp_path / "tags.vcf", "--", "-t", "AC,AN")
    assert filled == ""
    rows = bcftools("query", "-f", "%AC %AN\n", tmp_path / "tags.vcf").split("\n")[:-1]
    ours = [f"{alt} {alleles}" for alt, alleles in zip(counts.alt, counts.alleles, strict=True)]
    assert rows == ours
