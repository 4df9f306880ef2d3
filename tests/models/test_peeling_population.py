"""Founders' priors: given ones against enumeration, and those learned from the population."""

import itertools

import numpy as np

from models.peeling.engine import Peeling
from models.peeling.options import Options
from models.peeling.penetrance import Penetrance, from_calls
from models.peeling.population import BYTES, PopulationOptions
from models.peeling.priors import FounderPriors
from tests.reference.peeling_exact import Parents, gamete
from tests.support.pedigrees import drop, pedigree_of

TRIO: Parents = [(None, None), (None, None), (0, 1), (0, None)]
LOCI = 240
HERD: Parents = [(None, None)] * 40 + [(0, 1)] * 4 + [(2, 3)] * 4 + [(4, 5)] * 4


def enumerate_with_priors(penetrance: np.ndarray, priors: np.ndarray, freq: float) -> np.ndarray:
    """(4, 4) posterior of the trio's phased genotypes with the founders' priors (2, 4)."""
    total = np.zeros((4, 4))
    for states in itertools.product(range(4), repeat=4):
        weight = priors[0, states[0]] * priors[1, states[1]]
        for child, dam in ((2, 1), (3, None)):
            weight *= gamete(states[0], states[child] >> 1)
            mat = states[child] & 1
            weight *= (freq if mat else 1 - freq) if dam is None else gamete(states[dam], mat)
        for animal, state in enumerate(states):
            weight *= penetrance[animal, state]
        for animal, state in enumerate(states):
            total[animal, state] += weight
    return total / total.sum(axis=1, keepdims=True)


def test_given_priors_are_exact() -> None:
    rng = np.random.default_rng(4)
    codes = rng.integers(-1, 3, (20, 4)).astype(np.int8)
    data: Penetrance = from_calls(codes, error=0.01)
    gp4 = rng.dirichlet(np.ones(4), (20, 2)).astype(np.float32)
    peeling = Peeling(pedigree_of(TRIO), data, np.arange(20) * 50.0, Options(cycles=0, sweeps=40, tolerance=1e-12),
                      np.full(20, 0.3), priors=FounderPriors(np.array([0, 1]), gp4))  # fmt: skip
    peeling.penetrance = data
    peeling.seg[:] = 0.25
    got = np.concatenate([block.gp4 for block in peeling.blocks()])
    for locus, row in enumerate(data.index):
        want = enumerate_with_priors(data.table[row], gp4[locus], 0.3)
        assert np.abs(got[locus] - want).max() < 1e-5


def herd(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True genotypes and codes (L, N): founders share eight ancestral haplotypes; some are typed at a tenth."""
    rng = np.random.default_rng(seed)
    ancestors = (rng.random((8, LOCI)) < rng.uniform(0.2, 0.8, LOCI)).astype(np.int8)
    founders = np.empty((80, LOCI), np.int8)
    for one in founders:
        start = np.cumsum(rng.random(LOCI) < 0.02)
        one[:] = ancestors[rng.integers(0, 8, start[-1] + 1)[start], np.arange(LOCI)]
    truth = drop(rng, HERD, founders, 0.005).sum(axis=1).T
    codes = truth.astype(np.int8)
    codes[np.arange(LOCI) % 10 != 0, 30:40] = -1  # low density, no offspring
    codes[np.arange(LOCI) % 10 != 0, 4:6] = -1  # low density parents
    codes[:, 48:52] = -1
    return truth, codes


def peel(
    codes: np.ndarray, population: PopulationOptions | None, threads: int = 1, parents: Parents = HERD
) -> np.ndarray:
    options = Options(threads=threads, population=population)
    peeling = Peeling(pedigree_of(parents), from_calls(codes), np.arange(LOCI) * 0.5, options)
    peeling.run()
    return np.concatenate([block.gp() for block in peeling.blocks()])


def test_the_population_imputes_founders_that_no_family_knows() -> None:
    truth, codes = herd(1)
    hidden = codes[:, 30:40] == -1
    right, sure = {}, {}
    for name, population in (("without", None), ("with", PopulationOptions(states=24))):
        gp = peel(codes, population)[:, 30:40]
        right[name] = (gp.argmax(axis=2) == truth[:, 30:40])[hidden].mean()
        sure[name] = gp.max(axis=2)[hidden].mean()
        assert np.abs(gp.sum(axis=2) - 1).max() < 1e-5
    assert right["with"] > right["without"] + 0.15
    assert right["with"] - 0.1 < sure["with"] < right["with"] + 0.03  # about as sure as it is right, and not surer


def test_the_number_of_threads_changes_no_draw() -> None:
    _, codes = herd(2)
    assert np.array_equal(*(peel(codes, PopulationOptions(states=16), threads) for threads in (1, 2)))


def test_the_order_of_animals_changes_no_draw() -> None:
    _, codes = herd(3)
    rng = np.random.default_rng(1)
    place = np.concatenate([rng.permutation(40), 40 + rng.permutation(len(HERD) - 40)])  # new places of the old
    old = np.argsort(place)
    parents: Parents = [tuple(None if p is None else int(place[p]) for p in HERD[k]) for k in old.tolist()]  # type: ignore[misc]
    moved = peel(codes[:, old], PopulationOptions(states=16), parents=parents)[:, place]
    assert np.abs(moved - peel(codes, PopulationOptions(states=16))).max() < 1e-3


def test_memory_decides_how_many_founders_have_a_population() -> None:
    """Those with most data are chosen: of ten at low density and thirty others, first the others."""
    _, codes = herd(2)
    options = PopulationOptions(states=16, memory=30 * LOCI * BYTES)
    peeling = Peeling(pedigree_of(HERD), from_calls(codes), np.arange(LOCI) * 0.5, Options(population=options))
    assert set(peeling._founders.tolist()) > {k for k in range(30) if k not in (4, 5)}
    assert len(peeling._founders) == 30
    assert peeling._prior.shape[1] == 30


def test_three_founders_are_no_population() -> None:
    codes = np.ones((LOCI, len(HERD)), np.int8)
    codes[:, 2:] = -1
    assert np.array_equal(peel(codes, PopulationOptions()), peel(codes, None))


def test_sites_that_nobody_was_typed_at_pass_from_a_founder_to_its_child() -> None:
    gp4 = np.full((3, 1, 4), 1e-3, np.float32)
    gp4[..., 3] = 0.997
    peeling = Peeling(pedigree_of([(None, None), (None, None), (0, 1)]), from_calls(np.full((3, 3), -1, np.int8)),
                      np.arange(3.0), Options(), np.full(3, 0.2), priors=FounderPriors(np.array([0]), gp4))  # fmt: skip
    peeling.run()
    paternal = np.concatenate([block.haplotype_dosage() for block in peeling.blocks()])[:, 2]
    assert paternal[:, 0].min() > 0.99
    assert np.abs(paternal[:, 1] - 0.2).max() < 0.01
