"""Peeling against enumeration."""

import numpy as np
import pytest

from models.peeling.engine import Options, Peeling
from models.peeling.penetrance import Penetrance, from_calls
from tests.reference.peeling_exact import Parents, enumerate_one_locus, lander_green
from tests.support.pedigrees import pedigree_of, tree

ONE_LOCUS = Options(cycles=0, sweeps=40, tolerance=1e-12)


def calls(rng: np.random.Generator, loci: int, animals: int, missing: float = 0.4) -> Penetrance:
    codes = rng.integers(0, 3, (loci, animals)).astype(np.int8)
    codes[rng.random(codes.shape) < missing] = -1
    return from_calls(codes, error=0.01)


def peel_one_locus(parents: Parents, data: Penetrance, freq: float) -> np.ndarray:
    loci = len(data.index)
    peeling = Peeling(pedigree_of(parents), data, np.arange(loci) * 50.0, ONE_LOCUS, np.full(loci, freq))
    # Without cycles there is no phase to anchor, and enumeration has none.
    peeling._penetrance = data
    peeling.seg[:] = 0.25
    return np.concatenate([block.gp4 for block in peeling.blocks()])


@pytest.mark.parametrize("seed", range(25))
def test_pedigrees_without_loops_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parents = tree(rng, 7)
    data = calls(rng, 4, len(parents))
    got = peel_one_locus(parents, data, 0.3)
    for locus, row in enumerate(data.index):
        want = enumerate_one_locus(parents, data.table[row], 0.3)
        assert np.abs(got[locus] - want).max() < 1e-5


@pytest.mark.parametrize(
    "parents",
    [
        [(None, None), (0, 0), (0, 0), (1, 1)],
        [(None, None), (None, None), (0, 1), (2, 2), (2, 2), (3, 3)],
        [(None, None), (None, None), (0, 0), (2, 1), (3, 3)],
    ],
)
def test_selfing_is_exact(parents: Parents) -> None:
    data = calls(np.random.default_rng(1), 30, len(parents), 0.3)
    got = peel_one_locus(parents, data, 0.4)
    for locus, row in enumerate(data.index):
        want = enumerate_one_locus(parents, data.table[row], 0.4)
        assert np.abs(got[locus] - want).max() < 1e-5


@pytest.mark.parametrize(
    ("parents", "largest", "mean"),
    [
        ([(None, None)] * 4 + [(0, 2), (0, 3), (1, 2), (1, 3)], 0.05, 0.001),
        ([(None, None)] * 3 + [(0, 1), (0, 2), (3, 4), (3, 4)], 0.45, 0.01),
        ([(None, None)] * 2 + [(0, 1), (0, 1), (2, 3), (2, 3)], 0.3, 0.03),
        ([(None, None)] * 2 + [(0, 1), (0, 2), (0, 2)], 0.35, 0.04),
    ],
)
def test_loops_stay_near(parents: Parents, largest: float, mean: float) -> None:
    """Belief propagation is not exact on loops; these are the gaps that the engine is known to have."""
    data = calls(np.random.default_rng(2), 40, len(parents))
    got = peel_one_locus(parents, data, 0.5)
    gaps = np.stack(
        [np.abs(got[k] - enumerate_one_locus(parents, data.table[row], 0.5)) for k, row in enumerate(data.index)]
    )
    assert gaps.max() < largest
    assert gaps.mean() < mean


@pytest.mark.parametrize(
    "parents", [[(None, None), (None, None), (0, 1)], [(None, None), (None, None), (None, None), (0, 1), (3, 2)]]
)
def test_a_few_loci_of_a_chain_of_children_are_near_lander_green(parents: Parents) -> None:
    rng = np.random.default_rng(3)
    r = np.array([0.1, 0.2])
    cm = np.concatenate([[0.0], np.cumsum(-np.log(1 - 2 * r) / 2 * 100)])
    off = []
    for _ in range(30):
        data = calls(rng, 3, len(parents), 0.3)
        peeling = Peeling(pedigree_of(parents), data, cm, Options(learn_error=False), np.full(3, 0.3))
        peeling.run()
        got = np.concatenate([block.gp() for block in peeling.blocks()])
        off.append(np.abs(got - lander_green(parents, data.table[data.index], r, 0.3)))
    assert np.mean(off) < 0.01
