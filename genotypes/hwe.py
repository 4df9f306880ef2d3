"""The exact test of Hardy-Weinberg proportions with mid-p.

Wigginton, Cutler & Abecasis 2005 (Am J Hum Genet 76:887), mid-p after Graffelman & Moreno 2013 (Stat Appl Genet Mol
Biol 12:433): outcomes as probable as the observed one count half. The same figure as `plink2 --hardy midp`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genotypes.kernels import genotype_kernel

TIE = 1e-11  # relative difference below which two probabilities are the same number, computed in another order


@genotype_kernel
def _midp(hets: int, hom_a: int, hom_b: int) -> float:
    people = hets + hom_a + hom_b
    rare = 2 * min(hom_a, hom_b) + hets
    if rare == 0:
        return 0.5 if people else 1.0  # the one possible outcome, halved
    common = 2 * people - rare
    # Walk from the likeliest number of heterozygotes, whose weight is 1, so that nothing overflows.
    middle = int(rare * (common / (2.0 * people)))
    if (middle & 1) != (rare & 1):
        middle += 1
    middle = min(middle, rare)
    observed = 1.0
    h, a, b = middle, (rare - middle) // 2, (common - middle) // 2
    while h < hets:
        observed *= 4.0 * a * b / ((h + 2.0) * (h + 1.0))
        h, a, b = h + 2, a - 1, b - 1
    while h > hets:
        observed *= h * (h - 1.0) / (4.0 * (a + 1.0) * (b + 1.0))
        h, a, b = h - 2, a + 1, b + 1
    total, less, same = 0.0, 0.0, 0.0
    for up in range(2):
        h, a, b = middle, (rare - middle) // 2, (common - middle) // 2
        weight = 1.0
        first = True
        while True:
            if not (first and up == 1):  # the start counts once
                total += weight
                if weight < observed * (1 - TIE):
                    less += weight
                elif weight <= observed * (1 + TIE):
                    same += weight
            first = False
            if up == 1:
                if h + 2 > rare:
                    break
                weight *= 4.0 * a * b / ((h + 2.0) * (h + 1.0))
                h, a, b = h + 2, a - 1, b - 1
            else:
                if h < 2:
                    break
                weight *= h * (h - 1.0) / (4.0 * (a + 1.0) * (b + 1.0))
                h, a, b = h - 2, a + 1, b + 1
            if weight < observed * 1e-17 or weight == 0.0:
                break
    return (less + 0.5 * same) / total


@genotype_kernel
def _all(hets: Any, hom_a: Any, hom_b: Any, out: Any) -> None:  # (V,) int64 and (V,) float64
    for site in range(len(hets)):
        out[site] = _midp(hets[site], hom_a[site], hom_b[site])


def hwe_midp(hom_ref: NDArray[np.int64], het: NDArray[np.int64], hom_alt: NDArray[np.int64]) -> NDArray[np.float64]:
    """(V,) float64 mid-p of each site; 1 where nobody was called, 0.5 where one allele alone was seen.

    Args:
        hom_ref: (V,) REF homozygotes.
        het: (V,) heterozygotes.
        hom_alt: (V,) ALT homozygotes.
    """
    out = np.ones(len(het))
    counts = [np.ascontiguousarray(one, np.int64) for one in (het, hom_ref, hom_alt)]
    _all(counts[0], counts[1], counts[2], out)
    return out
