"""Numba kernel: whole-number sums over the cells of a block, the same however the samples are split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genotypes.kernels import genotype_kernel, making_genotype_kernel


@genotype_kernel
def doubt_of(dosage: int, square: int) -> int:
    """Variance of a genotype in thousandths, from its dosage and expected square in thousandths."""
    return max(0, (1000 * square - dosage * dosage + 500) // 1000)


@making_genotype_kernel
def sum_cells(
    items: NDArray[np.int32], dosage: NDArray[np.int32], square: NDArray[np.int32], ploidy: NDArray[np.int8]
) -> NDArray[np.int64]:
    """Sums of V sites over S samples.

    Args:
        items: (V, S) rows of the tables.
        dosage: (N,) dosage of each item, in thousandths.
        square: (N,) expected square of the number of ALT alleles, in thousandths.
        ploidy: (S,) 1 or 2.

    Returns:
        (7, V) sums of the dosage (thousandths), of its square (millionths), of ploidy times dosage and of the expected
        square (thousandths); of the genotype's variance by the probabilities, rounded to thousandths, times the squared
        dosage (billionths), times ploidy and dosage (millionths), times squared ploidy (thousandths).
    """
    sites, samples = items.shape
    out = np.zeros((7, sites), np.int64)
    for v in range(sites):
        first = second = weighted = squares = doubt2 = doubt1 = doubt0 = np.int64(0)
        for s in range(samples):
            d = np.int64(dosage[items[v, s]])
            first += d
            second += d * d
            weighted += d * ploidy[s]
            squares += square[items[v, s]]
            doubt = doubt_of(int(d), int(square[items[v, s]]))
            doubt2 += d * d * doubt
            doubt1 += d * ploidy[s] * doubt
            doubt0 += np.int64(ploidy[s]) * ploidy[s] * doubt
        out[0, v], out[1, v], out[2, v], out[3, v] = first, second, weighted, squares
        out[4, v], out[5, v], out[6, v] = doubt2, doubt1, doubt0
    return out
