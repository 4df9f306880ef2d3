"""Males outside PAR and doubled haploids against enumeration, and against all meioses along the chromosome."""

import numpy as np
import pytest

from models.peeling.engine import Peeling
from models.peeling.options import Options
from models.peeling.penetrance import Penetrance, from_calls
from models.peeling.population import PopulationOptions
from models.peeling.priors import FounderPriors
from tests.models.test_peeling_exact import ONE_LOCUS, calls
from tests.reference.peeling_exact import Parents, enumerate_copies, lander_green
from tests.support.pedigrees import drop_single, pedigree_of, tree

R = np.array([0.1, 0.2])
CM = np.concatenate([[0.0], np.cumsum(-np.log(1 - 2 * R) / 2 * 100)])


def one_locus(parents: Parents, data: Penetrance, single: np.ndarray, freq: float) -> np.ndarray:
    loci = len(data.index)
    peeling = Peeling(pedigree_of(parents), data, np.arange(loci) * 50.0, ONE_LOCUS, np.full(loci, freq),
                      one_gamete=single)  # fmt: skip
    return np.concatenate([block.gp4 for block in peeling.blocks()])


def some_single(rng: np.random.Generator, parents: Parents) -> tuple[Parents, np.ndarray]:
    """Half the animals get one gamete: they keep one of their parents."""
    single = rng.random(len(parents)) < 0.5
    kept = [(s, d) if not one else ((None, d) if rng.integers(2) and d is not None else (s, None) if s is not None
            else (None, d)) for (s, d), one in zip(parents, single, strict=True)]  # fmt: skip
    return kept, single


@pytest.mark.parametrize("seed", range(25))
def test_pedigrees_without_loops_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parents, single = some_single(rng, tree(rng, 7))
    data = calls(rng, 12, len(parents))
    data.index[:, rng.integers(7)] = 0  # an animal without any data
    got = one_locus(parents, data, single, 0.3)
    for locus, row in enumerate(data.index):
        want = enumerate_copies(parents, data.table[row], 0.3, single.tolist())
        assert np.abs(got[locus] - want).max() < 1e-5


@pytest.mark.parametrize(
    ("parents", "males"),
    [
        ([(None, None)] * 2 + [(0, 1), (None, 1), (3, 2), (None, 2)], [0, 3, 5]),  # full sibs mated
        ([(None, None)] * 2 + [(0, 1), (0, 1), (0, 2), (None, 3)], [0, 5]),  # backcross to the sire
    ],
)
def test_loops_are_cut_and_exact(parents: Parents, males: list[int]) -> None:
    single = np.isin(np.arange(len(parents)), males)
    data = calls(np.random.default_rng(1), 24, len(parents))
    for unseen in (None, 0, 2):
        seen = Penetrance(data.index.copy(), data.table, True)
        if unseen is not None:
            seen.index[:, unseen] = 0
        got = one_locus(parents, seen, single, 0.4)
        want = np.stack([enumerate_copies(parents, data.table[row], 0.4, single.tolist()) for row in seen.index])
        assert np.abs(got - want).max() < 1e-5


# Sires of sons are named for the reference; the engine is told that there is none.
CHAINS: list[tuple[Parents, list[int]]] = [
    ([(None, None)] * 2 + [(0, 1)] * 3, [0, 2]),
    ([(None, None)] * 2 + [(0, 1)] * 3, [0]),
    ([(None, None)] * 3 + [(0, 1), (2, 3), (2, 3)], [0, 2, 4]),
    ([(None, None)] * 3 + [(0, 1), (3, 2)], [0, 3]),
]


def along(parents: Parents, males: list[int], options: Options, repeats: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    single = np.isin(np.arange(len(parents)), males)
    known = [(None, d) if one else (s, d) for (s, d), one in zip(parents, single, strict=True)]
    off = []
    for _ in range(repeats):
        data = calls(rng, 3, len(parents), 0.3)
        peeling = Peeling(pedigree_of(known), data, CM, options, np.full(3, 0.3), one_gamete=single)
        peeling.run()
        got = np.concatenate([block.gp() for block in peeling.blocks()])
        off.append(np.abs(got - lander_green(parents, data.table[data.index], R, 0.3, single.tolist())))
    return np.stack(off)


@pytest.mark.parametrize(("parents", "males"), CHAINS)
def test_few_meioses_are_exact_along_the_chromosome(parents: Parents, males: list[int]) -> None:
    assert along(parents, males, Options(learn_error=False), 8).max() < 1e-5


@pytest.mark.parametrize(("parents", "males"), CHAINS)
def test_cycles_stay_near(parents: Parents, males: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.peeling.lander_green.MOST_MEIOSES", -1)
    assert along(parents, males, Options(learn_error=False), 30).mean() < 0.01


def test_two_parents_are_refused() -> None:
    with pytest.raises(ValueError, match="two parents"):
        one_locus([(None, None)] * 2 + [(0, 1)], calls(np.random.default_rng(0), 3, 3), np.array([0, 0, 1], bool), 0.3)


@pytest.mark.parametrize("population", [None, PopulationOptions(least=10)])
def test_a_gene_drop_of_x_is_recovered(population: PopulationOptions | None) -> None:
    """Twenty sires and dams, a son and two daughters each; the daughters are typed at every eighth locus."""
    rng = np.random.default_rng(7)
    loci, couples = 160, 20
    parents: Parents = [(None, None)] * (2 * couples)
    for k in range(couples):
        parents += [(None, couples + k), (k, couples + k), (k, couples + k)]
    single = np.array([k < couples or (k >= 2 * couples and (k - 2 * couples) % 3 == 0) for k in range(len(parents))])
    ancestors = (rng.random((10, loci)) < rng.uniform(0.2, 0.8, loci)).astype(np.int8)
    start = np.cumsum(rng.random((3 * couples, loci)) < 0.01, axis=1)
    kind = rng.integers(0, 10, (3 * couples, loci))
    founders = ancestors[np.take_along_axis(kind, start, axis=1), np.arange(loci)]
    haps = drop_single(rng, parents, founders, 0.005, single)
    truth = haps.sum(axis=1).T
    codes = np.where(rng.random(truth.shape) < 0.2, -1, truth).astype(np.int8)
    daughters = np.flatnonzero(~single)[couples:]
    codes[np.ix_(np.arange(loci) % 8 != 0, daughters)] = -1
    peeling = Peeling(pedigree_of(parents), from_calls(codes), np.arange(loci) * 0.5,
                      Options(population=population), one_gamete=single)  # fmt: skip
    peeling.run()
    blocks = list(peeling.blocks())
    dosage = np.concatenate([block.dosage() for block in blocks])
    gp4 = np.concatenate([block.gp4 for block in blocks])
    assert gp4[:, single][..., 1:3].max() < 1e-6
    hidden = codes < 0
    for group, least in (
        (daughters, 0.97 if population else 0.9),
        (np.flatnonzero(single), 0.97 if population else 0.6),
    ):
        some = hidden[:, group]
        assert np.corrcoef(dosage[:, group][some], truth[:, group][some])[0, 1] > least


def test_given_priors_of_one_gamete_are_allele_frequencies() -> None:
    gp4 = np.tile(np.array([0.5, 0.1, 0.2, 0.2], np.float32), (3, 1, 1))
    data = Penetrance(np.zeros((3, 2), np.uint16), calls(np.random.default_rng(0), 1, 1).table, True)
    peeling = Peeling(pedigree_of([(None, None), (0, None)]), data, np.arange(3) * 50.0, ONE_LOCUS, np.full(3, 0.9),
                      priors=FounderPriors(np.array([0]), gp4), one_gamete=np.array([True, False]))  # fmt: skip
    got = np.concatenate([block.gp4 for block in peeling.blocks()])
    assert got[:, 0] == pytest.approx(np.tile([0.65, 0, 0, 0.35], (3, 1)), abs=1e-5)
    assert got[:, 1] == pytest.approx(np.tile([0.065, 0.585, 0.035, 0.315], (3, 1)), abs=1e-5)


def test_doubled_haploids_tell_the_phase_of_their_untyped_parent() -> None:
    """Nobody above the lines is typed: without a name for one haplotype of the F1 nothing could be learned."""
    rng = np.random.default_rng(1)
    parents: Parents = [(None, None)] * 2 + [(0, 1)] + [(None, 2)] * 20
    single = np.arange(len(parents)) > 2
    truth = drop_single(rng, parents, (rng.random((4, 80)) < 0.5).astype(np.int8), 0.01, single).sum(axis=1).T
    codes = np.where(rng.random(truth.shape) < 0.4, -1, truth).astype(np.int8)
    codes[:, :3] = -1
    peeling = Peeling(pedigree_of(parents), from_calls(codes), np.arange(80.0), one_gamete=single)
    peeling.run()
    gp = np.concatenate([block.gp() for block in peeling.blocks()])
    hidden = (codes < 0) & single
    assert (gp.argmax(axis=2) == truth)[hidden].mean() > 0.95
