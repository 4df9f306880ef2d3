import numpy as np
import pytest

from genotypes.cell_sums import sum_cells
from genotypes.quality import SiteSums


def sums(ds, ploidy, square=None):
    """Sums as the kernel makes them; without `square` the genotypes are certain."""
    square = ds**2 if square is None else square
    doubt = square - ds**2
    more = (ds**2 * doubt).sum(1), (ds * ploidy * doubt).sum(1), (ploidy.astype(float) ** 2 * doubt).sum(1)
    return np.stack([ds.sum(1), (ds**2).sum(1), (ds * ploidy).sum(1), square.sum(1), *more])


def of(ds, ploidy, *rest, square=None):
    return SiteSums.of(sums(ds.astype(np.float64), ploidy, square), ploidy, *rest)


def of_gp(gp, ploidy):
    """Sums of genotype probabilities (V, S, 3)."""
    return of(gp[..., 1] + 2 * gp[..., 2], ploidy, square=gp[..., 1] + 4 * gp[..., 2])


def drawn(gp, ploidy, unseen, draws=20_000):
    """Mean of cov^2 over var(x) times the mean of var(y), of genotypes drawn from the probabilities."""
    rng = np.random.default_rng(7)
    x = gp[..., 1] + 2 * gp[..., 2]
    x = x - ploidy * x.sum(1, keepdims=True) / ploidy.sum()
    u = rng.random((draws, *x.shape))
    y = (u < gp[..., 1] + gp[..., 2]) * 1.0 + (u < gp[..., 2]) + rng.binomial(ploidy, unseen, u.shape)
    y = y - ploidy * y.sum(2, keepdims=True) / ploidy.sum()
    return ((x * y).sum(2) ** 2).mean(0) / (x**2).sum(1) / (y**2).sum(2).mean(0)


def test_r2_of_many_carriers_is_the_ratio_of_variances():
    gp = np.random.default_rng(1).dirichlet([1, 1, 1], (5, 5000))
    ds, square = gp[..., 1] + 2 * gp[..., 2], gp[..., 1] + 4 * gp[..., 2]
    found = of_gp(gp, np.full(5000, 2, np.int8)).quality()
    p = ds.mean(axis=1) / 2
    assert found.af == pytest.approx(p, abs=1e-6)
    assert found.maf == pytest.approx(np.minimum(p, 1 - p), abs=1e-6)
    assert found.r2 == pytest.approx(ds.var(axis=1) / (square.mean(axis=1) - ds.mean(axis=1) ** 2), abs=1e-3)
    assert np.isnan(found.er2).all()


@pytest.mark.parametrize("unseen", [0.0, 0.01])
@pytest.mark.parametrize("haploids", [0, 40])
def test_r2_of_few_carriers_is_the_squared_correlation_with_genotypes_drawn(unseen, haploids):
    rng = np.random.default_rng(3)
    ploidy = np.full(40, 2, np.int8)
    ploidy[:haploids] = 1
    gp = np.zeros((6, 40, 3))
    gp[..., 1] = rng.beta(0.02, 0.5, (6, 40))
    gp[:, :3, 1] = rng.uniform(0, 1, (6, 3))
    if haploids == 0:
        gp[..., 2] = (1 - gp[..., 1]) * rng.beta(0.02, 2, (6, 40))
    gp[..., 0] = 1 - gp[..., 1] - gp[..., 2]
    assert of_gp(gp, ploidy).quality(unseen).r2 == pytest.approx(drawn(gp, ploidy, unseen), abs=0.02)


def test_one_doubtful_carrier_is_as_good_as_sure_if_there_is_one_at_all():
    gp = np.zeros((1, 200, 3))
    gp[..., 0], gp[0, 7] = 1, [0.5, 0.5, 0]
    ploidy = np.full(200, 2, np.int8)
    assert of_gp(gp, ploidy).quality().r2 == pytest.approx([1.0], abs=1e-3)
    # Of 400 haplotypes a panel of 400 lets expect one carrier whom nobody sees, so that r2 is a third of the time 1.
    assert of_gp(gp, ploidy).quality(1 / 401).r2 == pytest.approx([0.335], abs=0.01)


def test_observed_genotypes_hide_no_carriers():
    observed = np.array([[0, 0, 1, 0, 2, 0]], np.int8)
    ds = observed.astype(np.float64)
    ploidy = np.full(6, 2, np.int8)
    typed = of(ds, ploidy, None, observed, np.array([0], np.int32))
    assert typed.imputed.tolist() == [0]
    assert typed.quality(0.1).r2 == pytest.approx([1.0])
    assert of(ds, ploidy).quality(0.1).r2[0] < 0.9


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
    doubt = np.maximum(0, (1000 * square[items].astype(np.int64) - d * d + 500) // 1000)
    expected = [
        d.sum(1), (d * d).sum(1), (d * ploidy).sum(1), square[items].sum(1), (d * d * doubt).sum(1),
        (d * ploidy * doubt).sum(1), (ploidy.astype(int) ** 2 * doubt).sum(1),
    ]  # fmt: skip
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
