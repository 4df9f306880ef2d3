import numpy as np
import pytest

from genotypes.cell_sums import sum_cells
from genotypes.quality import SiteSums


def sums(ds, ploidy, square=None):
    """Sums as the kernel makes them; without `square` the genotypes are certain."""
    square = ds**2 if square is None else square
    return np.stack([ds.sum(1), (ds**2).sum(1), (ds * ploidy).sum(1), square.sum(1)])


def of(ds, ploidy, *rest, square=None):
    return SiteSums.of(sums(ds.astype(np.float64), ploidy, square), ploidy, *rest)


def test_r2_of_diploids_is_the_ratio_of_variances():
    gp = np.random.default_rng(1).dirichlet([1, 1, 1], (5, 50))
    ds, square = gp[..., 1] + 2 * gp[..., 2], gp[..., 1] + 4 * gp[..., 2]
    found = of(ds, np.full(50, 2, np.int8), square=square).quality()
    p = ds.mean(axis=1) / 2
    assert found.af == pytest.approx(p, abs=1e-6)
    assert found.maf == pytest.approx(np.minimum(p, 1 - p), abs=1e-6)
    assert found.r2 == pytest.approx(ds.var(axis=1) / (square.mean(axis=1) - ds.mean(axis=1) ** 2), abs=1e-5)
    assert np.isnan(found.er2).all()


def test_certain_genotypes_in_equilibrium_have_r2_one():
    ds = np.array([[0] * 1 + [1] * 2 + [2] * 1], np.float32)
    assert of(ds, np.full(4, 2, np.int8)).quality().r2 == pytest.approx([1.0])
    haploid = of(np.array([[0, 0, 1, 1]], np.float32), np.full(4, 1, np.int8)).quality()
    assert haploid.r2 == pytest.approx([1.0])
    assert haploid.af == pytest.approx([0.5])


def test_mixed_ploidy_shares_one_frequency():
    ds = np.array([[1.0, 0.5, 2.0]], np.float32)
    ploidy = np.array([2, 1, 2], np.int8)
    found = of(ds, ploidy).quality()
    p = 3.5 / 5
    assert found.af == pytest.approx([p])
    assert found.r2 == pytest.approx([1.0])


def test_the_kernel_sums_what_the_tables_say():
    rng = np.random.default_rng(5)
    items = rng.integers(0, 9, (4, 11)).astype(np.int32)
    dosage, square = (rng.integers(0, 4000, 9).astype(np.int32) for _ in range(2))
    ploidy = rng.choice(np.array([1, 2], np.int8), 11)
    found = sum_cells(items, dosage, square, ploidy)
    d = dosage[items].astype(np.int64)
    expected = [d.sum(1), (d * d).sum(1), (d * ploidy).sum(1), square[items].sum(1)]
    assert np.array_equal(found, np.stack(expected))


def test_a_monomorphic_site_has_r2_zero():
    found = of(np.zeros((1, 9), np.float32), np.full(9, 2, np.int8)).quality()
    assert (found.af[0], found.maf[0], found.r2[0]) == (0, 0, 0)


def test_er2_is_the_squared_correlation_where_observed():
    rng = np.random.default_rng(2)
    observed = rng.choice(np.array([-1, 0, 1, 2, 3], np.int8), (2, 60))
    hidden = np.full((4, 60), np.nan, np.float32)
    rows = np.array([1, 3], np.int32)
    hidden[rows] = rng.uniform(0, 2, (2, 60))
    found = of(np.ones((4, 60), np.float32), np.full(60, 2, np.int8), hidden[rows], observed, rows).quality()
    assert np.isnan(found.er2[[0, 2]]).all()
    for k, row in enumerate(rows):
        known = observed[k] >= 0
        x = np.where(observed[k] == 3, 1, observed[k])[known]
        assert found.er2[row] == pytest.approx(np.corrcoef(x, hidden[row][known])[0, 1] ** 2, abs=1e-5)


def test_batches_merge_to_the_whole(tmp_path):
    rng = np.random.default_rng(3)
    ds = rng.uniform(0, 1, (6, 30)).astype(np.float32)
    ploidy = rng.choice(np.array([1, 2], np.int8), 30)
    observed = rng.choice(np.array([-1, 0, 1, 2], np.int8), (2, 30))
    rows = np.array([0, 4], np.int32)
    hidden = rng.uniform(0, 2, (6, 30)).astype(np.float32)
    whole = of(ds, ploidy, hidden[rows], observed, rows).quality()
    parts = [
        of(ds[:, part], ploidy[part], hidden[rows][:, part], observed[:, part], rows)
        for part in (slice(0, 7), slice(7, 30))
    ]
    parts[1].save(tmp_path / "sums.npz")
    merged = parts[0].merge(SiteSums.load(tmp_path / "sums.npz")).quality()
    for name in ("af", "maf", "r2", "er2"):
        assert getattr(merged, name) == pytest.approx(getattr(whole, name), abs=1e-6, nan_ok=True)
    assert whole.take(slice(1, 3)).af.tolist() == whole.af[1:3].tolist()
