"""Numba kernel: an engine's whole-number posteriors to cell codes and all sums over them, in one pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genotypes.cell_sums import doubt_of
from genotypes.cells import BASE, HAPLOID, OBSERVED
from genotypes.kernels import genotype_kernel

_SAMPLES = 16  # a square of samples x sites is small enough for the cache on both sides of the transposition
_SITES = 64
_SHARE = np.float32(1 / 65535)


@genotype_kernel
def _dosages(item: int, phased: bool) -> tuple[int, int]:
    """Dosage and expected square of the number of ALT alleles of an imputed item, in thousandths."""
    if item >= HAPLOID:
        return item - HAPLOID, item - HAPLOID
    high = item // BASE
    low = item - high * BASE
    if not phased:
        return min(low + 2 * high, 2000), low + 4 * high
    het = int(np.rint((high * (1000 - low) + low * (1000 - high)) / 1000))
    return min(high + low, 2000), het + 4 * int(np.rint(high * low / 1000))


@genotype_kernel
def cells_of_pairs(
    pairs: NDArray[np.uint16],
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
        pairs: (S, V, 2) in 65535ths: P(1) and P(2) of ALT, or P(ALT) of each haplotype where `phased`; of a haploid the
            first is P(ALT).
        phased: what the pairs are.
        ploidy: (S,) 1 or 2.
        typed: (V,) row of the site among the observed ones, -1 where there is none.
        observed: (T, S) genotype codes.
        seen: (7, 2) dosage and expected square of each code, in thousandths.
        first: first site.
        end: one past the last.
        items: (V, S) is filled: items of `genotypes.cells`, observed genotypes where there are.
        sums: (7, V) is filled as by `genotypes.cell_sums.sum_cells`.
        people: (2, S), over untyped sites the probability of the most probable genotype and the variance of the dosage
            are added.
    """
    sums[:, first:end] = 0
    samples = len(ploidy)
    for left in range(0, samples, _SAMPLES):
        right = min(left + _SAMPLES, samples)
        for top in range(first, end, _SITES):
            bottom = min(top + _SITES, end)
            for s in range(left, right):
                haploid = ploidy[s] == 1
                certainty = np.float64(0)
                variance = np.float64(0)
                for v in range(top, bottom):
                    one = np.float32(pairs[s, v, 0]) * _SHARE
                    two = np.float32(0) if haploid else np.float32(pairs[s, v, 1]) * _SHARE
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
                    if typed[v] < 0:
                        het, alt = one, two
                        if haploid:
                            het, alt = np.float32(0), one
                        elif phased:
                            het, alt = one + two - 2 * one * two, one * two
                        certainty += max(max(het, alt), 1 - het - alt)
                        dosage = het + 2 * alt
                        variance += max(het + 4 * alt - dosage * dosage, np.float32(0))
                    code = observed[typed[v], s] if typed[v] >= 0 else -1
                    if code >= 0:
                        item = np.int32(OBSERVED) + code
                        d, square = int(seen[code, 0]), int(seen[code, 1])
                    elif item == 0:
                        items[v, s] = 0
                        continue
                    else:
                        d, square = _dosages(int(item), phased)
                    items[v, s] = item
                    sums[0, v] += d
                    sums[1, v] += d * d
                    sums[2, v] += d * ploidy[s]
                    sums[3, v] += square
                    doubt = doubt_of(d, square)
                    if doubt:
                        sums[4, v] += d * d * doubt
                        sums[5, v] += d * ploidy[s] * doubt
                        sums[6, v] += np.int64(ploidy[s]) * ploidy[s] * doubt
                people[0, s] += certainty
                people[1, s] += variance
