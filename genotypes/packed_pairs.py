"""Pairs of whole numbers by sample and site, without those that are nought: most posteriors of rare alleles are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from genotypes.bits import lowest
from genotypes.kernels import genotype_kernel

WORD: Final = 64  # sites of a mask


@genotype_kernel
def _pack(both: NDArray[np.uint32], first: int, end: int, masks: NDArray[np.uint64], values: NDArray[np.uint32]) -> int:
    """Sites `first` to `end` of (S, V) into masks and values; the number of those."""
    count = 0
    for s in range(len(both)):
        for w in range(masks.shape[1]):
            mask = np.uint64(0)
            low = first + w * WORD
            for v in range(low, min(end, low + WORD)):
                x = both[s, v]
                values[count] = x
                count += x != 0
                mask |= np.uint64(x != 0) << np.uint64(v - low)
            masks[s, w] = mask
    return count


@genotype_kernel
def _unpack(masks: NDArray[np.uint64], values: NDArray[np.uint32], out: NDArray[np.uint32]) -> None:
    """(S, V) noughts become what was packed."""
    at = 0
    for s in range(len(masks)):
        for w in range(masks.shape[1]):
            bits = masks[s, w]
            while bits:
                out[s, w * WORD + lowest(bits)] = values[at]
                at += 1
                bits &= bits - np.uint64(1)


@dataclass(frozen=True, slots=True, eq=False)
class PackedPairs:
    """(S, V, 2) uint16.

    Attributes:
        sites: V.
        masks: (S, W) uint64, bit v % 64 of word v // 64: the pair of site v is not (0, 0).
        values: those pairs, sample by sample, as uint32: the first number in the lower half.
    """

    sites: int
    masks: NDArray[np.uint64]
    values: NDArray[np.uint32]

    @classmethod
    def of(cls, pairs: NDArray[np.uint16], first: int = 0, end: int | None = None) -> Self:
        """Pack the sites `first` to `end` of (S, V, 2) pairs."""
        end = pairs.shape[1] if end is None else end
        both = np.ascontiguousarray(pairs).view(np.uint32)[..., 0]  # numbers are little-endian wherever this runs
        masks = np.empty((len(both), cls.words(end - first)), np.uint64)
        values = np.empty(len(both) * (end - first) + 1, np.uint32)
        count = _pack(both, first, end, masks, values)
        return cls(end - first, masks, values[:count].copy())

    @staticmethod
    def words(sites: int) -> int:
        """Masks of a sample."""
        return -(-sites // WORD)

    @classmethod
    def beside(cls, parts: Sequence[Self]) -> Self:
        """Samples one after another, same sites."""
        return cls(
            parts[0].sites, np.concatenate([one.masks for one in parts]), np.concatenate([one.values for one in parts])
        )

    def starts(self, site: int) -> NDArray[np.int64]:
        """(S,) where each sample's values from a site on begin; the site is a multiple of 64."""
        counts = np.bitwise_count(self.masks).astype(np.int64)
        ends = np.cumsum(counts.sum(axis=1))
        found: NDArray[np.int64] = ends - counts[:, site // WORD :].sum(axis=1)
        return found

    def dense(self, low: int = 0, high: int | None = None) -> NDArray[np.uint16]:
        """(S, high - low, 2)."""
        out = np.zeros((len(self.masks), self.sites), np.uint32)
        _unpack(self.masks, self.values, out)
        return out.view(np.uint16).reshape(*out.shape, 2)[:, low:high]
