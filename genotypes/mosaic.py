"""Mosaics of phased haplotypes, recombined along a genetic map (Li and Stephens 2003, Genetics 165:2213)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def mosaics(
    rng: np.random.Generator,
    haplotypes: NDArray[np.int8],
    cm: NDArray[np.float64],
    count: int,
    rate: float,
) -> NDArray[np.int8]:
    """Recombine haplotypes into new ones.

    Args:
        rng: source of randomness.
        haplotypes: (H, V) alleles, one row a haplotype (contiguous rows make this fast).
        cm: (V,) ascending map positions in cM.
        count: how many mosaics to make.
        rate: expected switches per cM.

    Returns:
        (count, V) int8 alleles; every segment is copied from a uniformly drawn haplotype.
    """
    n, sites = haplotypes.shape
    out = np.empty((count, sites), haplotypes.dtype)
    length = float(cm[-1] - cm[0]) if sites else 0.0
    ends = np.cumsum(rng.poisson(rate * length, count)).tolist()
    # Drawn for all mosaics at once: a call for each segment would cost more than copying it.
    switches = np.searchsorted(cm, rng.uniform(0.0, length, ends[-1] if ends else 0) + (cm[0] if sites else 0.0))
    sources = rng.integers(n, size=len(switches) + count).tolist()
    for k, (row, first, end) in enumerate(zip(out, [0, *ends[:-1]], ends, strict=True)):
        edges = [0, *sorted(switches[first:end].tolist()), sites]
        for source, (start, stop) in zip(sources[first + k : end + k + 1], pairwise(edges), strict=True):
            row[start:stop] = haplotypes[source, start:stop]
    return out
