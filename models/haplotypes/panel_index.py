"""Numba kernels that turn a panel's carriers over: by site, and by haplotype and interval."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genotypes.bits import highest
from models.haplotypes.compiled import kernel

_TOP = np.uint64(1 << 63)


@kernel(nogil=True)
def carriers_of(
    minor: NDArray[np.int64], dense: NDArray[np.bool_], bits: NDArray[np.uint8], gaps: NDArray[Any], out: NDArray[Any]
) -> bool:
    """The carriers of all sites from bits and gaps.

    Args:
        minor: (V,) carriers of each site.
        dense: (V,) whether the site is among the bits.
        bits: (D, B) of the dense sites, the first haplotype in the highest bit.
        gaps: of the other sites, as `gaps_of` makes them.
        out: (C,) is filled.

    Returns:
        Whether bits and counts agree.
    """
    row = 0
    gap = 0
    at = 0
    for v in range(len(minor)):
        end = at + minor[v]
        if dense[v]:
            for b in range(0, bits.shape[1], 8):
                word = np.uint64(0)
                for i in range(b, b + 8):
                    word = word << np.uint64(8) | (np.uint64(bits[row, i]) if i < bits.shape[1] else np.uint64(0))
                while word:
                    if at == end:
                        return False
                    k = highest(word)
                    word ^= _TOP >> k
                    out[at] = 8 * b + k
                    at += 1
            if at != end:
                return False
            row += 1
        else:
            k = 0
            while at < end:
                k += gaps[gap]
                out[at] = k
                gap += 1
                at += 1
    return True


@kernel(allocates=True)
def lists_of(alleles: NDArray[np.uint8], flipped: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """(V, K) alleles -> starts (V + 1,) int64 and the carriers (C,) int32 of each site's minor allele."""
    rows, haplotypes = alleles.shape
    starts = np.zeros(rows + 1, np.int64)
    for v in range(rows):
        count = 0
        for k in range(haplotypes):
            count += alleles[v, k]
        starts[v + 1] = starts[v] + (haplotypes - count if flipped[v] else count)
    carriers = np.empty(starts[rows], np.int32)
    at = 0
    for v in range(rows):
        minor = 0 if flipped[v] else 1
        for k in range(haplotypes):
            if alleles[v, k] == minor:
                carriers[at] = k
                at += 1
    return starts, carriers


@kernel(allocates=True)
def gaps_of(starts: NDArray[np.int64], carriers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Differences between neighbouring carriers of a site, the first counted from 0."""
    out = np.empty(len(carriers), np.int32)
    for v in range(len(starts) - 1):
        last = 0
        for at in range(starts[v], starts[v + 1]):
            out[at] = carriers[at] - last
            last = carriers[at]
    return out
