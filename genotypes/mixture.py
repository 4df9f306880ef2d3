"""Of which populations people are, by the likelihood of their genotypes under the populations' frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WINDOW: Final = 10_000  # bp of which one site speaks, the one that tells most
INDEPENDENT: Final = 0.25  # of a site's information that its neighbours leave; measured on people left out of a panel
MOST_SITES: Final = 4_000
BLOCK: Final = 512  # sites
ROUNDS: Final = 500
SETTLED: Final = 1e-5  # largest change of a share at which the rounds end

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """What is told of S people and P populations.

    Attributes:
        shares: (P,) of the populations among the people; they sum to one.
        posterior: (S, P) of each person, all populations alike beforehand.
    """

    shares: Floats
    posterior: Floats


def smoothed(counts: NDArray[Any], people: NDArray[np.int64]) -> Floats:
    """(V, P) frequencies that are never 0 or 1, from counts of ALT alleles."""
    return np.asarray((counts + 0.5) / (2 * people + 1))


def telling_sites(pos: NDArray[np.int32], counts: NDArray[Any], people: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows, ascending: of every `WINDOW` the site whose frequency differs most between populations.

    Args:
        pos: (V,) bp, ascending.
        counts: (V, P) ALT alleles.
        people: (P,).
    """
    af = smoothed(counts, people)
    mean = af.mean(axis=1)
    telling = af.var(axis=1) / (mean * (1 - mean))
    order = np.lexsort((-telling, pos // WINDOW))
    _, first = np.unique((pos // WINDOW)[order], return_index=True)
    return np.sort(order[first])


def log_likelihood(dosage: NDArray[np.int8], af: Floats) -> Floats:
    """(S, P) log probability of (V, S) dosages, -1 missing, under (V, P) frequencies, less what neighbours share."""
    total = np.zeros((dosage.shape[1], af.shape[1]))
    for first in range(0, len(dosage), BLOCK):
        seen = dosage[first : first + BLOCK]
        known = seen >= 0
        alt = np.where(known, seen, 0).astype(np.float32)
        ref = np.where(known, 2 - seen, 0).astype(np.float32)
        part = af[first : first + BLOCK]
        total += alt.T @ np.log(part) + ref.T @ np.log1p(-part)
    return INDEPENDENT * total


def mixture(likelihood: Floats) -> Mixture:
    """The populations' shares of highest likelihood, by EM, with one person's worth of all alike.

    Args:
        likelihood: (S, P) log likelihoods.
    """
    people, populations = likelihood.shape
    weights = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    shares = np.full(populations, 1 / populations)
    for _ in range(ROUNDS):
        each = weights * shares
        each /= each.sum(axis=1, keepdims=True)
        new = (each.sum(axis=0) + 1 / populations) / (people + 1)
        change, shares = float(np.abs(new - shares).max()), new
        if change < SETTLED:
            break
    return Mixture(shares, np.asarray(weights / weights.sum(axis=1, keepdims=True)))
