"""Kinship of all pairs of samples, robust to population structure.

The between-family estimator of KING (Manichaikul et al. 2010, Bioinformatics 26:2867, equation 11), as in
`plink2 --make-king-table`: over the sites where both are called,

    phi = 1/2 - (4 IBS0 + hethom) / (4 min(het_i, het_j))

with IBS0 the sites where they are opposite homozygotes and hethom those where just one is a heterozygote. Genotypes are
packed 64 sites to a word, and a pair costs five population counts a word. It needs no allele frequencies and wants no
pruning for linkage; monomorphic sites add nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Final

import numba
import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.kernels import genotype_kernel

WORD: Final = 64  # sites of a word
BAND: Final = 64  # samples whose pairs with all later ones a thread holds at once
DEGREE_FLOORS: Final = (0.354, 0.177, 0.0884, 0.0442)  # the geometric means of neighbouring expectations, as in KING


class Degree(IntEnum):
    """How close two samples are."""

    duplicate = 0  # the same person, or monozygotic twins
    first = 1  # parent and child, full sibs
    second = 2
    third = 3


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of samples, closest first.

    Attributes:
        first: (P,) int32 row of one sample.
        second: (P,) int32 row of the other, which is larger.
        kinship: (P,) float64.
        ibs0: (P,) float64 share of opposite homozygotes among the sites called in both: 0 tells a parent from a sib.
        concordance: (P,) float64 share of equal genotypes among them.
        sites: (P,) int32 sites called in both.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    kinship: NDArray[np.float64]
    ibs0: NDArray[np.float64]
    concordance: NDArray[np.float64]
    sites: NDArray[np.int32]

    def __len__(self) -> int:
        """Number of pairs P."""
        return len(self.first)

    @property
    def degree(self) -> NDArray[np.int8]:
        """(P,) `Degree`; 4 for pairs below the third."""
        return np.searchsorted(-np.array(DEGREE_FLOORS), -self.kinship).astype(np.int8)


def pack(codes: gt.Codes) -> NDArray[np.uint64]:
    """Bit planes of V diploid sites: (S, 3, W) uint64, heterozygote, homozygote of REF, homozygote of ALT.

    Haploid calls count as missing.
    """
    sites, samples = codes.shape
    words = -(-sites // WORD)
    planes = np.zeros((samples, 3, 8 * words), np.uint8)
    # Packing along sites of the transposed block reads each genotype three times but keeps memory at a bit each.
    seen = np.ascontiguousarray(codes.T)
    het = (seen == gt.HET) | (seen == gt.PHASED_01) | (seen == gt.PHASED_10)
    for plane, which in enumerate((het, seen == gt.HOM_REF, seen == gt.HOM_ALT)):
        bits = np.packbits(which, axis=1)
        planes[:, plane, : bits.shape[1]] = bits
    return planes.view(np.uint64)


def related(
    planes: NDArray[np.uint64], floor: float = DEGREE_FLOORS[-1], most: int = 1_000_000, threads: int = 1
) -> Pairs:
    """All pairs with a kinship above `floor`.

    Args:
        planes: (S, 3, W) uint64 of `pack`.
        floor: kinship that a pair must exceed.
        most: pairs kept at most, the closest ones; memory is bounded by them and by `BAND` samples against all.
        threads: bands at work at once.
    """
    parts = [_empty()]
    # Threads of Python, not of numba: those do not survive the fork that a worker's child processes come from.
    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(lambda low: _band(planes, low, floor), range(0, len(planes), BAND)):
            parts.append(part)
            if sum(map(len, parts)) > most:
                every = np.concatenate(parts)
                parts = [every[np.argsort(-every["kinship"], kind="stable")[:most]]]
    found = np.concatenate(parts)
    found = found[np.lexsort((found["second"], found["first"], -found["kinship"]))]
    return Pairs(*(np.ascontiguousarray(found[one.name]) for one in fields(Pairs)))


def _empty(size: int = 0) -> NDArray[Any]:
    """A table of pairs with the fields of `Pairs`."""
    types = ("i4", "i4", "f8", "f8", "f8", "i4")
    return np.zeros(size, np.dtype([(one.name, kind) for one, kind in zip(fields(Pairs), types, strict=True)]))


def _band(planes: NDArray[np.uint64], low: int, floor: float) -> NDArray[Any]:
    """Pairs of the samples from `low` with every later one that exceed the floor."""
    counts = np.zeros((min(BAND, len(planes) - low), len(planes) - low, 5), np.int32)
    _count(planes, low, counts)
    return _above(counts, low, floor)


def _above(counts: NDArray[np.int32], low: int, floor: float) -> NDArray[Any]:
    """The pairs of a band that exceed the floor, from (B, S - low, 5) counts of `_count`."""
    both, one, two, opposite, _ = np.moveaxis(counts, 2, 0)
    least = np.minimum(both + one, both + two)
    with np.errstate(divide="ignore", invalid="ignore"):
        kinship = 0.5 - (4.0 * opposite + one + two) / (4.0 * least)
    # Without a heterozygote in one of them there is no estimate; a pair is looked at once.
    kinship[(least == 0) | np.tri(*kinship.shape, dtype=np.bool_)] = -np.inf
    rows, columns = np.nonzero(kinship > floor)
    picked = counts[rows, columns].astype(np.float64)
    sites = picked.sum(axis=1)
    found = _empty(len(rows))
    found["first"], found["second"] = rows + low, columns + low
    found["kinship"], found["sites"] = kinship[rows, columns], sites
    found["ibs0"] = picked[:, 3] / sites
    found["concordance"] = (picked[:, 0] + picked[:, 4]) / sites
    return found


@numba.njit(inline="always")
def _bits(word: Any) -> Any:
    """Bits set in a word, written so that the compiler recognises its own population count."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@genotype_kernel
def _count(planes: Any, low: Any, counts: Any) -> None:
    """Pairs of a band from `low` with every later sample.

    Counts of sites: both heterozygotes, only the first, only the second, opposite homozygotes, the same homozygote.
    """
    samples, _, words = planes.shape
    for j in range(low + 1, samples):
        het2, ref2, alt2 = planes[j, 0], planes[j, 1], planes[j, 2]
        for i in range(low, min(j, low + counts.shape[0])):
            het1, ref1, alt1 = planes[i, 0], planes[i, 1], planes[i, 2]
            both = one = two = opposite = same = np.uint64(0)
            for w in range(words):
                both += _bits(het1[w] & het2[w])
                one += _bits(het1[w] & (ref2[w] | alt2[w]))
                two += _bits(het2[w] & (ref1[w] | alt1[w]))
                opposite += _bits((ref1[w] & alt2[w]) | (alt1[w] & ref2[w]))
                same += _bits((ref1[w] & ref2[w]) | (alt1[w] & alt2[w]))
            out = counts[i - low, j - low]
            out[0], out[1], out[2], out[3], out[4] = both, one, two, opposite, same
