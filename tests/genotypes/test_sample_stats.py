"""Sample sums against a plain loop, plink2 --het and plink --check-sex."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genotypes import codes as gt
from genotypes.builds import GRCH37, GRCH38, par_bounds
from genotypes.sample_stats import SampleSums, add_up, outliers
from genotypes.sex import Sex, SexLimits, check_sex
from tests.support.plink_samples import needs_plink2, needs_plink19, plink, table, write_codes


def people(sites: int = 1500, samples: int = 60, seed: int = 2, males: int = 0) -> gt.Codes:
    """(V, S) codes in Hardy-Weinberg proportions; the first `males` are homozygous throughout."""
    rng = np.random.default_rng(seed)
    af = rng.uniform(0.02, 0.98, sites)
    pair = (rng.random((sites, samples, 2)) < af[:, None, None]).astype(np.int8)
    pair[:, :males, 1] = pair[:, :males, 0]
    codes: gt.Codes = pair.sum(2).astype(np.int8)
    codes[rng.random(codes.shape) < 0.03] = gt.MISSING
    return codes


def test_sums_are_as_a_plain_loop_has_them() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 7, (70, 6)).astype(np.int8)
    codes[3] = gt.MISSING
    codes[4] = gt.HOM_REF
    sums, sites = add_up(codes)
    for s in range(6):
        calls = haploid = hets = tested = 0
        expected = 0.0
        for v in range(70):
            copies = [2 * gt.dosage(c) if gt.ploidy(c) == 1 else gt.dosage(c) for c in codes[v] if c != gt.MISSING]
            p = np.sum(copies) / (2 * len(copies)) if copies else np.nan
            assert sites.calls[v] == len(copies)
            assert sites.af[v] == pytest.approx(p, nan_ok=True)
            if codes[v, s] == gt.MISSING:
                continue
            calls += 1
            haploid += gt.ploidy(codes[v, s]) == 1
            if 0 < p < 1:
                tested += 1
                hets += codes[v, s] in (gt.HET, gt.PHASED_01, gt.PHASED_10)
                expected += 2 * p * (1 - p)
        assert (sums.calls[s], sums.haploid[s], sums.hets[s], sums.tested[s]) == (calls, haploid, hets, tested)
        assert sums.expected[s] == pytest.approx(expected)


def test_sums_add_up_over_blocks() -> None:
    codes = people()
    whole, _ = add_up(codes)
    parts = [add_up(codes[first : first + 200])[0] for first in range(0, len(codes), 200)]
    total = sum(parts, SampleSums.none(codes.shape[1]))
    assert total.sites == whole.sites
    assert np.array_equal(total.hets, whole.hets)
    assert np.allclose(total.inbreeding, whole.inbreeding)
    assert np.allclose(total.call_rate, (codes >= 0).mean(0))


def test_given_frequencies_serve_where_they_are_known() -> None:
    codes = people(40, 3)
    af = np.full(40, 0.5)
    af[:10] = np.nan
    af[10:20] = 0
    sums, _ = add_up(codes, af)
    assert np.array_equal(sums.tested, (codes[20:] >= 0).sum(0))
    assert np.allclose(sums.expected, 0.5 * sums.tested)
    assert np.array_equal(sums.hets, (codes[20:] == gt.HET).sum(0))


@needs_plink2
def test_plink2_gives_the_same_heterozygosity(tmp_path: Path) -> None:
    codes = people()
    plink("plink2", "--vcf", write_codes(tmp_path / "x.vcf", codes), "--het", "--missing", "--out", tmp_path / "x")
    sums, _ = add_up(codes)
    for s, row in enumerate(table(tmp_path / "x.het")):
        assert int(row["OBS_CT"]) == sums.tested[s]
        assert int(row["OBS_CT"]) - int(row["O(HOM)"]) == sums.hets[s]
        assert float(row["E(HOM)"]) == pytest.approx(sums.tested[s] - sums.expected[s], rel=1e-5)
        assert float(row["F"]) == pytest.approx(sums.inbreeding[s], abs=1e-5)
    for s, row in enumerate(table(tmp_path / "x.smiss")):
        assert 1 - float(row["F_MISS"]) == pytest.approx(sums.call_rate[s], abs=1e-5)


@needs_plink19
def test_plink_gives_the_same_sexes(tmp_path: Path) -> None:
    codes = people(males=25)
    codes[::2, 30] = np.where(codes[::2, 30] == gt.HET, gt.HOM_ALT, codes[::2, 30])  # half its heterozygotes are lost
    vcf = write_codes(tmp_path / "x.vcf", codes, "X", [3_000_000 + 1000 * row for row in range(len(codes))])
    plink("plink1.9", "--vcf", vcf, "--const-fid", "--check-sex", "--out", tmp_path / "x")
    checked = check_sex(add_up(codes)[0], None, SexLimits())
    rows = table(tmp_path / "x.sexcheck")
    assert [int(row["SNPSEX"]) for row in rows] == checked.sex.tolist()
    for s, row in enumerate(rows):
        assert float(row["F"]) == pytest.approx(checked.f[s], abs=0.02)  # plink corrects for few samples
    assert checked.sex[:25].tolist() == [Sex.male] * 25
    assert checked.sex[30] == Sex.unknown


def test_calls_on_y_decide_where_x_does_not() -> None:
    x, _ = add_up(people(4, 6))  # too few sites
    y = np.full((30, 6), gt.MISSING)
    y[:, [1, 4]] = gt.HAP_REF
    checked = check_sex(x, add_up(y)[0], SexLimits())
    assert checked.sex.tolist() == [2, 1, 2, 2, 1, 2]
    assert not checked.one_x.any()


def test_contradiction_of_x_and_y_is_unknown() -> None:
    x, _ = add_up(people(1500, 60, males=2))
    y = np.full((30, 60), gt.MISSING)
    y[:, [1, 4]] = gt.HAP_REF
    checked = check_sex(x, add_up(y)[0], SexLimits())
    assert checked.sex[:6].tolist() == [Sex.unknown, Sex.male, Sex.female, Sex.female, Sex.unknown, Sex.female]
    assert checked.one_x[:3].tolist() == [True, True, False]


def test_haploid_calls_are_male_however_few() -> None:
    codes = people(3, 4)
    codes[:, 2] = gt.HAP_REF
    assert check_sex(add_up(codes)[0], None, SexLimits()).sex.tolist() == [0, 0, 1, 0]


def test_outliers_lie_beyond_three_deviations() -> None:
    values = np.concatenate([np.random.default_rng(1).normal(0, 1, 300), [9.0, np.nan]])
    found = outliers(values, 3)
    assert found[300]
    assert not found[301]
    assert np.array_equal(found[:300], np.abs(values[:300] - values[:301].mean()) > 3 * values[:301].std(ddof=1))
    assert not outliers(np.array([1.0, 50.0]), 3).any()


def test_regions_of_x_follow_the_build() -> None:
    assert par_bounds(GRCH37) == (2_699_521, 154_931_043)
    assert par_bounds("hg38") == par_bounds(GRCH38) == (2_781_480, 155_701_382)
    assert par_bounds("ARS-UCD1.2") is None


def test_ploidy_of_calls_can_be_changed() -> None:
    every = np.arange(-1, 7).astype(np.int8)[:, None]
    both = gt.of_ploidy(np.repeat(every, 2, 1), np.array([1, 2], np.int8))
    assert both[:, 0].tolist() == [-1, 5, -1, 6, -1, -1, 5, 6]
    assert both[:, 1].tolist() == [-1, 0, 1, 2, 3, 4, 0, 2]


def test_one_person_without_frequencies_is_judged_by_heterozygotes() -> None:
    codes = people(1500, 2, males=1)
    assert check_sex(add_up(codes[:, :1])[0], None, SexLimits()).sex.tolist() == [Sex.male]
    assert check_sex(add_up(codes[:50, :1])[0], None, SexLimits()).sex.tolist() == [Sex.unknown]
    assert check_sex(add_up(codes[:, 1:])[0], None, SexLimits()).sex.tolist() == [Sex.female]
