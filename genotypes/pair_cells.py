"""Numba kernel: an engine's whole-number posteriors to cell codes and all sums over them, in one pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genotypes.bits import lowest
from genotypes.cell_sums import doubt_of
from genotypes.cells import BASE, HAPLOID, OBSERVED
from genotypes.kernels import genotype_kernel, making_genotype_kernel
from genotypes.packed_pairs import WORD

_SAMPLES = 128  # done together with 64 sites: their cells are made in a square of memory that stays in the cache
_SHARE = np.float32(1 / 65535)


@genotype_kernel
def _add(
    square: NDArray[np.int32], row: int, first: int, end: int, phased: bool, ploidy: NDArray[np.int8], left: int,
    sums: NDArray[np.int64], v: int,
) -> None:  # fmt: skip
    """Count imputed items square[row, first:end] of site `v`, without branches, so that they share vectors."""
    one = two = weighted = expected = np.int32(0)
    doubt2 = doubt1 = doubt0 = np.int64(0)
    for s in range(first, end):
        item = square[row, s]
        p = np.int32(ploidy[left + s])
        high = item // np.int32(BASE)
        low = item - high * np.int32(BASE)
        if phased:
            het = np.int32(np.rint((high * (1000 - low) + low * (1000 - high)) / 1000))
            both = het + 4 * np.int32(np.rint(high * low / 1000))
            d = min(high + low, np.int32(2000))
        else:
            both = low + 4 * high
            d = min(low + 2 * high, np.int32(2000))
        haploid = item >= HAPLOID
        d = item - np.int32(HAPLOID) if haploid else d
        both = item - np.int32(HAPLOID) if haploid else both
        doubt = np.int64(np.uint32(max(1000 * both - d * d + 500, 0)) // np.uint32(1000))
        one += d
        two += d * d
        weighted += d * p
        expected += both
        doubt2 += d * d * doubt
        doubt1 += d * p * doubt
        doubt0 += p * p * doubt
    sums[0, v] += one
    sums[1, v] += two
    sums[2, v] += weighted
    sums[3, v] += expected
    sums[4, v] += doubt2
    sums[5, v] += doubt1
    sums[6, v] += doubt0


@genotype_kernel
def _add_seen(d: int, square: int, ploidy: int, v: int, sums: NDArray[np.int64]) -> None:
    """Count one genotype by its dosage and expected square, in thousandths."""
    doubt = doubt_of(d, square)
    sums[0, v] += d
    sums[1, v] += d * d
    sums[2, v] += d * ploidy
    sums[3, v] += square
    sums[4, v] += d * d * doubt
    sums[5, v] += d * ploidy * doubt
    sums[6, v] += ploidy * ploidy * doubt


@making_genotype_kernel
def cells_of_pairs(
    masks: NDArray[np.uint64],
    values: NDArray[np.uint32],
    starts: NDArray[np.int64],
    phased: bool,
    ploidy: NDArray[np.int8],
    typed: NDArray[np.int32],
    observed: NDArray[np.int8],
    seen: NDArray[np.int32],
    first: int,
    end: int,
    items: NDArray[np.int32],
    sums: NDArray[np.int64],
    people: NDArray[np.float64],
) -> None:
    """Cell codes of the sites `first` to `end` of a block; others may work on other sites at the same time.

    Args:
        masks: see `genotypes.packed_pairs.PackedPairs`, whose pairs are in 65535ths: P(1) and P(2) of ALT, or P(ALT) of
            each haplotype where `phased`; of a haploid the first is P(ALT).
        values: the same.
        starts: (S,) where each sample's values begin at site `first`.
        phased: what the pairs are.
        ploidy: (S,) 1 or 2.
        typed: (V,) row of the site among the observed ones, -1 where there is none.
        observed: (T, S) genotype codes.
        seen: (7, 2) dosage and expected square of each code, in thousandths.
        first: first site, a multiple of 64.
        end: one past the last.
        items: (V, S) is filled: items of `genotypes.cells`, observed genotypes where there are.
        sums: (7, V) is filled as by `genotypes.cell_sums.sum_cells`.
        people: (2, S), over untyped sites the probability of the most probable genotype and the variance of the dosage
            are added.
    """
    sums[:, first:end] = 0
    samples = len(ploidy)
    at = starts.copy()
    square = np.empty((WORD, _SAMPLES), np.int32)
    untyped = 0
    for v in range(first, end):
        untyped += typed[v] < 0
    for left in range(0, samples, _SAMPLES):
        right = min(left + _SAMPLES, samples)
        for s in range(left, right):
            people[0, s] += untyped  # a pair of noughts is certain; what others lack is taken away below
        for top in range(first, end, WORD):
            bottom = min(top + WORD, end)
            square[:] = 0
            for s in range(left, right):
                haploid = ploidy[s] == 1
                for row in range(WORD if haploid else 0):
                    square[row, s - left] = HAPLOID
                doubted = np.float64(0)
                variance = np.float64(0)
                bits = masks[s, top // WORD]
                while bits:
                    v = top + int(lowest(bits))
                    bits &= bits - np.uint64(1)
                    value = values[at[s]]
                    at[s] += 1
                    one = np.float32(value & np.uint32(0xFFFF)) * _SHARE
                    two = np.float32(0) if haploid else np.float32(value >> np.uint32(16)) * _SHARE
                    if typed[v] < 0:
                        het, alt = one, two
                        if haploid:
                            het, alt = np.float32(0), one
                        elif phased:
                            het, alt = one + two - 2 * one * two, one * two
                        doubted += 1 - max(max(het, alt), 1 - het - alt)
                        dosage = het + 2 * alt
                        variance += max(het + 4 * alt - dosage * dosage, np.float32(0))
                    elif observed[typed[v], s] >= 0:
                        continue
                    a = np.int32(np.rint(one * np.float32(1000)))
                    b = np.int32(np.rint(two * np.float32(1000)))
                    if haploid:
                        item = np.int32(HAPLOID) + a
                    elif phased:
                        item = a * np.int32(BASE) + b
                    else:
                        over = a + b - 1000
                        if over > 0:  # both were rounded up from a half: the larger gives way
                            if a > b:
                                a -= over
                            else:
                                b -= over
                        item = b * np.int32(BASE) + a
                    square[v - top, s - left] = item
                people[0, s] -= doubted
                people[1, s] += variance
            for v in range(top, bottom):
                row = v - top
                if typed[v] < 0:
                    some = np.int32(0)
                    for s in range(_SAMPLES):
                        some |= square[row, s]
                    if some:
                        _add(square, row, 0, right - left, phased, ploidy, left, sums, v)
                else:
                    for s in range(right - left):
                        code = observed[typed[v], left + s]
                        if code >= 0:
                            square[row, s] = np.int32(OBSERVED) + code
                            _add_seen(int(seen[code, 0]), int(seen[code, 1]), int(ploidy[left + s]), v, sums)
                        else:
                            _add(square, row, s, s + 1, phased, ploidy, left, sums, v)
                for s in range(right - left):
                    items[v, left + s] = square[row, s]
