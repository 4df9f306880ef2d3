"""Which questions a family puts to a bundle's engine, and what its answers do at sites that nobody was typed at."""

from __future__ import annotations

import numpy as np
import pytest

from genotypes import codes as gt
from models.peeling.block import PeeledBlock
from models.peeling.engine import Peeling
from models.peeling.founder_haplotypes import EngineInput, engine_input
from models.peeling.hybrid import DISTRUST, BundleSites, Hybrid
from models.peeling.options import Options
from models.peeling.penetrance import from_calls
from models.peeling.priors import hardy_weinberg
from models.protocol import ImputedBlock
from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop, pedigree_of

LOCI, EVERY = 200, 5
CM = np.linspace(0, 19.9, LOCI).astype(np.float64)
TRIO: Parents = [(None, None), (None, None), (0, 1)]
FOUR: Parents = [(None, None), (None, None), (0, 1), (0, 1), (0, 1), (0, 1)]


def peeled(parents: Parents, typed: list[int], seed: int = 3) -> tuple[Peeling, np.ndarray, np.ndarray]:
    """A family typed at every fifth of 200 loci over 20 cM; haplotypes (N, 2, L) and calls at the typed loci."""
    rng = np.random.default_rng(seed)
    founders = 2 * sum(pair == (None, None) for pair in parents)
    haps = drop(rng, parents, rng.integers(0, 2, (founders, LOCI)).astype(np.int8), 0.001)
    calls = np.full((LOCI // EVERY, len(parents)), -1, np.int8)
    calls[:, typed] = haps.sum(axis=1)[typed, ::EVERY].T
    cm = CM[::EVERY]
    peeling = Peeling(
        pedigree_of(parents), from_calls(calls), cm, Options(threads=1, pin=True), np.full(len(calls), 0.5)
    )
    peeling.run()
    return peeling, haps, calls


def ask(parents: Parents, peeling: Peeling, calls: np.ndarray) -> EngineInput:
    return engine_input(
        peeling.pedigree,
        peeling.blocks(named=True),
        calls,
        peeling.freq,
        np.arange(len(calls)),
        True,
        peeling.one_gamete,
    )


def bundle_sites(freq: float = 0.5) -> BundleSites:
    locus = np.full(LOCI, -1)
    locus[::EVERY] = np.arange(LOCI // EVERY)
    return BundleSites(CM, np.full(LOCI, freq), locus)


def all_of(hybrid: Hybrid, block: ImputedBlock) -> np.ndarray:
    return np.concatenate([one.gp4 for one in hybrid.blocks([block])])


def test_the_engine_gets_haplotypes_where_the_family_tells_them() -> None:
    peeling, haps, calls = peeled(FOUR, list(range(6)))
    asked = ask(FOUR, peeling, calls)
    assert asked.founder.tolist() == [0, 1]
    assert len(asked.whole) == 0
    assert asked.ploidy.tolist() == [1, 1, 1, 1]
    known = asked.codes >= gt.HAP_REF
    assert known.mean() > 0.85
    for founder in (0, 1):  # the two haplotypes of each, in either order
        codes, truth = asked.codes[:, 2 * founder : 2 * founder + 2], haps[founder][:, ::EVERY].T
        right = [(codes - gt.HAP_REF == truth[:, order])[codes >= gt.HAP_REF].mean() for order in ([0, 1], [1, 0])]
        assert max(right) > 0.98


def test_an_animal_without_relatives_is_asked_as_genotypes() -> None:
    peeling, _, calls = peeled([*FOUR, (None, None)], [0, 1, 2, 3, 4, 5, 6])
    asked = ask([*FOUR, (None, None)], peeling, calls)
    assert asked.whole.tolist() == [6]
    assert asked.weight.tolist() == [1.0]
    assert (asked.codes[:, -1] == calls[:, 6]).all()


def test_sibs_without_typed_parents_share_their_evidence() -> None:
    parents: Parents = [(None, None), (None, None), (0, 1), (0, 1)]
    peeling, _, calls = peeled(parents, [2, 3])
    asked = ask(parents, peeling, calls)
    assert asked.whole.tolist() == [2, 3]
    assert asked.weight.tolist() == pytest.approx([2 / 3, 2 / 3])
    assert len(asked.founder) == 0


def test_one_child_tells_its_parents_phase_all_along_the_chromosome() -> None:
    peeling, haps, calls = peeled(TRIO, [0, 1, 2])
    asked = ask(TRIO, peeling, calls)
    assert asked.founder.tolist() == [0, 1]
    inherited = asked.codes[:, [0, 2]] - gt.HAP_REF  # the first haplotype of each parent is what the child got
    known = asked.codes[:, [0, 2]] >= gt.HAP_REF
    assert known.mean() > 0.8
    assert (inherited == haps[2][:, ::EVERY].T)[known].mean() > 0.98


def test_a_rare_allele_is_not_known_to_be_absent_from_an_unseen_haplotype() -> None:
    calls = np.full((4, 3), -1, np.int8)
    calls[:, 0] = 0
    freq = np.full(4, 0.01)
    gp4 = np.repeat(hardy_weinberg(freq)[:, None], 3, axis=1)
    gp4[:, 0] = [1, 0, 0, 0]
    asked = engine_input(
        pedigree_of([(None, None)] * 3), [PeeledBlock(0, gp4)], calls, freq, np.arange(4), True, np.zeros(3, bool)
    )
    assert asked.founder.tolist() == [0]
    assert (asked.codes == gt.HAP_REF).all()
    below = engine_input(pedigree_of([(None, None), (None, None), (0, 1)]), [PeeledBlock(0, gp4[:, [1, 2, 0]])],
                         calls[:, [1, 2, 0]], freq, np.arange(4), True, np.zeros(3, bool))  # fmt: skip
    assert below.founder.tolist() == []
    assert below.named.tolist() == [2]


def test_a_child_speaks_for_what_comes_from_the_parent_that_nobody_knows() -> None:
    peeling, _, calls = peeled(FOUR, [0, 2, 3, 4, 5])
    asked = ask(FOUR, peeling, calls)
    assert asked.founder.tolist() == [0]
    assert asked.named.tolist() == [2, 3, 4, 5]
    assert asked.says.tolist() == [[False, True]] * 4
    assert asked.linked == 5


def test_sibs_with_the_same_haplotype_share_what_they_say_of_it() -> None:
    peeling, haps, calls = peeled(FOUR, [0, 2, 3, 4, 5])
    asked = ask(FOUR, peeling, calls)
    hybrid = Hybrid(peeling, asked, bundle_sites(), CM[::EVERY])
    shares = hybrid._shares(peeling.seg)
    assert (shares[..., 0] == 1).all()  # of the sire's haplotypes they say nothing
    maternal = haps[2:, 1]
    assert (maternal[:, -LOCI // 2 :] == maternal[0, -LOCI // 2 :]).all()  # the third has another one to the left
    assert ((maternal[:, :20] == maternal[0, :20]).mean(axis=1) > 0.9).tolist() == [True, True, False, True]
    np.testing.assert_allclose(shares[-1, :, 1], 1 / 4, atol=0.01)
    np.testing.assert_allclose(shares[0, :, 1], [1 / 3, 1 / 3, 1, 1 / 3], atol=0.15)


def test_children_inherit_what_the_engine_says_of_their_parents_haplotypes() -> None:
    peeling, haps, calls = peeled(FOUR, list(range(6)))
    asked = ask(FOUR, peeling, calls)
    names = []  # which true haplotype is the first of each founder
    for founder in (0, 1):
        codes = asked.codes[:, 2 * founder] - gt.HAP_REF
        same = [(codes == haps[founder, k, ::EVERY])[codes >= 0].mean() for k in (0, 1)]
        names += [int(np.argmax(same)), 1 - int(np.argmax(same))]
    truth = np.stack([haps[k // 2, name] for k, name in enumerate(names)], axis=1).astype(np.float32)
    gp = np.stack([1 - truth, np.zeros_like(truth), truth], axis=2)
    hybrid = Hybrid(peeling, asked, bundle_sites(), CM[::EVERY])
    found = all_of(hybrid, ImputedBlock(0, gp, None, np.where(np.arange(LOCI)[:, None] % EVERY, np.nan, 0.5)))
    untyped = np.arange(LOCI) % EVERY > 0
    dosage = found[..., 1] + found[..., 2] + 2 * found[..., 3]
    assert np.corrcoef(dosage[untyped][:, 2:].ravel(), haps.sum(axis=1)[2:, untyped].T.ravel())[0, 1] ** 2 > 0.9


def test_an_animal_alone_keeps_the_engine_s_probabilities_and_counts_its_calls_once() -> None:
    peeling, _, calls = peeled([(None, None)], [0])
    asked = ask([(None, None)], peeling, calls)
    rng = np.random.default_rng(1)
    gp = rng.dirichlet([1, 1, 1], (LOCI, 1)).astype(np.float32)
    blind = rng.uniform(0, 2, (LOCI, 1)).astype(np.float32)
    hidden = np.where(np.arange(LOCI)[:, None] % EVERY, np.nan, blind)
    hybrid = Hybrid(peeling, asked, bundle_sites(0.3), CM[::EVERY])
    found = all_of(hybrid, ImputedBlock(0, gp, None, hidden))[:, 0]
    flat = hardy_weinberg(np.full(1, 0.3))[0]
    untyped = np.flatnonzero(np.arange(LOCI) % EVERY)
    want = (1 - DISTRUST) * np.stack([gp[:, 0, 0], gp[:, 0, 1] / 2, gp[:, 0, 1] / 2, gp[:, 0, 2]], axis=1)
    np.testing.assert_allclose(found[untyped], (want + DISTRUST * flat)[untyped], atol=1e-4)
    typed = np.arange(0, LOCI, EVERY)
    prior = (1 - DISTRUST) * hardy_weinberg(blind[typed, 0] / 2) + DISTRUST * flat
    once = prior * peeling.penetrance.table[peeling.penetrance.index[:, 0]]
    np.testing.assert_allclose(found[typed], once / once.sum(axis=1, keepdims=True), atol=1e-4)


def test_evidence_of_an_animal_with_parents_is_its_posterior_again() -> None:
    parents: Parents = [(None, None), (None, None), (0, 1)]
    peeling, _, calls = peeled(parents, [2])
    asked = ask(parents, peeling, calls)
    assert asked.whole.tolist() == [2]
    gp = np.random.default_rng(2).dirichlet([1, 1, 1], (LOCI, 1)).astype(np.float32)
    hybrid = Hybrid(peeling, asked, bundle_sites(0.3), CM[::EVERY])
    found = all_of(hybrid, ImputedBlock(0, gp, None, np.full((LOCI, 1), np.nan)))
    untyped = np.flatnonzero(np.arange(LOCI) % EVERY)
    flat = hardy_weinberg(np.full(1, 0.3))[0]
    both = (1 - DISTRUST) * gp[untyped, 0] + DISTRUST * np.array([flat[0], 2 * flat[1], flat[3]])
    mine = np.stack([found[:, 2, 0], found[:, 2, 1] + found[:, 2, 2], found[:, 2, 3]], axis=1)[untyped]
    np.testing.assert_allclose(mine, both, atol=1e-3)
    parents_know = np.abs(found[untyped, 0] - flat).max()
    assert 0.05 < parents_know < 1


def test_a_male_of_x_speaks_once_for_the_one_haplotype_that_it_has() -> None:
    """Three typed sons of an untyped mother, who all got the same: the engine's P(ALT), and no heterozygote."""
    parents: Parents = [(None, None), (None, 0), (None, 0), (None, 0)]
    single = np.array([False, True, True, True])
    rng = np.random.default_rng(4)
    calls = np.full((LOCI // EVERY, 4), -1, np.int8)
    calls[:, 1:] = 2 * rng.integers(0, 2, (LOCI // EVERY, 1))
    peeling = Peeling(pedigree_of(parents), from_calls(calls), CM[::EVERY], Options(threads=1, pin=True),
                      np.full(len(calls), 0.5), one_gamete=single)  # fmt: skip
    peeling.run()
    asked = ask(parents, peeling, calls)
    assert asked.founder.tolist() + asked.whole.tolist() == []
    assert asked.named.tolist() == [1, 2, 3]
    assert asked.says.tolist() == [[False, True]] * 3
    one = np.repeat(rng.uniform(0.1, 0.9, (LOCI, 3)).astype(np.float32), 2, axis=1)
    gp = np.stack([1 - one, np.zeros_like(one), one], axis=2)
    hybrid = Hybrid(peeling, asked, bundle_sites(0.3), CM[::EVERY])
    found = all_of(hybrid, ImputedBlock(0, gp, None, np.full((LOCI, 6), np.nan)))
    untyped = np.flatnonzero(np.arange(LOCI) % EVERY)
    assert (found[untyped][:, 1:, 1:3] == 0).all()
    np.testing.assert_allclose(found[untyped][:, 1:, 3], one[untyped, ::2], atol=1e-5)
