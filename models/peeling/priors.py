"""Priors of founders that are more than allele frequencies, such as what a bundle's engine says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.protocol import ImputedBlock

_LEAST = 1e-4  # no prior rules a genotype out: networks are sure of what they cannot know


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


def with_single(gp4: NDArray[np.float32], single: NDArray[np.bool_]) -> NDArray[np.float32]:
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


def from_imputed(
    blocks: Iterable[ImputedBlock],
    animal: NDArray[np.int64],
    sample: NDArray[np.int64],
    freq: NDArray[np.float64],
    observed: NDArray[np.bool_],
) -> FounderPriors:
    """Priors of typed founders from the posteriors of an imputation engine.

    At a site where the founder was not observed the engine's posterior rests on its other sites alone: it already
    holds the allele frequency and takes the place of p and q. Where it was observed the posterior holds the call that
    the penetrance adds once more, so the dosage imputed with the call hidden is used in its place, and p and q where
    the engine gives none. Phase stays open, for the engine does not know the parent of an allele.

    Args:
        blocks: every site of the chromosome once, in order.
        animal: (P,) rows of founders in the pedigree.
        sample: (P,) their columns in the blocks.
        freq: (L,) ALT frequencies of the bundle.
        observed: (L, P) where the founders have calls.
    """
    gp4 = np.empty((len(freq), len(animal), 4), np.float32)
    for block in blocks:
        rows = slice(block.first, block.first + len(block.gp))
        gp = block.gp[:, sample]
        unphased = np.stack([gp[..., 0], gp[..., 1] / 2, gp[..., 1] / 2, gp[..., 2]], axis=2)
        allele = np.repeat(freq[rows, None], len(animal), axis=1)
        if block.hidden_ds is not None:
            hidden = block.hidden_ds[:, sample] / 2
            allele = np.where(np.isnan(hidden), allele, hidden)
        gp4[rows] = np.where(observed[rows][..., None], hardy_weinberg(np.clip(allele, 0, 1)), unphased)
    gp4 = np.maximum(gp4, np.float32(_LEAST))
    return FounderPriors(animal, gp4 / gp4.sum(axis=2, keepdims=True))
