"""Kinship against a plain loop and against plink2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genotypes import codes as gt
from genotypes.kinship import Degree, pack, related
from tests.support.plink_samples import family, needs_plink2, plink, table, write_codes


def plain(one: gt.Codes, two: gt.Codes) -> tuple[float, float, float, int]:
    """KING-robust kinship, IBS0 share, concordance and sites of one pair, the slow way."""
    a, b = gt.dosage(one), gt.dosage(two)
    known = (a >= 0) & (b >= 0)
    a, b = a[known].astype(int), b[known].astype(int)
    least = min((a == 1).sum(), (b == 1).sum())
    kinship = 0.5 - ((a - b) ** 2).sum() / (4 * least)
    return float(kinship), float((np.abs(a - b) == 2).mean()), float((a == b).mean()), len(a)


@pytest.mark.parametrize("sites", [1, 63, 64, 65, 1000])
def test_every_pair_is_as_a_plain_loop_has_it(sites: int) -> None:
    rng = np.random.default_rng(sites)
    codes = rng.choice(np.array([-1, 0, 1, 2, 3, 4], np.int8), (sites, 9))
    found = related(pack(codes), floor=-1e9)
    seen = set()
    for k in range(len(found)):
        i, j = int(found.first[k]), int(found.second[k])
        assert i < j
        seen.add((i, j))
        kinship, ibs0, same, count = plain(codes[:, i], codes[:, j])
        assert found.kinship[k] == pytest.approx(kinship)
        assert found.ibs0[k] == pytest.approx(ibs0)
        assert found.concordance[k] == pytest.approx(same)
        assert found.sites[k] == count
    if sites >= 63:
        assert len(seen) == 9 * 8 // 2


def test_bands_give_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = pack(family())
    whole = related(planes, floor=-1)
    monkeypatch.setattr("genotypes.kinship.BAND", 3)
    banded = related(planes, floor=-1)
    for name in ("first", "second", "kinship", "sites"):
        assert np.array_equal(getattr(whole, name), getattr(banded, name))


def test_only_the_closest_pairs_are_kept() -> None:
    planes = pack(family())
    assert related(planes, floor=-1, most=4).kinship.tolist() == related(planes, floor=-1).kinship[:4].tolist()


def test_families_get_their_degrees() -> None:
    found = related(pack(family()))
    degree = {(int(i), int(j)): Degree(int(d)) for i, j, d in zip(found.first, found.second, found.degree, strict=True)}
    first, copy = Degree.first, 12
    sibs = {(8, 9), (8, 10), (9, 10)}
    parents = {(0, 8), (0, 9), (0, 10), (1, 8), (1, 9), (1, 10), (8, 11), (2, 11)}
    assert degree[0, copy] is Degree.duplicate
    assert {pair for pair, one in degree.items() if one is first and copy not in pair} == sibs | parents
    second = {pair for pair, one in degree.items() if one is Degree.second and copy not in pair}
    assert second == {(0, 11), (1, 11), (9, 11), (10, 11)}
    # A parent and its child never are opposite homozygotes; sibs are.
    ibs0 = {(int(i), int(j)): x for i, j, x in zip(found.first, found.second, found.ibs0, strict=True)}
    assert max(ibs0[pair] for pair in parents) == 0
    assert min(ibs0[pair] for pair in sibs) > 0


def test_haploid_calls_count_as_missing() -> None:
    codes = family()[:, :3].copy()
    codes[:, 1] = gt.HAP_ALT
    found = related(pack(codes), floor=-1)
    assert (found.first.tolist(), found.second.tolist()) == ([0], [2])


@needs_plink2
def test_plink2_gives_the_same_table(tmp_path: Path) -> None:
    codes = family()
    vcf = write_codes(tmp_path / "x.vcf", codes)
    plink("plink2", "--vcf", vcf, "--make-king-table", "--out", tmp_path / "king")
    rows = table(tmp_path / "king.kin0")
    found = related(pack(codes), floor=-10)
    ours = {(int(i), int(j)): k for k, (i, j) in enumerate(zip(found.first, found.second, strict=True))}
    assert len(rows) == len(ours) == 13 * 12 // 2
    for row in rows:
        pair = sorted(int(row[name][1:]) for name in ("IID1", "IID2"))
        k = ours[pair[0], pair[1]]
        assert found.kinship[k] == pytest.approx(float(row["KINSHIP"]), abs=1e-5)
        assert found.ibs0[k] == pytest.approx(float(row["IBS0"]), abs=1e-5)
        assert found.sites[k] == int(row["NSNP"])
