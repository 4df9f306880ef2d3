"""The multi-locus engine: what must not change its answers, and what it recovers from a gene drop."""

import numba
import numpy as np
import pytest

from genotypes.codes import swap_alleles
from models.peeling.engine import Peeling
from models.peeling.options import Options
from models.peeling.penetrance import from_calls, from_pl, from_reads
from models.peeling.segregation import haldane
from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop, pedigree_of

LOCI = 120
FAMILIES: Parents = [(None, None)] * 6 + [(0, 1)] * 4 + [(2, 3)] * 4 + [(6, 10)] * 5 + [(4, 5)] * 6


def people(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Haplotypes (N, 2, L), and codes (L, N): the last generation at a tenth of the loci, two founders untyped."""
    rng = np.random.default_rng(seed)
    founders = (rng.random((12, LOCI)) < rng.uniform(0.1, 0.9, LOCI)).astype(np.int8)
    haps = drop(rng, FAMILIES, founders, 0.005)
    codes = haps.sum(axis=1, dtype=np.int8).T.copy()
    codes[np.arange(LOCI) % 10 != 0, 14:19] = -1
    codes[:, 4:6] = -1
    return haps, codes


def peel(parents: Parents, codes: np.ndarray, options: Options | None = None) -> np.ndarray:
    peeling = Peeling(pedigree_of(parents), from_calls(codes), np.arange(len(codes)) * 0.5, options)
    peeling.run()
    return np.concatenate([block.gp4 for block in peeling.blocks()])


def test_a_gene_drop_is_recovered() -> None:
    haps, codes = people()
    got = peel(FAMILIES, codes)
    truth = haps.sum(axis=1).T
    dosage = got[..., 1] + got[..., 2] + 2 * got[..., 3]
    hidden = codes == -1
    assert np.corrcoef(dosage[:, 14:19][hidden[:, 14:19]], truth[:, 14:19][hidden[:, 14:19]])[0, 1] > 0.95
    assert np.corrcoef(dosage[:, 4:6].sum(axis=1), truth[:, 4:6].sum(axis=1))[0, 1] > 0.9
    het = haps[6:14, 0] != haps[6:14, 1]
    paternal = (got.argmax(axis=2) >> 1).T[6:14]
    assert (paternal == haps[6:14, 0])[het].mean() > 0.97


def test_probabilities_sum_to_one() -> None:
    got = peel(FAMILIES, people()[1])
    assert np.abs(got.sum(axis=2) - 1).max() < 1e-5


def comparable(gp4: np.ndarray) -> np.ndarray:
    """Dosages (L, N - 1); which of the two untyped founders is which is anybody's choice, so only their sum counts."""
    dosage = gp4[..., 1] + gp4[..., 2] + 2 * gp4[..., 3]
    return np.concatenate([dosage[:, :4], dosage[:, 4:5] + dosage[:, 5:6], dosage[:, 6:]], axis=1)


def test_swapping_alleles_swaps_the_answer() -> None:
    _, codes = people()
    got, swapped = comparable(peel(FAMILIES, codes)), comparable(peel(FAMILIES, swap_alleles(codes)))
    top = np.where(np.arange(got.shape[1]) == 4, 4, 2)
    assert np.abs(got + swapped - top).mean() < 1e-3


def test_relabelling_animals_changes_nothing() -> None:
    _, codes = people()
    n = len(FAMILIES)
    # Founders change places among themselves, children within the generations.
    order = np.array([5, 4, 3, 2, 1, 0, *range(13, 5, -1), *range(n - 1, 13, -1)])
    place = np.argsort(order)
    parents = [tuple(None if p is None else int(place[p]) for p in FAMILIES[i]) for i in order]
    other = np.empty((LOCI, n, 4), np.float32)
    other[:, order] = peel(parents, codes[:, order])
    gap = np.abs(comparable(peel(FAMILIES, codes)) - comparable(other))
    assert gap[:, :18][:, np.arange(18) != 4].max() < 1e-3
    # Where both parents are untyped another child is anchored, and belief propagation ends a little elsewhere.
    assert gap.mean() < 0.01


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
def test_the_number_of_threads_changes_nothing() -> None:
    _, codes = people()
    one, two = (peel(FAMILIES, codes, Options(threads=threads)) for threads in (1, 2))
    assert np.array_equal(one, two)


def test_blocks_change_nothing() -> None:
    _, codes = people()
    assert np.array_equal(peel(FAMILIES, codes), peel(FAMILIES, codes, Options(block=16)))


def test_haldane() -> None:
    assert haldane(np.array([0.0, 0.0, 50.0, 1e6])) == pytest.approx([0, (1 - np.exp(-1)) / 2, 0.5])


def test_reads_and_pl_give_the_likelihoods_of_the_formulas() -> None:
    reads = from_reads(np.array([[3, 0, -1]]), np.array([[1, 0, -1]]), 0.01)
    want = np.array([0.99**3 * 0.01, 0.5**4, 0.5**4, 0.01**3 * 0.99])
    assert reads.table[reads.index[0, 0]] == pytest.approx(want / want.max())
    assert reads.observed.tolist() == [[True, False, False]]
    pl = from_pl(np.array([[[20, 0, 30], [-1, -1, -1], [7, 7, 7]]]))
    assert pl.table[pl.index[0, 0]] == pytest.approx([0.01, 1, 1, 0.001])
    assert pl.observed.tolist() == [[True, False, False]]
