"""Slow, obviously right peeling: enumeration of every genotype at one locus, and of every meiosis along a few loci."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Parents = list[tuple[int | None, int | None]]  # sire and dam of each animal, parents before offspring


def gamete(genotype: int, allele: int) -> float:
    """P(a parent of this phased genotype 0-3 hands on `allele`)."""
    return ((genotype >> 1 == allele) + (genotype & 1 == allele)) / 2


def enumerate_one_locus(parents: Parents, penetrance: NDArray[np.float64], freq: float) -> NDArray[np.float64]:
    """(N, 4) posterior of the phased genotypes, from (N, 4) penetrances and the founders' ALT frequency."""
    n = len(parents)
    total = np.zeros((n, 4))
    for states in itertools.product(range(4), repeat=n):
        weight = 1.0
        for i, (state, (sire, dam)) in enumerate(zip(states, parents, strict=True)):
            weight *= penetrance[i, state]
            for allele, parent in ((state >> 1, sire), (state & 1, dam)):
                if parent is None:
                    weight *= freq if allele else 1 - freq
                else:
                    weight *= gamete(states[parent], allele)
            if weight == 0:
                break
        if weight > 0:
            for i, state in enumerate(states):
                total[i, state] += weight
    return total / total.sum(axis=1, keepdims=True)


def enumerate_copies(
    parents: Parents, penetrance: NDArray[np.float64], freq: float, single: Sequence[bool]
) -> NDArray[np.float64]:
    """`enumerate_one_locus` where some animals have one gamete, aa or AA, from the one parent that they have at most.

    Such a male of X hands its one allele to every daughter; of a doubled haploid all gametes are alike.
    """
    n = len(parents)
    total = np.zeros((n, 4))
    for states in itertools.product(*((0, 3) if one else range(4) for one in single)):
        weight = 1.0
        for i, (state, (sire, dam)) in enumerate(zip(states, parents, strict=True)):
            weight *= penetrance[i, state]
            given = [(state >> 1, sire), (state & 1, dam)]
            if single[i]:
                assert sire is None or dam is None
                given = [(state & 1, dam if sire is None else sire)]
            for allele, parent in given:
                if parent is None:
                    weight *= freq if allele else 1 - freq
                else:
                    weight *= gamete(states[parent], allele)
        for i, state in enumerate(states):
            total[i, state] += weight
    return total / total.sum(axis=1, keepdims=True)


def lander_green(
    parents: Parents,
    penetrance: NDArray[np.float64],
    r: NDArray[np.float64],
    freq: float,
    single: Sequence[bool] | None = None,
) -> NDArray[np.float64]:
    """(L, N, 3) posterior of the genotypes, from (L, N, 4) penetrances; both parents or neither are known.

    The hidden state is every meiosis of the pedigree together (Lander and Green 1987); founders' alleles are
    summed out. A founder of one gamete (`single`) has two equal alleles; a child of one gamete has what its dam gives
    it twice, and its sire, who must be named all the same, gives it nothing.
    """
    copies = [False] * len(parents) if single is None else list(single)
    loci, n = penetrance.shape[:2]
    founders = [i for i in range(n) if parents[i][0] is None]
    children = [i for i in range(n) if parents[i][0] is not None]
    bits = 2 * len(children)
    alleles = np.array(list(itertools.product((0, 1), repeat=2 * len(founders))))
    drawn = [not (copies[i] and side) for i in founders for side in range(2)]
    prior = np.prod(np.where(alleles == 1, freq, 1 - freq) ** drawn, axis=1)
    states = np.empty((1 << bits, len(alleles), n), int)
    for vector in range(1 << bits):
        carried: dict[int, tuple[int, int]] = {i: (2 * k, 2 * k + 1) for k, i in enumerate(founders)}
        for k, i in enumerate(children):
            sire, dam = parents[i]
            assert sire is not None
            assert dam is not None
            carried[i] = (carried[sire][vector >> 2 * k & 1], carried[dam][vector >> (2 * k + 1) & 1])
            if copies[i]:
                carried[i] = (carried[i][1], carried[i][1])
        for i in range(n):
            one, two = carried[i]
            states[vector, :, i] = 2 * alleles[:, one] + alleles[:, two]
    joint = np.empty((loci, 1 << bits, len(alleles)))
    for locus in range(loci):
        weight = np.broadcast_to(prior, joint.shape[1:]).copy()
        for i in range(n):
            weight *= penetrance[locus, i][states[:, :, i]]
            if copies[i]:
                weight *= states[:, :, i] % 3 == 0
        joint[locus] = weight
    emission = joint.sum(axis=2)

    def step(vector: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
        cube = vector.reshape((2,) * bits)
        for axis in range(bits):
            cube = (1 - rate) * cube + rate * np.flip(cube, axis)
        return cube.reshape(-1)

    ahead, behind = np.ones_like(emission), np.ones_like(emission)
    for locus in range(1, loci):
        ahead[locus] = step(ahead[locus - 1] * emission[locus - 1], r[locus - 1])
    for locus in range(loci - 2, -1, -1):
        behind[locus] = step(behind[locus + 1] * emission[locus + 1], r[locus])
    out = np.zeros((loci, n, 3))
    dosage = (states >> 1) + (states & 1)
    for locus in range(loci):
        weight = joint[locus] * (ahead[locus] * behind[locus])[:, None]
        for i in range(n):
            for g in range(3):
                out[locus, i, g] = weight[dosage[:, :, i] == g].sum()
    return out / out.sum(axis=2, keepdims=True)
