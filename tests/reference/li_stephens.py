"""The copying model in plain numpy: exact posteriors of a haplotype, and of the genotypes of an unphased person."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float64]


def emission(states: NDArray[np.uint8], allele: int, error: float) -> F:
    """(K,) probability of an allele, -1 missing, given each copied haplotype's allele."""
    if allele < 0:
        return np.ones(len(states))
    return np.where(states == allele, 1 - error, error)


def forward(states: NDArray[np.uint8], haplotype: NDArray[np.int8], switch: F, error: float | F) -> F:
    """(T, K) joint probability of the alleles up to each site and the copied haplotype there."""
    sites, size = states.shape
    errors = np.broadcast_to(error, sites)
    out = np.empty((sites, size))
    f = np.full(size, 1 / size)
    for t in range(sites):
        if t:
            f = (1 - switch[t]) * out[t - 1] + switch[t] * out[t - 1].sum() / size
        out[t] = f * emission(states[t], int(haplotype[t]), errors[t])
    return out


def backward(states: NDArray[np.uint8], haplotype: NDArray[np.int8], switch: F, error: float | F) -> F:
    """(T, K) probability of the alleles after each site given the copied haplotype there."""
    sites, size = states.shape
    errors = np.broadcast_to(error, sites)
    out = np.ones((sites, size))
    for t in range(sites - 1, 0, -1):
        b = out[t] * emission(states[t], int(haplotype[t]), errors[t])
        out[t - 1] = (1 - switch[t]) * b + switch[t] * b.mean()
    return out


def posterior(states: NDArray[np.uint8], haplotype: NDArray[np.int8], switch: F, error: float | F) -> F:
    """(T, K) probability of each copied haplotype given all alleles."""
    both = forward(states, haplotype, switch, error) * backward(states, haplotype, switch, error)
    return both / both.sum(axis=1, keepdims=True)


def phasings(genotype: NDArray[np.int8]) -> list[NDArray[np.int8]]:
    """Every (2, T) pair of haplotypes with these genotypes (no missing ones)."""
    hets = np.flatnonzero(genotype == 1)
    out = []
    for choice in product((0, 1), repeat=len(hets)):
        pair = np.stack([genotype // 2, genotype // 2]).astype(np.int8)
        pair[0, hets] = choice
        pair[1, hets] = 1 - np.array(choice, int)
        out.append(pair)
    return out


def named_posterior(
    alleles: NDArray[np.uint8], typed: NDArray[np.int64], share: F, genotype: NDArray[np.int8],
    told: NDArray[np.int8], switch: F, error: float,
) -> F:  # fmt: skip
    """(V, 2) P(ALT) of both haplotypes, summed over the phasings in which the first one carries `told`, (T,) or -1."""
    states = alleles[typed]
    after = np.searchsorted(typed, np.arange(len(alleles)))
    left, right = np.clip(after - 1, 0, len(typed) - 1), np.clip(after, 0, len(typed) - 1)
    total, weight = np.zeros((len(alleles), 2)), 0.0
    for pair in phasings(genotype):
        if ((told >= 0) & (pair[0] != told)).any():
            continue
        likelihood = np.prod([forward(states, haplotype, switch, error)[-1].sum() for haplotype in pair])
        for side, haplotype in enumerate(pair):
            p = posterior(states, haplotype, switch, error)
            mixed = (1 - share)[:, None] * p[left] + share[:, None] * p[right]
            total[:, side] += likelihood * (mixed * alleles).sum(axis=1)
        weight += likelihood
    return total / weight


def diploid_posterior(
    alleles: NDArray[np.uint8], typed: NDArray[np.int64], share: F, genotype: NDArray[np.int8], switch: F, error: float
) -> F:
    """(V, 3) genotype probabilities, summed over all phasings of a person.

    Args:
        alleles: (V, K) of the panel.
        typed: (T,) rows of the typed sites.
        share: (V,) weight of the typed site on the right in the interpolation.
        genotype: (T,) 0-2.
        switch: (T,) switch probabilities.
        error: error probability.
    """
    states = alleles[typed]
    after = np.searchsorted(typed, np.arange(len(alleles)))
    left, right = np.clip(after - 1, 0, len(typed) - 1), np.clip(after, 0, len(typed) - 1)
    total, weight = np.zeros((len(alleles), 3)), 0.0
    for pair in phasings(genotype):
        likelihood = 1.0
        alt = []
        for haplotype in pair:
            likelihood *= forward(states, haplotype, switch, error)[-1].sum()
            p = posterior(states, haplotype, switch, error)
            mixed = (1 - share)[:, None] * p[left] + share[:, None] * p[right]
            alt.append((mixed * alleles).sum(axis=1))
        a, b = alt
        total += likelihood * np.stack([(1 - a) * (1 - b), a + b - 2 * a * b, a * b], axis=1)
        weight += likelihood
    return total / weight
