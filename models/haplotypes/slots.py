"""Which sites each window of typed sites imputes, and how the panel's alleles there are laid out for that.

A site lies between two typed sites and takes a share of either's result. It is a slot of the window that holds its
left neighbour and, at a border, another of the one that holds its right one. Slots of frequent minor alleles are kept
as bits of every haplotype, the others as lists of the slots whose minor allele a haplotype carries.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel
from models.haplotypes.scans import WORD

DENSE = 1 / 40  # more frequent minor alleles are bits


class Slots(NamedTuple):
    """Slots of all windows, in their order.

    Attributes:
        starts: (W + 1,) int32, where each window begins.
        row: (N,) int32, the site, counted from the tile's first.
        left: (N,) int16, the left typed neighbour within the window; -1 where it lies in the window before.
        right_share: (N,) float32, share of the right neighbour.
    """

    starts: NDArray[np.int32]
    row: NDArray[np.int32]
    left: NDArray[np.int16]
    right_share: NDArray[np.float32]

    @classmethod
    def make(
        cls, rows: NDArray[np.int64], interval: NDArray[np.int64], share: NDArray[np.float32], typed: int
    ) -> Slots:
        """Slots of the sites `rows`, ascending; `interval`, `share` are theirs, interval t ends with typed site t."""
        windows = (typed + WORD - 1) // WORD
        left, right = (interval - 1) // WORD, np.minimum(interval, typed - 1) // WORD
        left = np.maximum(left, 0)
        both = np.flatnonzero(left != right)
        site = np.concatenate([np.arange(len(rows)), both])
        window = np.concatenate([left, right[both]])
        order = np.lexsort((site, window))
        site, window = site[order], window[order]
        starts = np.searchsorted(window, np.arange(windows + 1)).astype(np.int32)
        place = (interval[site] - 1 - WORD * window).astype(np.int16)
        return cls(starts, rows[site].astype(np.int32), place, share[site].astype(np.float32))


@kernel(nogil=True, allocates=True)
def pack_carriers(
    starts: NDArray[np.int64], carriers: NDArray[Any], rows: NDArray[np.int64], slots: NDArray[np.int32],
    words: NDArray[np.int32], haplotypes: int,
) -> NDArray[np.uint32]:  # fmt: skip
    """Bits of the minor alleles of some sites for each window and haplotype.

    Args:
        starts: (V + 1,) of the library.
        carriers: (C,) of the library.
        rows: (N,) the library's row of each slot.
        slots: (W + 1,) where each window's slots begin.
        words: (W + 1,) where each window's words of a haplotype begin, each window with what its slots need.
        haplotypes: K.

    Returns:
        (words[W] * K,), flat: by window, by haplotype, by word; slot b of a window in bit b % 32 of word b // 32.
    """
    out = np.zeros(words[-1] * haplotypes, np.uint32)
    for w in range(len(slots) - 1):
        count = words[w + 1] - words[w]
        for n in range(slots[w], slots[w + 1]):
            place = n - slots[w]
            base = words[w] * haplotypes + place // WORD
            bit = np.uint32(1) << np.uint32(place % WORD)
            for at in range(starts[rows[n]], starts[rows[n] + 1]):
                out[base + carriers[at] * count] |= bit
    return out


@kernel(nogil=True, allocates=True)
def list_carriers(
    starts: NDArray[np.int64], carriers: NDArray[Any], rows: NDArray[np.int64], slots: NDArray[np.int32],
    haplotypes: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:  # fmt: skip
    """Slots whose minor allele each haplotype carries, by window.

    Args:
        starts: (V + 1,) of the library.
        carriers: (C,) of the library.
        rows: (N,) the library's row of each slot.
        slots: (W + 1,) where each window's slots begin.
        haplotypes: K.

    Returns:
        slots (S,) int32; (W, K + 1) int32, where each window and haplotype begins in them.
    """
    windows = len(slots) - 1
    where = np.zeros((windows, haplotypes + 1), np.int32)
    total = 0
    for w in range(windows):
        for n in range(slots[w], slots[w + 1]):
            for at in range(starts[rows[n]], starts[rows[n] + 1]):
                where[w, carriers[at] + 1] += 1
        where[w, 0] = total
        for k in range(haplotypes):
            where[w, k + 1] += where[w, k]
        total = where[w, haplotypes]
    out = np.empty(total, np.int32)
    to = where.copy()
    for w in range(windows):
        for n in range(slots[w], slots[w + 1]):
            for at in range(starts[rows[n]], starts[rows[n] + 1]):
                k = carriers[at]
                out[to[w, k]] = n
                to[w, k] += 1
    return out, where
