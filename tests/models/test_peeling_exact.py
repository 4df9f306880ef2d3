"""Peeling against enumeration."""

from functools import cache

import numpy as np
import pytest

from models.peeling.engine import Peeling
from models.peeling.options import Options
from models.peeling.penetrance import Penetrance, from_calls
from models.peeling.priors import FounderPriors
from tests.reference.peeling_exact import Parents, enumerate_one_locus, lander_green
from tests.support.pedigrees import drop, pedigree_of, tree

ONE_LOCUS = Options(cycles=0, sweeps=40, tolerance=1e-12)


def calls(rng: np.random.Generator, loci: int, animals: int, missing: float = 0.4) -> Penetrance:
    codes = rng.integers(0, 3, (loci, animals)).astype(np.int8)
    codes[rng.random(codes.shape) < missing] = -1
    return from_calls(codes, error=0.01)


def peel_one_locus(parents: Parents, data: Penetrance, freq: float) -> np.ndarray:
    loci = len(data.index)
    peeling = Peeling(pedigree_of(parents), data, np.arange(loci) * 50.0, ONE_LOCUS, np.full(loci, freq))
    # Without cycles there is no phase to anchor, and enumeration has none.
    peeling.penetrance = data
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


LOOPS: list[tuple[Parents, float]] = [  # with what belief propagation alone is off by on average
    ([(None, None)] * 4 + [(0, 2), (0, 3), (1, 2), (1, 3)], 0.002),
    ([(None, None)] * 3 + [(0, 1), (0, 2), (3, 4), (3, 4)], 0.02),
    ([(None, None)] * 2 + [(0, 1), (0, 1), (2, 3), (2, 3)], 0.03),
    ([(None, None)] * 2 + [(0, 1), (0, 2), (0, 2)], 0.04),
    ([(None, None)] * 2 + [(0, 1), (0, 1), (2, 3), (2, 3), (4, 5)], 0.1),
    ([(None, None), (0, 0), (0, 1), (2, 1), (3, 3), (3, None)], 0.1),
]


def gaps(parents: Parents) -> np.ndarray:
    data, want = enumerated(tuple(parents), 32 if len(parents) < 8 else 12)
    return np.abs(peel_one_locus(parents, data, 0.5) - want)


@cache
def enumerated(parents: tuple[tuple[int | None, int | None], ...], loci: int) -> tuple[Penetrance, np.ndarray]:
    """Data, and their posteriors by enumeration, which takes a while and two tests want."""
    data = calls(np.random.default_rng(2), loci, len(parents))
    return data, np.stack([enumerate_one_locus(list(parents), data.table[row], 0.5) for row in data.index])


@pytest.mark.parametrize("parents", [loop[0] for loop in LOOPS])
def test_loops_are_cut_and_exact(parents: Parents) -> None:
    assert gaps(parents).max() < 1e-5


@pytest.mark.parametrize(("parents", "mean"), LOOPS)
def test_loops_that_are_not_cut_stay_near(parents: Parents, mean: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Belief propagation is not exact on loops; these are the gaps, on calls drawn at random, of groups too large."""
    monkeypatch.setattr("models.peeling.cutset.MOST_CUTS", 0)
    off = gaps(parents)
    assert off.max() > 1e-5
    assert off.mean() < mean


def test_an_untyped_animal_that_cuts_a_loop_is_freed_after_every_eight_loci() -> None:
    parents = LOOPS[1][0]
    data = calls(np.random.default_rng(0), 32, len(parents), 0.2)
    index = data.index.copy()
    index[:, 0] = 0
    unseen = Penetrance(index, data.table, True)
    got = peel_one_locus(parents, unseen, 0.3)
    want = np.stack([enumerate_one_locus(parents, data.table[row], 0.3) for row in index])
    assert np.abs(got - want).max() < 1e-5


def test_two_groups_with_other_numbers_of_cuts_do_not_touch() -> None:
    one, two = LOOPS[1][0], LOOPS[4][0]
    both = [*one, *((None, None) if s is None or d is None else (s + 7, d + 7) for s, d in two), (None, None)]
    data = calls(np.random.default_rng(4), 12, len(both))
    got = peel_one_locus(both, data, 0.4)
    for parents, first in ((one, 0), (two, 7)):
        part = slice(first, first + len(parents))
        alone = Penetrance(np.ascontiguousarray(data.index[:, part]), data.table, True)
        assert np.abs(got[:, part] - peel_one_locus(parents, alone, 0.4)).max() < 1e-5


CHAINS: list[Parents] = [
    [(None, None), (None, None), (0, 1)],
    [(None, None), (None, None), (None, None), (0, 1), (3, 2)],
    [(None, None)] * 3 + [(0, 1), (0, 2), (3, 4)],
    [(None, None)] * 2 + [(0, 1), (0, None), (None, 1)],
    [(None, None), (0, 0), (1, 1), (None, 0)],
    [(None, None)] * 2 + [(0, 1)] * 3,
    [(None, None)] + [(0, None)] * 3,
]


def off_lander_green(parents: Parents, options: Options, repeats: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    r = np.array([0.1, 0.2])
    cm = np.concatenate([[0.0], np.cumsum(-np.log(1 - 2 * r) / 2 * 100)])
    off = []
    for _ in range(repeats):
        data = calls(rng, 3, len(parents), 0.3)
        peeling = Peeling(pedigree_of(parents), data, cm, options, np.full(3, 0.3))
        peeling.run()
        got = np.concatenate([block.gp() for block in peeling.blocks()])
        off.append(np.abs(got - lander_green_of(parents, data, r)))
    return np.stack(off)


def lander_green_of(parents: Parents, data: Penetrance, r: np.ndarray) -> np.ndarray:
    """The reference knows both parents or none: an unknown one becomes a founder of its own."""
    founders = sum(None in pair and pair != (None, None) for pair in parents)
    whole: Parents = [(None, None)] * founders
    used = 0
    for pair in parents:
        known = [None if p is None else p + founders for p in pair]
        if pair != (None, None) and None in pair:
            known[pair.index(None)] = used
            used += 1
        whole.append((known[0], known[1]))
    index = np.concatenate([np.zeros((len(data.index), founders), np.uint16), data.index], axis=1)
    return lander_green(whole, data.table[index], r, 0.3)[:, founders:]


@pytest.mark.parametrize("parents", CHAINS)
def test_few_meioses_are_exact_along_the_chromosome(parents: Parents) -> None:
    assert off_lander_green(parents, Options(learn_error=False), 8).max() < 1e-5


@pytest.mark.parametrize("parents", CHAINS)
def test_founders_priors_are_exact_along_the_chromosome(parents: Parents) -> None:
    """The reference takes them as evidence: what they say more than allele frequencies do."""
    rng = np.random.default_rng(5)
    r, hardy_weinberg = np.array([0.1, 0.2]), np.array([0.49, 0.21, 0.21, 0.09])
    cm = np.concatenate([[0.0], np.cumsum(-np.log(1 - 2 * r) / 2 * 100)])
    founders = np.array([i for i, pair in enumerate(parents) if pair == (None, None)])
    for phased in (False, True):
        gp4 = rng.dirichlet(np.ones(4), (3, len(founders)))
        if not phased:
            gp4[..., 1:3] = gp4[..., 1:3].mean(axis=2, keepdims=True)
        data = calls(rng, 3, len(parents), 0.3)
        peeling = Peeling(pedigree_of(parents), data, cm, Options(learn_error=False), np.full(3, 0.3),
                          priors=FounderPriors(founders, gp4.astype(np.float32)))  # fmt: skip
        peeling.run()
        got = np.concatenate([block.gp() for block in peeling.blocks()])
        cells = data.table[data.index]
        cells[:, founders] *= gp4 / hardy_weinberg
        table = np.concatenate([np.ones((1, 4)), cells.reshape(-1, 4)])
        told = Penetrance((1 + np.arange(data.index.size, dtype=np.uint16)).reshape(data.index.shape), table, False)
        assert np.abs(got - lander_green_of(parents, told, r)).max() < 1e-5


@pytest.mark.parametrize("parents", CHAINS)
def test_peeling_in_cycles_stays_near_lander_green(parents: Parents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.peeling.lander_green.MOST_MEIOSES", 0)
    assert off_lander_green(parents, Options(learn_error=False), 30).mean() < 0.01


def test_parents_that_nobody_typed_are_told_apart() -> None:
    """The anchor names one of them the sire; as nobody knows which, both are given the same probabilities."""
    rng = np.random.default_rng(6)
    parents: Parents = [(None, None)] * 2 + [(0, 1)] * 4
    haps = drop(rng, parents, (rng.random((4, 60)) < 0.5).astype(np.int8), 0.01)
    codes = haps.sum(axis=1, dtype=np.int8).T.copy()
    codes[:, :2] = -1
    peeling = Peeling(pedigree_of(parents), from_calls(codes), np.arange(60.0), Options(learn_error=False))
    peeling.run()
    given = np.concatenate([block.gp4 for block in peeling.blocks()])
    assert np.array_equal(given[:, 0], given[:, 1])
    dosage = np.concatenate([block.dosage() for block in peeling.blocks(named=True)])
    truth = haps[:2].sum(axis=1).T
    assert max(np.corrcoef(dosage[:, k], truth[:, 0])[0, 1] for k in (0, 1)) > 0.7
    assert np.abs(dosage[:, 0] - dosage[:, 1]).mean() > 0.3
