"""Numba kernel: how a person's haplotypes lie in a library, site by site over the carriers of minor alleles alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel

LARGEST = 1e4  # scale and offset beyond which weights are written out anew: sums would lose their digits


@kernel()
def _differ(k: int, v: int, x: Any, begun: Any, cm: Any, offset: float, ratio: float) -> Any:
    """Site v differs from haplotype k: the change of its weight, and the length of the match that ends, cM."""
    new = (x[k] + offset) * ratio - offset
    gain = new - x[k]
    x[k] = new
    ended = cm[v - 1] - cm[begun[k]] if begun[k] < v else 0.0
    begun[k] = v + 1
    return gain, ended


@kernel(nogil=True, allocates=True)
def shared(
    starts: NDArray[np.int64],
    carriers: NDArray[Any],
    count: int,
    cm: NDArray[np.float64],
    minor: NDArray[np.uint8],
    switch: NDArray[np.float64],
    error: float,
    longest: NDArray[np.float64],
    likelihood: NDArray[np.float64],
) -> None:
    """Longest stretch identical to one library haplotype, and the Li-Stephens likelihood of copying from all.

    A state's weight is `scale * (x[k] + offset)`, so that a site costs as many steps as haplotypes differ from the
    target there.

    Args:
        starts: (V + 1,), `Library.starts`.
        carriers: `Library.carriers`, ascending for each site.
        count: K haplotypes.
        cm: (V,) map positions.
        minor: (N, V) whether each target carries the library's minor allele.
        switch: (V,) probability of a switch before each site.
        error: probability that an allele differs from the copied one.
        longest: (N,) cM, is filled.
        likelihood: (N,) natural logarithm, is filled.
    """
    sites = len(cm)
    ratio = error / (1 - error)
    for n in range(len(minor)):
        x = np.full(count, 1 / count)
        begun = np.zeros(count, np.int64)  # first site of each haplotype's present match
        differs = np.ones(count, np.bool_)
        scale, offset, total, best, found = 1.0, 0.0, 1.0, 0.0, 0.0  # total: sum of x
        for v in range(sites):
            if v > 0:
                scale *= 1 - switch[v]
                offset += switch[v] / count / scale
            first, last = starts[v], starts[v + 1]
            if minor[n, v]:
                for at in range(first, last):
                    differs[carriers[at]] = False
                for k in range(count):
                    if differs[k]:
                        gain, ended = _differ(k, v, x, begun, cm, offset, ratio)
                        total, best = total + gain, max(best, ended)
                for at in range(first, last):
                    differs[carriers[at]] = True
            else:
                for at in range(first, last):
                    gain, ended = _differ(carriers[at], v, x, begun, cm, offset, ratio)
                    total, best = total + gain, max(best, ended)
            scale *= 1 - error
            sum_ = scale * (total + count * offset)
            found += np.log(sum_)
            scale /= sum_
            if scale > LARGEST or count * offset > LARGEST or v % 512 == 511:
                total = 0.0
                for k in range(count):
                    x[k] = scale * (x[k] + offset)
                    total += x[k]
                scale, offset = 1.0, 0.0
        for k in range(count):
            if begun[k] < sites:
                best = max(best, cm[sites - 1] - cm[begun[k]])
        longest[n] = best
        likelihood[n] = found
