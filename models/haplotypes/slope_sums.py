"""Numba kernel: what calibration slopes are reckoned from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel

SUMS = 7  # see `add_sums`


@kernel(nogil=True)
def add_sums(
    expected: NDArray[np.float32], true: NDArray[np.int8], ploidy: int, count: NDArray[np.bool_],
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Add to the sums of some sites.

    Args:
        expected: (V, N) ALT alleles x that are expected.
        true: (V, N) and true ones y.
        ploidy: copies that each of the N has.
        count: (V,) the sites that count.
        out: (7, V), added to: N, x, y, xx, xy, and, weighed by the squared deviation of x from its mean, the squares
            (y - x)^2 that are left and those to be expected if y is drawn by x.
    """
    many = expected.shape[1]
    for v in range(len(count)):
        if not count[v]:
            continue
        x = y = xx = xy = left = drawn = 0.0
        for n in range(many):
            a, b = np.float64(expected[v, n]), np.float64(true[v, n])
            x += a
            y += b
            xx += a * a
            xy += a * b
        mean = x / many
        for n in range(many):
            a, b = np.float64(expected[v, n]), np.float64(true[v, n])
            leverage = (a - mean) * (a - mean)
            left += leverage * (b - a) * (b - a)
            drawn += leverage * a * (1 - a / ploidy)
        out[0, v] += many
        out[1, v] += x
        out[2, v] += y
        out[3, v] += xx
        out[4, v] += xy
        out[5, v] += left
        out[6, v] += drawn
