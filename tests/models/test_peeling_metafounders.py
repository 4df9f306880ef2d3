"""Metafounders: priors against enumeration, frequencies learned from crossbreds, what they gain, and their names."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from errors import Code, TesseraError
from models.peeling.engine import Peeling
from models.peeling.metafounders import shares, with_stand_ins
from models.peeling.options import Options
from models.peeling.pedigree import Metafounders, Pedigree, read_pedigree, x_linked
from models.peeling.penetrance import Penetrance, from_calls
from models.peeling.population import PopulationOptions
from tests.models.test_peeling_exact import ONE_LOCUS, calls
from tests.reference.peeling_exact import Parents, gamete
from tests.support.pedigrees import drop, pedigree_of, tree

P = np.array([0.15, 0.6, 0.85])


def grouped(parents: Parents, sire: NDArray[np.integer], dam: NDArray[np.integer]) -> Pedigree:
    names = ("MF_1", "MF_2", "MF_3")
    return replace(pedigree_of(parents), metafounders=Metafounders(names, sire.astype(np.int32), dam.astype(np.int32)))


def enumerate_groups(
    parents: Parents, penetrance: NDArray[np.float64], sire: NDArray[np.integer], dam: NDArray[np.integer]
) -> NDArray[np.float64]:
    """(N, 4) posterior of the phased genotypes where an unknown parent's gamete has its group's frequency `P`."""
    total = np.zeros((len(parents), 4))
    for states in itertools.product(range(4), repeat=len(parents)):
        weight = 1.0
        for i, state in enumerate(states):
            weight *= penetrance[i, state]
            given = ((state >> 1, parents[i][0], sire[i]), (state & 1, parents[i][1], dam[i]))
            for allele, parent, group in given:
                if parent is None:
                    weight *= P[group] if allele else 1 - P[group]
                else:
                    weight *= gamete(states[parent], allele)
        for i, state in enumerate(states):
            total[i, state] += weight
    return total / total.sum(axis=1, keepdims=True)


def one_locus(pedigree: Pedigree, data: Penetrance, population: PopulationOptions | None = None) -> np.ndarray:
    loci = len(data.index)
    options = replace(ONE_LOCUS, population=population)
    known = np.repeat(P[None], loci, axis=0)
    peeling = Peeling(pedigree, data, np.arange(loci) * 50.0, options, group_freq=known)
    return np.concatenate([block.gp4 for block in peeling.blocks()])


@pytest.mark.parametrize("seed", range(20))
def test_pedigrees_without_loops_are_exact(seed: int) -> None:
    """Founders of one group or of two, unknown mates of any."""
    rng = np.random.default_rng(seed)
    parents = tree(rng, 7)
    sire, dam = rng.integers(0, 3, 7), rng.integers(0, 3, 7)
    data = calls(rng, 12, 7)
    data.index[:, rng.integers(7)] = 0
    got = one_locus(grouped(parents, sire, dam), data)
    assert got.shape == (12, 7, 4)
    for locus, row in enumerate(data.index):
        assert np.abs(got[locus] - enumerate_groups(parents, data.table[row], sire, dam)).max() < 1e-5


def test_a_cross_of_two_groups_is_a_gamete_of_either() -> None:
    """P(aa) is the product, not Hardy-Weinberg at the mean frequency, and phase follows the groups."""
    group = np.array([1]), np.array([2])
    (gp4,) = one_locus(grouped([(None, None)], *group), from_calls(np.full((1, 1), -1, np.int8)))
    assert gp4[0].tolist() == pytest.approx([0.4 * 0.15, 0.4 * 0.85, 0.6 * 0.15, 0.6 * 0.85], abs=1e-6)
    (gp4,) = one_locus(grouped([(None, None)], *group), from_calls(np.full((1, 1), 1, np.int8)))
    assert gp4[0, 1] > 3 * gp4[0, 2]


def test_animals_of_one_gamete_draw_it_from_their_group() -> None:
    """A founder male's X is of his dam's group; a son's sire gives nothing, whatever its group."""
    parents: Parents = [(None, None), (None, None), (None, 1)]
    pedigree = grouped(parents, np.array([2, 1, 2]), np.array([1, 1, 0]))
    males = np.array([True, False, True])
    linked, single = x_linked(pedigree, males)
    assert with_stand_ins(linked, single) is linked
    data = from_calls(np.full((1, 3), -1, np.int8))
    peeling = Peeling(linked, data, np.zeros(1), ONE_LOCUS, one_gamete=single, group_freq=P[None])
    gp4 = next(peeling.blocks()).gp4[0]
    assert gp4[0].tolist() == pytest.approx([0.4, 0, 0, 0.6], abs=1e-6)
    assert gp4[2].tolist() == pytest.approx([0.4, 0, 0, 0.6], abs=1e-6)


def breeds(seed: int, loci: int, crosses: int, pure: int, r: float) -> tuple[Pedigree, NDArray[np.int8]]:
    """Founders of two breeds with `pure` offspring each, and crossbreds: pedigree, (N, 2, L) alleles."""
    rng = np.random.default_rng(seed)
    freq = rng.beta(0.6, 0.6, (loci, 2)) * 0.94 + 0.03
    parents: Parents = [(None, None)] * 40
    group = np.repeat([0, 1], 20)
    for k in range(pure):
        parents += [(k % 20, (k + 1) % 20), (20 + k % 20, 20 + (k + 1) % 20)]
    parents += [(int(rng.integers(20)), int(20 + rng.integers(20))) for _ in range(crosses)]
    founders = (rng.random((80, loci)) < freq[:, np.repeat(group, 2)].T).astype(np.int8)
    of = np.concatenate([group, np.zeros(len(parents) - 40, int)]).astype(np.int32)
    pedigree = replace(pedigree_of(parents), metafounders=Metafounders(("MF_1", "MF_2"), of, of))
    return pedigree, drop(rng, parents, founders, r)


def test_frequencies_of_groups_are_learned_from_crossbreds() -> None:
    """Founders are untyped; purebreds and crossbreds are typed. The founders' own frequencies can be learned."""
    pedigree, haps = breeds(1, 60, 120, 40, 0.22)
    codes = haps.sum(axis=1).T.astype(np.int8)
    codes[:, :40] = -1
    peeling = Peeling(pedigree, from_calls(codes), np.arange(60) * 30.0, Options(cycles=8, threads=1))
    peeling.run()
    assert peeling.groups is not None
    truth = np.stack([haps[:20].mean(axis=(0, 1)), haps[20:40].mean(axis=(0, 1))], axis=1)
    off = np.abs(peeling.groups.freq - truth)
    assert off.mean() < 0.03
    single = Peeling(replace(pedigree, metafounders=None), from_calls(codes), np.arange(60) * 30.0, Options(threads=1))
    single.run()
    assert off.mean() < 0.2 * np.abs(single.freq[:, None] - truth).mean()


@pytest.mark.parametrize("population", [False, True])
def test_two_breeds_are_imputed_better_than_as_one(population: bool) -> None:
    """A third of the loci is typed in a few animals of either breed alone."""
    pedigree, haps = breeds(2, 90, 60, 20, 0.02)
    truth = haps.sum(axis=1).T.astype(np.int8)
    codes = truth.copy()
    few = np.arange(0, 90, 3)
    rng = np.random.default_rng(3)
    hidden = rng.random((len(few), len(pedigree))) < 0.85
    codes[few] = np.where(hidden, -1, codes[few])
    options = Options(cycles=6, threads=1, population=PopulationOptions() if population else None)
    scores = []
    for one in (pedigree, replace(pedigree, metafounders=None)):
        peeling = Peeling(one, from_calls(codes), np.arange(90) * 2.0, options)
        peeling.run()
        ds = np.concatenate([block.dosage() for block in peeling.blocks()])
        scores.append(np.mean((ds - truth)[few][hidden] ** 2))
    # Founders here share no haplotypes, so that the population has nothing to tell breeds by.
    assert scores[0] < (0.99 if population else 0.9) * scores[1]


def test_founders_are_named_by_their_groups_or_else_anchored() -> None:
    """Of a typed cross of two breeds the maternal haplotype is the second breed's, whatever an anchor would say."""
    rng = np.random.default_rng(5)
    loci = 80
    freq = np.stack([rng.uniform(0.05, 0.3, loci), rng.uniform(0.7, 0.95, loci)], axis=1)
    parents: Parents = [(None, None)] * 12
    sire = np.repeat([0, 1, 0, 1], 3)
    dam = np.repeat([0, 1, 1, 0], 3)
    haps = np.stack([rng.random((12, loci)) < freq[:, sire].T, rng.random((12, loci)) < freq[:, dam].T], axis=1)
    pedigree = replace(
        pedigree_of(parents), metafounders=Metafounders(("MF_1", "MF_2"), sire.astype(np.int32), dam.astype(np.int32))
    )
    peeling = Peeling(pedigree, from_calls(haps.sum(axis=1).T.astype(np.int8)), np.arange(loci) * 1.0,
                      Options(cycles=4, threads=1))  # fmt: skip
    peeling.run()
    gp4 = np.concatenate([block.gp4 for block in peeling.blocks()])
    crossed = np.flatnonzero(sire != dam)
    het = haps.sum(axis=1)[crossed].T == 1
    paternal = (gp4[..., 2] + gp4[..., 3])[:, crossed][het] > 0.5
    assert (paternal == haps[crossed, 0].T[het]).mean() > 0.9


def test_names_of_groups_in_a_pedigree(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("MF_A 0 0\na MF_A MF_A\nb MF_A MF_B\nc 0 0\nd a MF_B\ne a b\n")
    pedigree = read_pedigree(path)
    assert pedigree.ids == ["a", "b", "c", "d", "e"]
    groups = pedigree.metafounders
    assert groups is not None
    assert groups.names == ("MF_1", "MF_A", "MF_B")
    assert groups.sire.tolist() == [1, 1, 0, 0, 0]
    assert groups.dam.tolist() == [1, 2, 0, 2, 0]
    assert pedigree.dam.tolist() == [-1, -1, -1, -1, 1]
    assert shares(pedigree, groups)[3].tolist() == [0, 0.5, 0.5]
    assert with_stand_ins(pedigree, pedigree.doubled).dam[3] == 5
    path.write_text("a MF_1 MF_1\nb MF_1 0\n")
    assert read_pedigree(path).metafounders is None
    path.write_text("a 0 0\nMF_2 a 0\n")
    with pytest.raises(TesseraError, match="Line 2") as error:
        read_pedigree(path)
    assert error.value.code is Code.pedigree_invalid
