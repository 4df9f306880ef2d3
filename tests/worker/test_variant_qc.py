"""Variant QC: what is left out and imputed, what is only listed, and the figures behind it."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genotypes.counts import SiteCounts
from genotypes.mending import QcOptions
from tests.support.cohorts import cohort, cohort_bundle, meet_bundle
from tests.support.uploads import Upload
from worker.pipeline.fates import Fate
from worker.pipeline.harmonise import VARIANTS, HarmoniseOptions
from worker.pipeline.types import HarmoniseSummary
from worker.pipeline.variant_qc import frequency_chisq, likelihood_ratio, variant_qc

BUNDLE = cohort_bundle()
CLEAN = cohort(BUNDLE)
AF = BUNDLE.sites("20").af
assert AF is not None
COMMON = int(np.argmin(np.abs(AF - 0.5)))


def notes(summary: HarmoniseSummary) -> dict[str, int]:
    return {note["code"]: note["count"] for note in summary.qc["notes"]}


def listed(folder: Path) -> dict[int, tuple[str, str]]:
    """Fate and detail by position, as the list of variants has them."""
    with gzip.open(folder / "out" / VARIANTS, "rt") as file:
        head, *lines = file.read().splitlines()
    assert head == "chromosome\tposition\tid\tref\talt\tfate\tdetail"
    rows = [line.split("\t") for line in lines]
    return {int(row[1]): (row[5], row[6]) for row in rows}


def with_row(upload: Upload, row: int, calls: list[str]) -> Upload:
    return replace(upload, gts=[calls if one == row else list(old) for one, old in enumerate(upload.gts)])


def test_a_clean_cohort_loses_nothing(tmp_path: Path) -> None:
    summary, _ = meet_bundle(tmp_path, CLEAN, BUNDLE, HarmoniseOptions(strict=True))
    assert summary.sites == len(CLEAN.pos)
    assert summary.qc["notes"] == []
    assert summary.qc["thresholds"] == {"call_rate": 0.9, "hwe": 1e-6, "af_diff": 0.4, "af_chisq": 300.0}
    assert listed(tmp_path) == {}


def test_a_low_call_rate_leaves_the_site_out(tmp_path: Path) -> None:
    calls = ["./."] * 7 + ["0/1"] * 53
    upload = with_row(CLEAN, COMMON, calls)
    summary, codes = meet_bundle(tmp_path, upload, BUNDLE, HarmoniseOptions(qc=QcOptions(hwe=0)))
    assert notes(summary) == {"low_call_rate_sites": 1}
    assert (codes[COMMON] == -1).all()
    assert listed(tmp_path) == {CLEAN.pos[COMMON]: ("low_call_rate", "call_rate=0.8833")}
    (tmp_path / "off").mkdir()
    summary, codes = meet_bundle(tmp_path / "off", upload, BUNDLE, HarmoniseOptions(qc=QcOptions(0, 0)))
    assert notes(summary) == {}
    assert (codes[COMMON] == -1).sum() == 7


def test_a_missing_call_of_few_people_is_no_low_call_rate(tmp_path: Path) -> None:
    few = with_row(CLEAN.columns(list(range(5))), COMMON, ["./."] * 3 + ["0/1", "0/0"])
    summary, codes = meet_bundle(tmp_path, few, BUNDLE, HarmoniseOptions())
    assert "low_call_rate_sites" not in notes(summary)
    assert (codes[COMMON] >= 0).sum() == 2


def test_only_heterozygotes_are_out_of_proportion(tmp_path: Path) -> None:
    upload = with_row(CLEAN, COMMON, ["0/1"] * 60)
    summary, codes = meet_bundle(tmp_path, upload, BUNDLE, HarmoniseOptions())
    assert notes(summary) == {"hwe": 1}
    assert (codes[COMMON] == -1).all()
    fate, detail = listed(tmp_path)[CLEAN.pos[COMMON]]
    assert (fate, detail.split("=")[0]) == ("hwe", "hwe_midp")
    assert float(detail.split("=")[1]) < 1e-6


def structured() -> Upload:
    """Two populations that drifted far apart: heterozygotes are lacking at every site."""
    rng = np.random.default_rng(9)
    assert AF is not None
    halves = [rng.beta(AF * 3, (1 - AF) * 3)[:, None] for _ in range(2)]
    codes = np.concatenate([rng.binomial(2, one, (len(AF), 60)) for one in halves], axis=1)
    text = np.array(["0/0", "0/1", "1/1"])[codes].tolist()
    return replace(CLEAN, gts=text, samples=[f"S{one}" for one in range(120)])


def test_a_structured_cohort_keeps_sites_that_lack_heterozygotes(tmp_path: Path) -> None:
    upload = with_row(structured(), COMMON, ["0/1"] * 120)
    summary, codes = meet_bundle(tmp_path, upload, BUNDLE, HarmoniseOptions(qc=QcOptions(af_diff=1)))
    found = notes(summary)
    assert found["hwe"] == 1
    assert found["hwe_few_hets"] > 10
    assert summary.qc["chromosomes"][0]["inbreeding"] > 0.1
    assert ((codes == -1).all(axis=1)).sum() == 1


def test_a_frequency_far_from_the_bundles_is_left_out_or_listed(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    assert AF is not None
    people = 1000
    codes = rng.binomial(2, AF[:, None], (len(AF), people))
    low = np.argsort(AF)[:2]
    codes[low[0]] = rng.binomial(2, 0.7, people)
    codes[low[1]] = rng.binomial(2, 0.3, people)
    text = np.array(["0/0", "0/1", "1/1"])[codes].tolist()
    upload = replace(CLEAN, gts=text, samples=[f"S{one}" for one in range(people)])
    summary, harmonised = meet_bundle(tmp_path, upload, BUNDLE, HarmoniseOptions())
    assert notes(summary) == {"af_difference": 1, "af_listed": 1}
    rows = listed(tmp_path)
    assert rows[CLEAN.pos[low[0]]][0] == "af_difference"
    assert rows[CLEAN.pos[low[1]]][0] == "exact"
    assert rows[CLEAN.pos[low[1]]][1].startswith("af=0.2")
    assert (harmonised[low[0]] == -1).all()
    assert (harmonised[low[1]] >= 0).all()


def test_a_carrier_of_a_rare_allele_among_few_people_passes() -> None:
    alleles, af = np.array([2, 2, 4, 2]), np.array([0.001, 0.0005, 0.002, 0.0], np.float32)
    frequency = np.array([0.5, 1.0, 0.5, 0.5])
    assert (frequency_chisq(frequency, alleles, af, 4_000) > 50).all()
    found = likelihood_ratio(frequency, alleles, af, 4_000)
    assert (found < 50).all()
    exact = likelihood_ratio(frequency[:3], alleles[:3], af[:3], None)
    # Against a frequency that is exact, the chance of so many is below Chernoff's bound, and not far.
    chance = [0.001**2 + 2 * 0.001 * 0.999, 0.0005**2, 6 * 0.002**2]
    assert (np.exp(-exact / 2) >= chance).all()
    assert (np.exp(-exact / 2) <= np.array(chance) * 5).all()


def test_both_chisquares_agree_where_there_are_many() -> None:
    frequency, af = np.array([0.3, 0.31, 0.5]), np.array([0.3, 0.3, 0.52], np.float32)
    many = np.full(3, 2_000)
    ours, pearson = (one(frequency, many, af, 4_000) for one in (likelihood_ratio, frequency_chisq))
    np.testing.assert_allclose(ours, pearson, rtol=0.01, atol=1e-3)


def test_chisquare_is_that_of_the_table() -> None:
    """Against the textbook's sum over the four cells."""
    ours, theirs = np.array([30, 70]), np.array([450, 550])
    cells = np.stack([ours, theirs])
    expected = cells.sum(0) * cells.sum(1)[:, None] / cells.sum()
    by_hand = ((cells - expected) ** 2 / expected).sum()
    found = frequency_chisq(np.array([0.3]), np.array([100]), np.array([0.45], np.float32), 1000)
    assert found[0] == pytest.approx(by_hand, rel=1e-5)
    exact = frequency_chisq(np.array([0.3]), np.array([100]), np.array([0.45], np.float32), None)
    assert exact[0] == pytest.approx((30 - 45) ** 2 / 45 + (70 - 55) ** 2 / 55, rel=1e-5)
    same = frequency_chisq(np.array([0.0]), np.array([10]), np.array([0.0], np.float32), 100)
    assert same[0] == 0


def test_x_is_tested_only_where_men_are_haploid() -> None:
    codes = np.ones((3, 40), np.int8)
    assert not (variant_qc(SiteCounts.of(codes), np.zeros(3, bool), None, None, "X", QcOptions()).fate).any()
    codes[:, :5] = 5
    found = variant_qc(SiteCounts.of(codes), np.zeros(3, bool), None, None, "X", QcOptions()).fate
    assert found.tolist() == [Fate.hwe] * 3


def test_monomorphic_sites_are_counted_and_kept(tmp_path: Path) -> None:
    rare = int(np.argmin(AF))
    summary, codes = meet_bundle(tmp_path, with_row(CLEAN, rare, ["0/0"] * 60), BUNDLE, HarmoniseOptions())
    assert summary.qc["chromosomes"][0]["monomorphic"] >= 1
    assert (codes[rare] == 0).all()
