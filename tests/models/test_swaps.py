"""Exchanged samples of simulated pedigrees: found, named with their evidence, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.peeling.mendel import MendelTally
from models.peeling.rotations import Rotation, assign, find_exchanges
from models.peeling.swaps import Swap
from tests.reference.peeling_exact import Parents
from tests.support.pedigrees import drop, pedigree_of

LOCI = 400


def herd(rng: np.random.Generator, founders: int = 8, generations: int = 3, size: int = 12) -> Parents:
    """Even rows are sires and odd ones dams; the parents of a generation are all of the one before."""
    parents: Parents = [(None, None)] * founders
    start, end = 0, founders
    for _ in range(generations):
        for _ in range(size):
            sire = int(rng.choice(range(start, end, 2)))
            dam = int(rng.choice(range(start + 1, end, 2)))
            parents.append((sire, dam))
        start, end = end, len(parents)
    return parents


def genotypes(rng: np.random.Generator, parents: Parents, error: float = 0.002) -> NDArray[np.int8]:
    """(L, N) calls, some wrong and some missing."""
    founders = sum(one is None for pair in parents for one in pair)
    freq = rng.uniform(0.2, 0.8, LOCI)
    haplotypes = drop(rng, parents, (rng.random((founders, LOCI)) < freq).astype(np.int8), 0.05)
    dosage = haplotypes.sum(axis=1).T.astype(np.int8)
    wrong = rng.random(dosage.shape) < error
    dosage[wrong] = rng.integers(0, 3, int(wrong.sum()))
    dosage[rng.random(dosage.shape) < 0.02] = -1
    return dosage


def exchanges(parents: Parents, dosage: NDArray[np.int8]) -> tuple[list[Swap], list[Rotation]]:
    family = pedigree_of(parents)
    tally = MendelTally(family)
    tally.add(dosage)
    return find_exchanges(family, *tally.pairs(), lambda: np.array_split(dosage, 3))


def look(parents: Parents, dosage: NDArray[np.int8]) -> list[Swap]:
    swaps, rings = exchanges(parents, dosage)
    assert rings == []
    return swaps


def told_apart(parents: Parents, first: int, second: int) -> bool:
    """Whether the exchange changes the parents and offspring of anybody: full sibs without offspring are alike."""
    kin = [{pair for pair in parents if one in pair} for one in (first, second)]
    return parents[first] != parents[second] or bool(kin[0] or kin[1])


@pytest.mark.parametrize("seed", range(25))
def test_two_exchanged_samples_are_named_and_nobody_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parents = herd(rng)
    dosage = genotypes(rng, parents)
    assert look(parents, dosage) == []
    linked = [k for k, pair in enumerate(parents) if pair[0] is not None or any(k in one for one in parents)]
    first, second = sorted(int(one) for one in rng.choice(linked, 2, replace=False))
    dosage[:, [first, second]] = dosage[:, [second, first]]
    found = [(one.first, one.second) for one in look(parents, dosage)]
    assert found == ([(first, second)] if told_apart(parents, first, second) else [])


def test_the_evidence_is_counted_at_both_places() -> None:
    rng = np.random.default_rng(5)
    parents: Parents = [(None, None)] * 4 + [(0, 1)] * 3 + [(2, 3)] * 2 + [(5, 7)] * 9
    dosage = genotypes(rng, parents, error=0)
    dosage[:, [0, 2]] = dosage[:, [2, 0]]
    (swap,) = look(parents, dosage)
    assert (swap.first, swap.second) == (0, 2)
    assert [(one.relatives, one.against) for one in swap.named] == [(3, 3), (2, 2)]
    assert [(one.relatives, one.against, one.opposing) for one in swap.exchanged] == [(3, 0, 0), (2, 0, 0)]
    called = dosage >= 0
    opposing = sum(
        int((abs(dosage[:, 0] - dosage[:, kid]) == 2)[called[:, 0] & called[:, kid]].sum()) for kid in (4, 5, 6)
    )
    assert swap.named[0].opposing == opposing > 0
    assert swap.gain == sum(one.opposing for one in swap.named)


def test_a_parent_and_its_offspring_may_be_exchanged() -> None:
    rng = np.random.default_rng(2)
    parents: Parents = [(None, None)] * 4 + [(0, 1), (4, 3), (4, 3), (0, 1)] + [(5, 1)] * 8
    dosage = genotypes(rng, parents)
    dosage[:, [4, 0]] = dosage[:, [0, 4]]
    assert [(one.first, one.second) for one in look(parents, dosage)] == [(0, 4)]


def test_a_wrong_sire_alone_is_no_swap() -> None:
    rng = np.random.default_rng(3)
    parents: Parents = [(None, None)] * 4 + [(0, 1)] * 3 + [(2, 3)] * 3
    dosage = genotypes(rng, parents)
    stated = [*parents[:4], (2, 1), *parents[5:]]
    tally = MendelTally(pedigree_of(stated))
    tally.add(dosage)
    assert sum(one.suspicious for one in tally.pairs()[0]) == 1
    assert look(stated, dosage) == []


def test_few_loci_say_nothing() -> None:
    rng = np.random.default_rng(4)
    parents: Parents = [(None, None)] * 4 + [(0, 1)] * 3 + [(2, 3)] * 2
    dosage = genotypes(rng, parents)[:15]
    dosage[:, [0, 2]] = dosage[:, [2, 0]]
    assert look(parents, dosage) == []


def test_two_swaps_at_once() -> None:
    rng = np.random.default_rng(9)
    parents = herd(rng, founders=10, size=16)
    dosage = genotypes(rng, parents)
    for first, second in ((12, 31), (20, 40)):
        dosage[:, [first, second]] = dosage[:, [second, first]]
    assert {(one.first, one.second) for one in look(parents, dosage)} == {(12, 31), (20, 40)}
    assert all(replace(one, first=0).gain == one.gain for one in look(parents, dosage))


def _started(ring: tuple[int, ...]) -> tuple[int, ...]:
    """A ring from its first row on."""
    start = ring.index(min(ring))
    return (*ring[start:], *ring[:start])


@pytest.mark.parametrize(("size", "seed"), [(3, 0), (3, 2), (3, 25), (4, 5), (4, 29), (5, 0), (8, 1)])
def test_samples_that_went_round_are_named_in_their_order(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parents = herd(rng)
    dosage = genotypes(rng, parents)
    linked = [k for k, pair in enumerate(parents) if pair[0] is not None or any(k in one for one in parents)]
    ring = tuple(int(one) for one in rng.choice(linked, size, replace=False))
    assert all(told_apart(parents, *pair) for pair in combinations(ring, 2))
    moved = dosage.copy()
    moved[:, list(ring)] = dosage[:, list(np.roll(ring, -1))]
    swaps, rings = exchanges(parents, moved)
    assert swaps == []
    assert [_started(one.animals) for one in rings] == [_started(ring)]
    (found,) = rings
    assert not any(one.against for one in found.moved)
    assert sum(one.opposing for one in found.named) > 4 * sum(one.opposing for one in found.moved)


@pytest.mark.parametrize("seed", range(20))
def test_an_assignment_costs_least(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 1 + seed % 6
    cost = rng.integers(-5, 6, (count, count)).astype(float) if seed % 2 else rng.normal(size=(count, count))
    found = assign(cost)
    assert sorted(found) == list(range(count))
    least = min(sum(cost[k, one[k]] for k in range(count)) for one in permutations(range(count)))
    assert cost[range(count), found].sum() == pytest.approx(least)
