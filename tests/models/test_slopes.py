"""Calibration slopes of sites: how they are reckoned, measured in a training, kept and read."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from errors import Code, TesseraError
from models.bundles import open_bundle
from models.haplotypes.bundle import HaplotypeBundle
from models.haplotypes.genome import train_genome
from models.haplotypes.genome_learn import middle
from models.haplotypes.library import Library
from models.haplotypes.slope_sums import SUMS, add_sums
from models.haplotypes.slopes import slopes_of
from models.haplotypes.stored import SLOPE, SLOPES, StoredLibrary
from tests.support.genomes import SITES, TinyChromosome, make_genome, options, silent, write_genome


def sums(expected: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
    """(7, V) of (V, N)."""
    out = np.zeros((SUMS, len(expected)))
    add_sums(expected.astype(np.float32), true.astype(np.int8), 1, np.ones(len(expected), bool), out)
    return out


def test_sums_add_up_where_they_count() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.random((6, 40)).astype(np.float32) * 2, rng.integers(0, 3, (6, 40)).astype(np.int8)
    count, out = np.array([1, 1, 0, 1, 0, 1], bool), np.ones((SUMS, 9))
    add_sums(x, y, 2, count, out[:, 2:8])
    leverage = (x - x.mean(axis=1, keepdims=True)) ** 2
    plain = (np.ones_like(x), x, y, x * x, x * y, leverage * (y - x) ** 2, leverage * x * (1 - x / 2))
    expected = np.array([one.sum(axis=1) for one in plain]) * count + 1
    np.testing.assert_allclose(out[:, 2:8], expected, rtol=1e-5)
    assert np.all(out[:, [0, 1, 8]] == 1)


@pytest.mark.parametrize("bad", [0.0, 0.5, 0.8])
def test_sites_that_do_not_follow_their_haplotypes_are_found(bad: float) -> None:
    rng = np.random.default_rng(1)
    expected = np.clip(rng.beta(0.1, 0.2, (600, 2000)), 0, 1)
    slope = np.ones(600)
    slope[::20] = bad
    mean = expected.mean(axis=1, keepdims=True)
    chance = mean + slope[:, None] * (expected - mean)
    found = slopes_of(sums(expected, (rng.random(expected.shape) < chance).astype(float)))
    assert np.abs(found[::20] - bad).mean() < 0.03
    good = np.delete(found, np.arange(0, 600, 20))
    assert good.min() > 0.93
    assert good.mean() > 0.99


def test_what_says_little_is_trusted() -> None:
    rng = np.random.default_rng(2)
    expected = (rng.random((400, 1000)) < 0.001).astype(float)
    expected[:10] = 0
    found = slopes_of(sums(expected, expected))
    assert np.all(found[:10] == 1)
    assert found.min() > 0.99
    assert slopes_of(np.zeros((7, 3))).tolist() == [1, 1, 1]


def test_rates_that_are_alike_meet_in_the_middle() -> None:
    assert middle([1e-3, 1e-2, 1e-1], [0.5, 0.4, 0.5]) == 1e-2
    assert middle([1e-3, 1e-2, 1e-1], [0.401, 0.4, 0.5]) == pytest.approx(3.2e-3)
    assert middle([1e-3, 1e-2, 1e-1], [0.4, 0.4, 0.4]) == 1e-2


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[HaplotypeBundle, NDArray[np.int64]]:
    """A bundle of a panel in which some common sites carry alleles at random, and these."""
    place = tmp_path_factory.mktemp("slopes")
    one = make_genome()["20"]
    haplotypes = one.haplotypes.copy()
    common = np.flatnonzero(np.abs(haplotypes.mean(axis=1) - 0.5) < 0.3)
    bad = common[3::8]
    rng = np.random.default_rng(5)
    haplotypes[bad] = rng.permuted(haplotypes[bad], axis=1)
    write_genome(place / "chr20.bcf", {"20": TinyChromosome(one.pos, haplotypes, one.others)})
    train_genome(options(place, ["chr20.bcf"]), silent)
    bundle = open_bundle(place / "bundle")
    assert isinstance(bundle, HaplotypeBundle)
    return bundle, bad


def test_a_training_finds_the_sites_that_are_noise(trained: tuple[HaplotypeBundle, NDArray[np.int64]]) -> None:
    bundle, bad = trained
    bundle.verify()
    slopes = bundle.library("20").slopes(np.arange(SITES, dtype=np.int32))
    others = np.delete(slopes, bad)
    assert len(bad) >= 5
    assert slopes[bad].mean() < 0.5
    assert others.mean() > 0.9
    some = np.array([2, 5, 290], np.int32)
    assert np.array_equal(bundle.library("20").slopes(some), slopes[some])


def test_a_bundle_without_slopes_trusts_all_its_sites(tmp_path: Path) -> None:
    path = tmp_path / "haplotypes.safetensors"
    Library.of(np.eye(9, dtype=np.int8), np.arange(9.0)).write(path, [])
    rows = np.arange(9, dtype=np.int32)
    assert np.all(StoredLibrary(path).slopes(rows) == 1)
    save_file({SLOPE: np.arange(0, 90, 10, dtype=np.uint8)}, tmp_path / SLOPES)
    assert StoredLibrary(path).slopes(rows[2:5]) == pytest.approx(np.array([20, 30, 40]) / 255)
    assert len(StoredLibrary(path).slopes(rows[:0])) == 0


@pytest.mark.parametrize("spoil", ["length", "name", "text"])
def test_spoilt_slopes_are_named(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "haplotypes.safetensors"
    Library.of(np.eye(9, dtype=np.int8), np.arange(9.0)).write(path, [])
    save_file(
        {"other" if spoil == "name" else SLOPE: np.ones(8 if spoil == "length" else 9, np.uint8)}, tmp_path / SLOPES
    )
    if spoil == "text":
        (tmp_path / SLOPES).write_text("no slopes")
    with pytest.raises(TesseraError, match=SLOPES) as caught:
        StoredLibrary(path).slopes(np.arange(9, dtype=np.int32))
    assert caught.value.code is Code.bundle_invalid
