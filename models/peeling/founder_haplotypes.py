"""What a bundle's engine is asked about a family: founders' haplotypes where the family tells them, else genotypes.

At the loci where somebody was typed, peeling tells which alleles each founder's two haplotypes carry: by the founder's
own calls and by what its descendants inherited. The engine imputes these haplotypes one by one, as haploid samples
with gaps. So a haplotype that ten descendants share is imputed once, from all that they show of it, and what comes out
keeps the names (paternal, maternal) that segregation uses. Where the family leaves phase open, as for an animal without
typed relatives, the engine sees the animal's genotypes in place of haplotypes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from models.peeling.block import PeeledBlock
from models.peeling.pedigree import Pedigree

SURE: Final = 0.95  # probability from which an allele or a phase counts as known
PHASED: Final = 0.6  # share of heterozygotes with known phase: a trio settles at least three quarters, a duo a half


@dataclass(frozen=True, slots=True, eq=False)
class EngineInput:
    """Samples for an engine: two haploid ones for each founder, then one diploid for each animal without phase.

    Attributes:
        founder: (F,) int64 animals whose haplotypes are imputed.
        whole: (U,) int64 animals whose genotypes are imputed.
        weight: (U,) float64 how much each of these says, less than one where relatives show the same haplotypes.
        codes: (T, 2 F + U) int8 genotype codes at the typed loci.
    """

    founder: NDArray[np.int64]
    whole: NDArray[np.int64]
    weight: NDArray[np.float64]
    codes: NDArray[np.int8]

    @property
    def ploidy(self) -> NDArray[np.int8]:
        """(2 F + U,) 1 or 2."""
        return np.repeat(np.array([1, 2], np.int8), [2 * len(self.founder), len(self.whole)])


def engine_input(
    pedigree: Pedigree,
    blocks: Iterable[PeeledBlock],
    calls: NDArray[np.int8],
    freq: NDArray[np.float64],
    loci: NDArray[np.int64],
) -> EngineInput:
    """Choose whose haplotypes and whose genotypes the engine gets.

    Args:
        pedigree: N animals.
        blocks: all loci, peeled.
        calls: (L, N) observed ALT alleles, -1 where unknown.
        freq: (L,) ALT frequencies that peeling used.
        loci: (T,) ascending loci that the bundle holds.
    """
    founders = np.flatnonzero((pedigree.sire < 0) & (pedigree.dam < 0))
    wanted = np.zeros(len(calls), bool)
    wanted[loci] = True
    alleles: list[NDArray[np.int8]] = [np.empty((0, 2 * len(founders)), np.int8)]
    het, told = np.zeros(len(pedigree), np.int64), np.zeros(len(pedigree), np.int64)
    for block in blocks:
        rows = np.flatnonzero(wanted[block.first : block.first + len(block.gp4)])
        gp4, seen = block.gp4[rows], calls[block.first + rows] == 1
        both = gp4[..., 1] + gp4[..., 2]
        het += seen.sum(axis=0)
        told += (seen & (np.maximum(gp4[..., 1], gp4[..., 2]) > SURE * both)).sum(axis=0)
        alleles.append(_known_alleles(gp4[:, founders], freq[block.first + rows]))
    typed = (calls >= 0).any(axis=0)
    phased = typed & (told >= PHASED * het)
    below = phased.copy()  # phased itself, or with such a descendant
    for animal in pedigree.order[::-1].tolist():
        for parent in (pedigree.sire[animal], pedigree.dam[animal]):
            if below[animal] and parent >= 0:
                below[parent] = True
    whole = np.flatnonzero(typed & ~phased)
    kept = below[founders] & ~np.isin(founders, whole)
    pairs = np.concatenate(alleles)[:, np.repeat(kept, 2)]
    genotypes = calls[np.ix_(loci, whole)]
    codes = np.concatenate([np.where(pairs < 0, gt.MISSING, pairs + gt.HAP_REF), genotypes], axis=1).astype(np.int8)
    return EngineInput(founders[kept], whole, _weights(pedigree, whole), codes)


def _known_alleles(gp4: NDArray[np.float32], freq: NDArray[np.float64]) -> NDArray[np.int8]:
    """(V, 2 F) alleles of founders' haplotypes, -1 where unknown.

    An allele must be sure both with and without its frequency: a rare allele is unlikely also in a haplotype of which
    nothing is known.
    """
    one = np.stack([gp4[..., 2] + gp4[..., 3], gp4[..., 1] + gp4[..., 3]], axis=2).astype(np.float64)
    p = np.clip(freq, 1e-6, 1 - 1e-6)[:, None, None]
    one = np.clip(one, 1e-9, 1 - 1e-9)
    flat = one * (1 - p) / (one * (1 - p) + (1 - one) * p)
    high, low = np.minimum(one, flat) > SURE, np.maximum(one, flat) < 1 - SURE
    return np.where(high, 1, np.where(low, 0, -1)).astype(np.int8).reshape(len(gp4), -1)


def _weights(pedigree: Pedigree, whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 / (1 + k / 2) for an animal with k parents, children and full sibs among `whole`, who share half with it."""
    chosen = set(whole.tolist())
    relatives = dict.fromkeys(chosen, 0)
    sibs: dict[tuple[int, int], list[int]] = {}
    for animal in chosen:
        parents = int(pedigree.sire[animal]), int(pedigree.dam[animal])
        for parent in set(parents) & chosen:
            relatives[parent] += 1
            relatives[animal] += 1
        if min(parents) >= 0:
            sibs.setdefault(parents, []).append(animal)
    for group in sibs.values():
        for animal in group:
            relatives[animal] += len(group) - 1
    return np.array([1 / (1 + relatives[animal] / 2) for animal in whole.tolist()], np.float64)
