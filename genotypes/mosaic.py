"""Mosaics of phased haplotypes, recombined along a genetic map (Li and Stephens 2003, Genetics 165:2213)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from genotypes.kernels import making_genotype_kernel

Choose: TypeAlias = Callable[[np.random.Generator, NDArray[np.int64]], NDArray[np.int64]]
"""(N,) the mosaic that each segment belongs to, ascending -> (N,) the haplotype that it is copied from."""


def mosaics(
    rng: np.random.Generator,
    haplotypes: NDArray[np.int8],
    cm: NDArray[np.float64],
    count: int,
    rate: float,
    choose: Choose | None = None,
) -> NDArray[np.int8]:
    """Recombine haplotypes into new ones.

    Args:
        rng: source of randomness.
        haplotypes: (H, V) alleles, one row a haplotype (contiguous rows make this fast).
        cm: (V,) ascending map positions in cM.
        count: how many mosaics to make.
        rate: expected switches per cM.
        choose: which haplotype a segment is copied from; any with the same chance by default.

    Returns:
        (count, V) int8 alleles.
    """
    n, sites = haplotypes.shape
    length = float(cm[-1] - cm[0]) if sites else 0.0
    switches = rng.poisson(rate * length, count)
    at = np.searchsorted(cm, rng.uniform(0.0, length, int(switches.sum())) + (cm[0] if sites else 0.0))
    owner = np.repeat(np.arange(count), switches + 1)
    sources = rng.integers(n, size=len(owner)) if choose is None else choose(rng, owner)
    # A segment starts at site 0 or at a switch; sorted by mosaic and place it ends where the next one starts.
    starts = np.concatenate([np.zeros(count, np.int64), at])
    whose = np.concatenate([np.arange(count), np.repeat(np.arange(count), switches)])
    starts = starts[np.lexsort((starts, whose))]
    out = np.empty((count, sites), haplotypes.dtype)
    _copy(haplotypes, out, owner, starts, sources)
    return out


@making_genotype_kernel
def _copy(
    haplotypes: NDArray[np.int8],
    out: NDArray[np.int8],
    owner: NDArray[np.int64],
    starts: NDArray[np.int64],
    sources: NDArray[np.int64],
) -> None:
    """Copy every segment; without the interpreter's lock, since batches are drawn while the network trains."""
    for k in range(len(owner)):
        last = k + 1 == len(owner) or owner[k + 1] != owner[k]
        end = out.shape[1] if last else starts[k + 1]
        out[owner[k], starts[k] : end] = haplotypes[sources[k], starts[k] : end]
