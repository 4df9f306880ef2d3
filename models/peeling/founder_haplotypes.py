"""What a bundle's engine is asked about a family: haplotypes where the family tells them, else genotypes.

At the loci where somebody was typed, peeling tells which alleles the two haplotypes of an animal carry: by its own
calls and by those of its relatives. The engine imputes both together, as linked haploid samples; where only the phase
of a heterozygote is open it finds that out too. What comes out keeps the names (paternal, maternal) that segregation
uses.

Each haplotype of the family is to be imputed once. A founder of whom nearly all is known speaks for its descendants.
Where a founder is not known so well, its offspring speak for it, each with the haplotype that came from there. Where
the family leaves phase open, as for an animal without typed relatives, the engine sees its genotypes alone.
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
PHASED: Final = 0.2  # share of heterozygotes with known phase from which an animal's haplotypes have names
SETTLED: Final = 0.6, 0.8  # of founders and of others the same for engines to which an open phase is a gap
DENSE: Final = 0.5  # share of loci at which an animal must be typed to speak for its offspring
COMPLETE: Final = 0.97  # share of loci that must be known of an untyped founder for that
_EITHER: Final = 2  # one of both haplotypes carries ALT
_CODES: Final = np.array([gt.HAP_REF, gt.HAP_ALT, gt.HET, gt.MISSING], np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class EngineInput:
    """Samples for an engine: two linked haploid ones for each animal with phase, then a diploid one for each without.

    Attributes:
        founder: (F,) int64 founders whose haplotypes are imputed.
        named: (M,) int64 other animals whose haplotypes are imputed.
        says: (M, 2) bool, which of their haplotypes, the paternal one first, they speak for.
        beside: (M,) float64 numbers of their close relatives among the following, who share half with them.
        whole: (U,) int64 animals whose genotypes are imputed.
        weight: (U,) float64 how much each of these says, less than one where relatives show the same haplotypes.
        codes: (T, 2 F + 2 M + U) int8 genotype codes at the typed loci.
    """

    founder: NDArray[np.int64]
    named: NDArray[np.int64]
    says: NDArray[np.bool_]
    beside: NDArray[np.float64]
    whole: NDArray[np.int64]
    weight: NDArray[np.float64]
    codes: NDArray[np.int8]

    @property
    def ploidy(self) -> NDArray[np.int8]:
        """(2 F + 2 M + U,) 1 or 2."""
        return np.repeat(np.array([1, 2], np.int8), [2 * self.linked, len(self.whole)])

    @property
    def linked(self) -> int:
        """F + M, pairs of haploid samples."""
        return len(self.founder) + len(self.named)

    @property
    def speaking(self) -> NDArray[np.int64]:
        """(M + U,) animals that bring evidence."""
        return np.concatenate([self.named, self.whole])


def engine_input(
    pedigree: Pedigree,
    blocks: Iterable[PeeledBlock],
    calls: NDArray[np.int8],
    freq: NDArray[np.float64],
    loci: NDArray[np.int64],
    finds_phase: bool,
    single: NDArray[np.bool_],
) -> EngineInput:
    """Choose whose haplotypes and whose genotypes the engine gets.

    Args:
        pedigree: N animals.
        blocks: all loci, peeled, with the names that segregation uses.
        calls: (L, N) observed ALT alleles, -1 where unknown.
        freq: (L,) ALT frequencies that peeling used.
        loci: (T,) ascending loci that the bundle holds.
        finds_phase: see `models.protocol.Imputer`.
        single: (N,) animals of one gamete, whose haplotypes are copies of what their one parent gave.
    """
    founder = (pedigree.sire < 0) & (pedigree.dam < 0)
    typed = (calls >= 0).any(axis=0)
    held = np.zeros(len(calls), bool)
    held[loci] = True
    dense = (calls >= 0).sum(axis=0, where=held[:, None]) >= max(1, DENSE * len(loci))
    asked = np.flatnonzero(founder | (typed & _open_sides(pedigree, dense, single).any(axis=1)))  # those who may be
    pairs, done = np.empty((len(loci), 2 * len(asked)), np.int8), 0
    het, told = np.zeros(len(pedigree), np.int64), np.zeros(len(pedigree), np.int64)
    for block in blocks:
        rows = np.flatnonzero(held[block.first : block.first + len(block.gp4)])
        gp4, seen = block.gp4[rows], calls[block.first + rows] == 1
        both = gp4[..., 1] + gp4[..., 2]
        het += seen.sum(axis=0)
        told += (seen & (np.maximum(gp4[..., 1], gp4[..., 2]) > SURE * both)).sum(axis=0)
        sure = _known_alleles(gp4[:, asked], freq[block.first + rows])
        either = np.repeat(seen[:, asked], 2, axis=1)
        either &= np.repeat((sure[:, 0::2] < 0) & (sure[:, 1::2] < 0), 2, axis=1)
        pairs[done : done + len(rows)] = np.where(either, np.int8(_EITHER), sure)
        done += len(rows)
    known = np.zeros(len(pedigree))
    known[asked] = (pairs >= 0).sum(axis=0).reshape(-1, 2).sum(axis=1) / max(1, 2 * len(loci))
    phased = typed & (told >= (PHASED if finds_phase else np.where(founder, *SETTLED)) * het)
    speaks = dense | (founder & ~typed & (known >= COMPLETE))
    open_side = _open_sides(pedigree, speaks, single)
    needed = typed & open_side.any(axis=1)
    named, whole = np.flatnonzero(needed & phased & ~founder), np.flatnonzero(needed & ~phased)
    founders = np.flatnonzero(founder & speaks & (phased | ~typed))
    place = np.searchsorted(asked, np.concatenate([founders, named]))
    shown = pairs[:, np.stack([2 * place, 2 * place + 1], axis=1).ravel()]
    codes = np.concatenate([_CODES[shown], calls[np.ix_(loci, whole)]], axis=1)
    open_side[whole] = True
    weight = 1 / (1 + _relatives(pedigree, whole, np.concatenate([named, whole]), open_side) / 2)
    beside = _relatives(pedigree, named, whole, open_side)
    return EngineInput(founders, named, open_side[named], beside, whole, weight, codes)


def _open_sides(pedigree: Pedigree, speaks: NDArray[np.bool_], single: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, 2) haplotypes that come from a parent for whom nobody above speaks, from (N,) animals that do themselves.

    The haplotype that animals of one gamete have from no parent is a copy of the other, of which they speak once.
    """
    parents = np.stack([pedigree.sire, pedigree.dam], axis=1)
    descended = single & (np.maximum(pedigree.sire, pedigree.dam) >= 0)
    copied = descended[:, None] & (parents < 0)
    covered = np.append(speaks, False)  # the last is for parent -1
    for animal in pedigree.order.tolist():
        covered[animal] |= (covered[parents[animal]] | copied[animal]).all()
    return ~(covered[parents] | copied)


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


def _relatives(
    pedigree: Pedigree, animals: NDArray[np.int64], among: NDArray[np.int64], open_side: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(n,) numbers of parents, offspring and full sibs `among` others that (n,) `animals` have.

    A parent and its offspring count where the latter speaks for what it has from there, (N, 2).
    """
    others = set(among.tolist())
    found = dict.fromkeys(animals.tolist(), 0)
    sibs: dict[tuple[int, int], int] = {}
    parents = {a: (int(pedigree.sire[a]), int(pedigree.dam[a])) for a in {*found, *others}}
    for animal, pair in parents.items():
        for parent in {p for p, own in zip(pair, open_side[animal], strict=True) if own}:
            if parent in found and animal in others:
                found[parent] += 1
            if animal in found and parent in others:
                found[animal] += 1
        if animal in others:
            sibs[pair] = sibs.get(pair, 0) + 1
    for animal in found:
        if min(parents[animal]) >= 0:
            found[animal] += sibs.get(parents[animal], 0) - (animal in others)
    return np.array(list(found.values()), np.float64)
