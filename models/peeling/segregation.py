"""Segregation along the chromosome: which grandparental haplotype each gamete carries.

Four values a child and locus, P(pp), P(pm), P(mp), P(mm): the first letter is the sire's haplotype (his paternal or
maternal) that the child inherited, the second the dam's. Between loci both meioses switch independently with
recombination fraction r, so the transition is (1-r)^2, r(1-r), r(1-r), r^2 (Whalen et al. 2018). Haldane's map.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

CHILDREN = 32  # children of one parallel task


def haldane(centimorgans: NDArray[Any]) -> NDArray[np.float64]:
    """(L - 1,) recombination fractions between loci at (L,) map positions in cM: r = (1 - exp(-2 d)) / 2."""
    morgans = np.diff(np.asarray(centimorgans, np.float64)) / 100
    fraction: NDArray[np.float64] = -np.expm1(-2 * np.maximum(morgans, 0)) / 2
    return fraction


@numba.njit(cache=True, parallel=True, error_model="numpy", fastmath=True)
def smooth(seg: NDArray[np.float32], r: NDArray[np.float64]) -> None:
    """Replace each locus's evidence by what all other loci say about segregation there (forward-backward).

    Args:
        seg: (L, C, 4) float32, evidence in, segregation without the locus's own evidence out; sums to 1.
        r: (L - 1,) recombination fractions.
    """
    loci, children = seg.shape[0], seg.shape[1]
    for task in numba.prange((children + CHILDREN - 1) // CHILDREN):
        first = task * CHILDREN
        n = min(CHILDREN, children - first)
        after = np.empty((loci, CHILDREN, 4), np.float32)
        now = np.empty((CHILDREN, 4), np.float32)
        quarter, tiny = np.float32(0.25), np.float32(1e-12)
        after[loci - 1] = quarter
        for locus in range(loci - 2, -1, -1):
            rec = np.float32(r[locus])
            stay = np.float32(1) - rec
            for c in range(n):
                x0 = after[locus + 1, c, 0] * seg[locus + 1, first + c, 0] + tiny
                x1 = after[locus + 1, c, 1] * seg[locus + 1, first + c, 1] + tiny
                x2 = after[locus + 1, c, 2] * seg[locus + 1, first + c, 2] + tiny
                x3 = after[locus + 1, c, 3] * seg[locus + 1, first + c, 3] + tiny
                scale = np.float32(1) / (x0 + x1 + x2 + x3)
                y0, y1 = (stay * x0 + rec * x2) * scale, (stay * x1 + rec * x3) * scale
                y2, y3 = (rec * x0 + stay * x2) * scale, (rec * x1 + stay * x3) * scale
                after[locus, c, 0], after[locus, c, 1] = stay * y0 + rec * y1, rec * y0 + stay * y1
                after[locus, c, 2], after[locus, c, 3] = stay * y2 + rec * y3, rec * y2 + stay * y3
        now[:] = quarter
        for locus in range(loci):
            rec = np.float32(r[locus]) if locus < loci - 1 else np.float32(0)
            stay = np.float32(1) - rec
            for c in range(n):
                x0, x1, x2, x3 = now[c, 0], now[c, 1], now[c, 2], now[c, 3]
                e0, e1 = seg[locus, first + c, 0], seg[locus, first + c, 1]
                e2, e3 = seg[locus, first + c, 2], seg[locus, first + c, 3]
                z0, z1 = x0 * after[locus, c, 0] + tiny, x1 * after[locus, c, 1] + tiny
                z2, z3 = x2 * after[locus, c, 2] + tiny, x3 * after[locus, c, 3] + tiny
                scale = np.float32(1) / (z0 + z1 + z2 + z3)
                seg[locus, first + c, 0], seg[locus, first + c, 1] = z0 * scale, z1 * scale
                seg[locus, first + c, 2], seg[locus, first + c, 3] = z2 * scale, z3 * scale
                x0, x1, x2, x3 = x0 * e0 + tiny, x1 * e1 + tiny, x2 * e2 + tiny, x3 * e3 + tiny
                scale = np.float32(1) / (x0 + x1 + x2 + x3)
                y0, y1 = (stay * x0 + rec * x2) * scale, (stay * x1 + rec * x3) * scale
                y2, y3 = (rec * x0 + stay * x2) * scale, (rec * x1 + stay * x3) * scale
                now[c, 0], now[c, 1] = stay * y0 + rec * y1, rec * y0 + stay * y1
                now[c, 2], now[c, 3] = stay * y2 + rec * y3, rec * y2 + stay * y3
