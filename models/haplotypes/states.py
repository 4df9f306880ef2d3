"""Numba kernels that turn the panel's bits over: from haplotypes and sites to sites and the states of one person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel
from models.haplotypes.masks import WORD, store_bits

LANES = 16  # states of a vector


@kernel()
def gather(
    words: NDArray[np.uint32],
    width: int,
    first: int,
    end: int,
    states: NDArray[np.int32],
    out: NDArray[np.uint16],
) -> None:
    """Alleles of some states at 32 sites for each word.

    Args:
        words: (D * P,) flat, bits of 32 sites for each haplotype.
        width: P.
        first: first word row wanted.
        end: one past the last.
        states: (S,) haplotypes, S a multiple of 16.
        out: flat, filled from site 32 * first on: S / 16 masks for each site.
    """
    few = np.empty(LANES, np.uint32)
    groups = len(states) // LANES
    for d in range(first, end):
        row = d * width
        for g in range(groups):
            for i in range(LANES):
                few[i] = words[row + states[g * LANES + i]]
            store_bits(few, 0, out, d * WORD * groups + g, groups)


@kernel()
def typed_masks(words: NDArray[np.uint32], width: int, lists: NDArray[np.int32], out: NDArray[np.uint16]) -> None:
    """(W, S) states -> masks of their alleles at the typed sites, S / 16 for each site; see `gather`."""
    for w in range(len(lists)):
        gather(words, width, w, w + 1, lists[w], out)


@kernel()
def continued(lists: NDArray[np.int32], out: NDArray[np.uint16]) -> None:
    """Masks of the states whose haplotype is that of the window before, S / 16 for each window; none in the first."""
    windows, states = lists.shape
    groups = states // LANES
    out[: windows * groups] = 0
    for w in range(1, windows):
        for s in range(states):
            if lists[w, s] == lists[w - 1, s]:
                out[w * groups + s // LANES] |= np.uint16(1) << np.uint16(s % LANES)
