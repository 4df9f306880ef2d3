import numpy as np
import pytest

from genotypes.quality import SiteSums


def test_r2_of_diploids_is_the_ratio_of_variances():
    ds = np.random.default_rng(1).uniform(0, 2, (5, 50)).astype(np.float32)
    found = SiteSums.of(ds, np.full(50, 2, np.int8)).quality()
    p = ds.mean(axis=1) / 2
    assert found.af == pytest.approx(p, abs=1e-6)
    assert found.maf == pytest.approx(np.minimum(p, 1 - p), abs=1e-6)
    assert found.r2 == pytest.approx(np.minimum(1, ds.var(axis=1) / (2 * p * (1 - p))), abs=1e-5)
    assert np.isnan(found.er2).all()


def test_certain_genotypes_in_equilibrium_have_r2_one():
    ds = np.array([[0] * 1 + [1] * 2 + [2] * 1], np.float32)
    assert SiteSums.of(ds, np.full(4, 2, np.int8)).quality().r2 == pytest.approx([1.0])
    haploid = SiteSums.of(np.array([[0, 0, 1, 1]], np.float32), np.full(4, 1, np.int8)).quality()
    assert haploid.r2 == pytest.approx([1.0])
    assert haploid.af == pytest.approx([0.5])


def test_mixed_ploidy_shares_one_frequency():
    ds = np.array([[1.0, 0.5, 2.0]], np.float32)
    ploidy = np.array([2, 1, 2], np.int8)
    found = SiteSums.of(ds, ploidy).quality()
    p = 3.5 / 5
    assert found.af == pytest.approx([p])
    spread = (1 - 2 * p) ** 2 + (0.5 - p) ** 2 + (2 - 2 * p) ** 2
    assert found.r2 == pytest.approx([spread / (5 * p * (1 - p))])


def test_a_monomorphic_site_has_r2_zero():
    found = SiteSums.of(np.zeros((1, 9), np.float32), np.full(9, 2, np.int8)).quality()
    assert (found.af[0], found.maf[0], found.r2[0]) == (0, 0, 0)


def test_er2_is_the_squared_correlation_where_observed():
    rng = np.random.default_rng(2)
    observed = rng.choice(np.array([-1, 0, 1, 2, 3], np.int8), (2, 60))
    hidden = np.full((4, 60), np.nan, np.float32)
    rows = np.array([1, 3], np.int32)
    hidden[rows] = rng.uniform(0, 2, (2, 60))
    found = SiteSums.of(np.ones((4, 60), np.float32), np.full(60, 2, np.int8), hidden, observed, rows).quality()
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
    whole = SiteSums.of(ds, ploidy, hidden, observed, rows).quality()
    parts = [
        SiteSums.of(ds[:, part], ploidy[part], hidden[:, part], observed[:, part], rows)
        for part in (slice(0, 7), slice(7, 30))
    ]
    parts[1].save(tmp_path / "sums.npz")
    merged = parts[0].merge(SiteSums.load(tmp_path / "sums.npz")).quality()
    for name in ("af", "maf", "r2", "er2"):
        assert getattr(merged, name) == pytest.approx(getattr(whole, name), abs=1e-6, nan_ok=True)
    assert whole.take(slice(1, 3)).af.tolist() == whole.af[1:3].tolist()
