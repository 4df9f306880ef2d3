"""Numba kernels that turn the panel's bits over: from haplotypes and sites to sites and the states of one person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel
from models.haplotypes.masks import alike, fetch, store_bits
from models.haplotypes.scans import WORD

LANES = 16  # states of a vector


@kernel()
def gather(
    words: NDArray[np.uint32],
    base: int,
    by_haplotype: int,
    by_word: int,
    count: int,
    states: NDArray[np.int32],
    out: NDArray[np.uint16],
    first: int,
) -> None:
    """Alleles of some states at 32 sites for each word.

    Args:
        words: flat; bits of 32 sites in words[base + haplotype * by_haplotype + word * by_word].
        base: see `words`.
        by_haplotype: see `words`.
        by_word: see `words`.
        count: words of a haplotype.
        states: (S,) haplotypes, S a multiple of 16.
        out: flat, filled: S / 16 masks for each site.
        first: the first site there, a multiple of 32.
    """
    groups = len(states) // LANES
    for g in range(groups):
        for d in range(count):
            store_bits(
                words, base + d * by_word, states, g * LANES, by_haplotype, out, (first + d * WORD) * groups + g, groups
            )


@kernel()
def typed_masks(words: NDArray[np.uint32], width: int, lists: NDArray[np.int32], out: NDArray[np.uint16]) -> None:
    """(W, S) states -> masks of their alleles at the typed sites, S / 16 for each site; `words` by `pack_columns`."""
    for w in range(len(lists)):
        gather(words, w * width, 1, 0, 1, lists[w], out, w * WORD)


@kernel()
def frequent_masks(
    bits: NDArray[np.uint32], haplotypes: int, starts: NDArray[np.int32], lists: NDArray[np.int32],
    out: NDArray[np.uint16],
) -> None:  # fmt: skip
    """(W, S) states -> masks of their minor alleles at the frequent slots; see `slots.pack_carriers`."""
    for w in range(len(lists)):
        count = starts[w + 1] - starts[w]
        for s in range(lists.shape[1] if count else 0):  # all of it lies far apart
            place = starts[w] * haplotypes + lists[w, s] * count
            fetch(bits, place)
            fetch(bits, place + count - 1)
        gather(bits, starts[w] * haplotypes, count, 1, count, lists[w], out, starts[w] * WORD)


@kernel()
def continued(lists: NDArray[np.int32], out: NDArray[np.uint16]) -> None:
    """Masks of the states whose haplotype is that of the window before, S / 16 for each window; none in the first."""
    windows, states = lists.shape
    groups = states // LANES
    out[:groups] = 0
    for w in range(1, windows):
        for g in range(groups):
            out[w * groups + g] = alike(lists[w], lists[w - 1], g * LANES)
