"""Of which populations people are, and which mixture of populations has the frequencies that they have together."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WINDOW: Final = 30_000  # bp that say as much as one independent site; measured on people left out of a panel
BLOCK: Final = 512  # sites
ROUNDS: Final = 300
SETTLED: Final = 1e-5  # largest change of a share at which the rounds end

Floats = NDArray[np.float64]


def smoothed(counts: NDArray[Any], people: NDArray[np.int64]) -> Floats:
    """(V, P) frequencies that are never 0 or 1, from counts of ALT alleles."""
    return np.asarray((counts + 0.5) / (2 * people + 1))


def independence(pos: NDArray[np.int32]) -> float:
    """Weight of each of the sites at (V,) bp of a chromosome, as neighbours repeat each other."""
    return len(np.unique(pos // WINDOW)) / max(1, len(pos))


def log_likelihood(dosage: NDArray[np.int8], af: Floats) -> Floats:
    """(S, P) log probability of (V, S) dosages, -1 missing, under (V, P) frequencies, sites taken as independent."""
    total = np.zeros((dosage.shape[1], af.shape[1]))
    for first in range(0, len(dosage), BLOCK):
        seen = dosage[first : first + BLOCK]
        known = seen >= 0
        alt = np.where(known, seen, 0).astype(np.float32)
        ref = np.where(known, 2 - seen, 0).astype(np.float32)
        part = af[first : first + BLOCK]
        total += alt.T @ np.log(part) + ref.T @ np.log1p(-part)
    return total


def posterior(likelihood: Floats) -> Floats:
    """(S, P) of each person, all populations alike beforehand, from (S, P) log likelihoods."""
    weights = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def fit_shares(alt: NDArray[np.int64], alleles: NDArray[np.int64], af: Floats) -> Floats:
    """(P,) shares of the mixture under which allele counts are likeliest, by EM over the alleles.

    As each allele may be of another population than its neighbour, mixed people are served as mixed cohorts are; the
    model is that of Arriaga-MacKenzie et al. 2021 (Am J Hum Genet 108:1270), who fit it by least squares.

    Args:
        alt: (V,) ALT alleles.
        alleles: (V,) alleles called.
        af: (V, P) ALT frequencies, none of them 0 or 1.
    """
    shares = np.full(af.shape[1], 1 / af.shape[1])
    for _ in range(ROUNDS):
        mean = af @ shares
        drawn = af.T @ (alt / mean) + (1 - af).T @ ((alleles - alt) / (1 - mean))
        new = shares * drawn
        new /= new.sum()
        change, shares = float(np.abs(new - shares).max()), new
        if change < SETTLED:
            break
    return np.asarray(shares)
