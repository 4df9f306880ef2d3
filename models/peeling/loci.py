"""Which loci segregation is learned at, and first guesses of allele frequencies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.peeling.penetrance import Penetrance

_ROWS = 512  # loci looked at together


def first_frequencies(penetrance: Penetrance) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """What was observed.

    Returns:
        (L,) ALT frequency among the animals with data, half an allele of each kind added; (L,) animals with data at
        each locus; (S,) loci at which each animal has data.
    """
    share = penetrance.table / penetrance.table.sum(axis=1, keepdims=True)
    any_data = np.arange(len(penetrance.table)) % penetrance.size > 0
    alleles = np.where(any_data, share @ np.array([0.0, 1.0, 1.0, 2.0]), 0.0)
    loci, samples = penetrance.index.shape
    total, seen, of_sample = np.zeros(loci), np.zeros(loci, np.int64), np.zeros(samples, np.int64)
    for first in range(0, loci, _ROWS):
        rows = penetrance.index[first : first + _ROWS]
        found = any_data[rows]
        total[first : first + _ROWS] = alleles[rows].sum(axis=1)
        seen[first : first + _ROWS] = found.sum(axis=1)
        of_sample += found.sum(axis=0)
    return (total + 0.5) / (2 * seen + 1), seen, of_sample


def informative(
    centimorgans: NDArray[np.float64], seen: NDArray[np.int64], freq: NDArray[np.float64], density: float
) -> NDArray[np.int64]:
    """Rows of the loci at which segregation is learned: of a dense map the best locus of each bin.

    Args:
        centimorgans: (L,) map positions.
        seen: (L,) animals with data.
        freq: (L,) ALT frequencies.
        density: most loci per cM.
    """
    loci = len(centimorgans)
    span = float(centimorgans[-1] - centimorgans[0]) if loci else 0.0
    if loci <= max(span, 1.0) * density:
        return np.arange(loci)
    bins = np.floor((centimorgans - centimorgans[0]) * density).astype(np.int64)
    worth = seen * freq * (1 - freq)
    order = np.lexsort((np.arange(loci), -worth, bins))
    first = np.concatenate([[True], np.diff(bins[order]) > 0])
    return np.sort(order[first])
