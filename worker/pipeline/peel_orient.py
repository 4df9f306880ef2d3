"""Which allele of a locus the kernels call ALT: the rarer one, so that which one a file calls ALT decides nothing.

Peeling is symmetric in the alleles but for rounding. A random draw that falls on the other side by the last digit is
another draw, and some thousandths of a probability follow. So the kernels get every locus turned to one side, and what
comes out is turned back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genotypes.likelihoods import Observations, swap_alleles
from models.peeling.penetrance import confident_calls

_ROWS = 512  # loci looked at together


def turned_loci(seen: Observations) -> NDArray[np.bool_]:
    """(L,) loci whose ALT is the commoner allele of (L, N) observations, by the calls that leave little doubt.

    Where both are as common, the first column that is homozygous for either decides.
    """
    turned = np.zeros(len(seen), bool)
    for first in range(0, len(seen), _ROWS):
        calls = confident_calls(np.asarray(seen[first : first + _ROWS]))
        side = np.where(calls == 2, 1, 0) - np.where(calls == 0, 1, 0)  # 1 for ALT, -1 for REF, by homozygotes
        balance = side.sum(axis=1)
        ahead = side[np.arange(len(side)), np.argmax(side != 0, axis=1)]
        turned[first : first + _ROWS] = np.where(balance == 0, ahead > 0, balance > 0)
    return turned


def turn(seen: Observations, turned: NDArray[np.bool_]) -> Observations:
    """The observations with the alleles of the turned loci exchanged."""
    if not turned.any():
        return seen
    out = seen.copy()
    out[turned] = swap_alleles(seen[turned])
    return out


def turn_back(gp4: NDArray[np.float32], turned: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(V, N, 4) probabilities of the phased genotypes as the files call the alleles; in place."""
    gp4[turned] = gp4[turned][..., ::-1]
    return gp4
