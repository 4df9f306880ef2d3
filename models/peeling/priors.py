"""Priors of founders that are more than allele frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Float = TypeVar("Float", bound=np.floating)


@dataclass(frozen=True, slots=True, eq=False)
class FounderPriors:
    """Prior probabilities of phased genotypes that replace p and q.

    Attributes:
        animal: (P,) int64 rows of the pedigree, animals without known parents.
        gp4: (L, P, 4) float32 P(aa), P(aA), P(Aa), P(AA) without the locus's own observation, summing to 1.
    """

    animal: NDArray[np.int64]
    gp4: NDArray[np.float32]


def hardy_weinberg(freq: NDArray[np.floating]) -> NDArray[np.float32]:
    """(..., 4) probabilities of the phased genotypes from (...) ALT frequencies."""
    q = 1 - freq
    return np.stack([q * q, q * freq, q * freq, freq * freq], axis=-1).astype(np.float32)


def with_single(gp4: NDArray[Float], single: NDArray[np.bool_]) -> NDArray[Float]:
    """(L, P, 4) priors in which founders of one gamete, (P,) bool, are aa or AA by their mean allele frequency."""
    if not single.any():
        return gp4
    out = gp4.copy()
    out[:, single] = copies((gp4[:, single] * np.array([0, 0.5, 0.5, 1], np.float32)).sum(axis=2))
    return out


def copies(freq: NDArray[np.floating]) -> NDArray[np.float32]:
    """(..., 4) probabilities of aa and AA from (...) ALT frequencies of one gamete."""
    none = np.zeros_like(freq)
    return np.stack([1 - freq, none, none, freq], axis=-1).astype(np.float32)


def without(gp4: NDArray[np.float32], prior: NDArray[np.float32]) -> NDArray[np.float32]:
    """(P, V, 4) evidence, largest 1, from (V, P, 4) probabilities of founders and their (V, P.., 4) priors."""
    like = np.empty((gp4.shape[1], len(gp4), 4), np.float32)
    for founder, out in enumerate(like):  # one at a time, for memory
        np.divide(gp4[:, founder], np.maximum(prior[:, founder], 1e-20), out=out)
        out /= largest_of_four(out)[:, None]
    return like


def largest_of_four(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., 4) -> (...) the largest; numpy's own takes twenty times as long over so short an axis."""
    found: NDArray[np.float32] = np.maximum(np.maximum(x[..., 0], x[..., 1]), np.maximum(x[..., 2], x[..., 3]))
    return found


def sum_of_four(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., 4) -> (...) the sum; numpy's own takes eight times as long."""
    found: NDArray[np.float32] = (x[..., 0] + x[..., 1]) + (x[..., 2] + x[..., 3])
    return found
