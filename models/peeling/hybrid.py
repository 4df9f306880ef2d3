"""Hybrid peeling with a bundle: every site of the bundle for every member of a family.

Segregation is known from the typed loci and taken between them by interpolation; at each site of the bundle one
single-locus peeling then passes the founders' alleles on (Whalen et al. 2018, Genet Sel Evol 50:67, hybrid peeling).
What is known of founders at a site is their prior, from the bundle's engine by way of `founder_haplotypes`: what it
says of a haplotype with the site's own allele hidden, so that a site's observations count once, as penetrance.
Other animals that the engine is asked about bring evidence, in which the allele frequencies are divided out: of the
haplotypes that they speak for, in equal parts where several have the same one, or of their genotypes where the family
leaves phase open, which is the prior of founders; it is their relatives who gain by that.
Founders whom the engine is not asked about have the bundle's allele frequencies, or their group's (`bundle_groups`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.block import PeeledBlock
from models.peeling.bundle_groups import BundleGroups
from models.peeling.engine import Peeling
from models.peeling.founder_haplotypes import EngineInput
from models.peeling.pedigree import Pedigree
from models.peeling.priors import hardy_weinberg, with_single
from models.peeling.segregation import interpolated
from models.protocol import ImputedBlock, PairBlock

DISTRUST: Final = 0.01  # share of allele frequencies in what engines say: networks are sure of what they cannot know
_SITES: Final = 256  # peeled at once
_ROWS: Final = 60_000  # of a table of likelihoods, which uint16 numbers


@dataclass(frozen=True, slots=True, eq=False)
class BundleSites:
    """The V sites of a bundle's chromosome, and which of them somebody was typed at.

    Attributes:
        centimorgans: (V,) map positions.
        freq: (V,) ALT frequencies.
        locus: (V,) int64 locus of the peeling that is this site, -1 for the sites that nobody was typed at.
    """

    centimorgans: NDArray[np.float64]
    freq: NDArray[np.float64]
    locus: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """The engine's words on V sites: (V, F + M, 2) P(ALT) of haplotypes, and (V, U, 4) of genotypes without phase."""

    alleles: NDArray[np.float64]
    whole: NDArray[np.float64]


def _pairs(alleles: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V, n, 4) probabilities of phased genotypes from (V, n, 2) P(ALT) of each haplotype."""
    sire, dam = alleles[..., 0], alleles[..., 1]
    return np.stack([(1 - sire) * (1 - dam), (1 - sire) * dam, sire * (1 - dam), sire * dam], axis=2)


def _outer(each: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V, n, 4) products of (V, n, 2, 2) values of both haplotypes' alleles."""
    return (each[:, :, 0, :, None] * each[:, :, 1, None, :]).reshape(*each.shape[:2], 4)


def _offspring(pedigree: Pedigree, asked: EngineInput) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Haplotypes that named animals speak for and have from a known parent, those of one parent together.

    Returns:
        (H,) numbers 2 k + side of the haplotypes of the k-th, and (P,) where those of each parent begin.
    """
    parents = np.stack([pedigree.sire[asked.named], pedigree.dam[asked.named]], axis=1)
    key = parents.ravel()
    mine = np.flatnonzero((asked.says & (parents >= 0)).ravel())
    mine = mine[np.argsort(key[mine], kind="stable")]
    return mine, np.flatnonzero(np.diff(key[mine], prepend=-1))


class Hybrid:
    """The pass over the bundle's sites after the cycles of `Peeling`."""

    def __init__(
        self,
        peeling: Peeling,
        asked: EngineInput,
        sites: BundleSites,
        centimorgans: NDArray[np.float64],
    ) -> None:
        """Prepare.

        Args:
            peeling: after its cycles; its observations have a column an animal.
            asked: what the engine was given.
            sites: of the bundle.
            centimorgans: (L,) map positions of the peeling's loci.
        """
        self._peeling, self._asked, self._sites = peeling, asked, sites
        self._at, self._seg = centimorgans[peeling.kept], peeling.flanking()
        founder = (peeling.pedigree.sire < 0) & (peeling.pedigree.dam < 0)
        self._open = np.flatnonzero(founder[asked.speaking])  # founders without phase, among those who speak
        self._others = np.flatnonzero(~founder[asked.speaking])
        self._founders = np.concatenate([asked.founder, asked.speaking[self._open]])
        self._slots = peeling.families.slots_of(asked.named)[0]
        self._single = peeling.one_gamete[asked.named]
        self._offspring = _offspring(peeling.pedigree, asked)
        self._groups = None if peeling.groups is None else BundleGroups(peeling.groups, self._founders)

    def blocks(self, imputed: Iterable[ImputedBlock | PairBlock]) -> Iterator[PeeledBlock]:
        """Genotype probabilities of all animals at all sites; `first` is a row of the bundle.

        Args:
            imputed: what the engine says of the samples of `asked`, every site once in order.
        """
        step = max(1, min(_SITES, _ROWS // max(1, len(self._others))))
        for block in imputed:
            for start in range(0, len(block), step):
                part = block.rows(start, min(start + step, len(block)))
                yield self._peel(ImputedBlock(part.first, part.gp, None, part.hidden_ds))

    def _peel(self, block: ImputedBlock) -> PeeledBlock:
        rows = slice(block.first, block.first + len(block.gp))
        freq, locus = self._sites.freq[rows], self._sites.locus[rows]
        flat = hardy_weinberg(freq)[:, None]
        said = self._said(block, locus >= 0)
        seg = interpolated(self._seg, self._at, self._sites.centimorgans[rows])
        typed = np.flatnonzero(locus >= 0)
        if len(typed):
            seg[typed] = self._peeling.own_segregation(locus[typed])
        trusted, evidence = self._trusted(said, freq, self._shares(seg))
        founders = len(self._asked.founder)
        prior = np.concatenate([
            (1 - DISTRUST) * _pairs(said.alleles[:, :founders]) + DISTRUST * flat,
            evidence[:, self._open] * flat,
        ], axis=1)  # fmt: skip
        prior = np.ascontiguousarray(prior / prior.sum(axis=2, keepdims=True), np.float32)
        index, table = self._observed(locus, evidence[:, self._others])
        animals, mates = self._founders, freq
        if self._groups is not None:
            alleles = np.stack([prior[..., 2] + prior[..., 3], prior[..., 1] + prior[..., 3]], axis=2)
            found = self._groups.frequencies(alleles.reshape(len(freq), -1), freq, locus)
            prior = np.concatenate([prior, self._groups.priors(found)], axis=1)
            animals, mates = np.concatenate([animals, self._groups.animals]), self._groups.mates(found, freq)
        gp4 = self._peeling.peel_given(index, table, mates, seg, prior, animals)
        self._own_words(gp4, said, trusted, evidence, flat, locus >= 0)
        return PeeledBlock(block.first, gp4)

    def _own_words(
        self,
        gp4: NDArray[np.float32],
        said: _Said,
        trusted: NDArray[np.float64],
        evidence: NDArray[np.float64],
        flat: NDArray[np.float32],
        typed: NDArray[np.bool_],
    ) -> None:
        """Set the animals that speak: to relatives each says its share of what all show, of itself it says all.

        Where nobody was typed, relatives who were imputed from the same haplotypes say the same once more, errors
        included: there the engine's word on the animal stands, and only the order of its alleles comes from the family.
        Both of its haplotypes, for where the engine had to find out the phase, it did for both at once; what was
        imputed of a parent may go with the other way.
        """
        speaking, named = self._asked.speaking, len(self._asked.named)
        peeled = gp4[:, speaking].astype(np.float64)
        alone = trusted * flat
        alone[:, :named] = with_single(_pairs(said.alleles[:, len(self._asked.founder) :]), self._single)
        mine = np.where(typed[:, None, None], peeled * trusted / evidence, alone)
        both = np.maximum(peeled[..., 1] + peeled[..., 2], 1e-20)
        het = mine[..., 1] + mine[..., 2]
        mine[..., 1], mine[..., 2] = het * peeled[..., 1] / both, het * peeled[..., 2] / both
        gp4[:, speaking] = mine / np.maximum(mine.sum(axis=2, keepdims=True), 1e-20)

    def _said(self, block: ImputedBlock, typed: NDArray[np.bool_]) -> _Said:
        """What the engine says, the site's own genotype hidden where it is typed."""
        pairs = 2 * self._asked.linked
        allele = block.gp[:, :pairs, 2].astype(np.float64)
        gp = block.gp[:, pairs:].astype(np.float64)
        whole = np.stack([gp[..., 0], gp[..., 1] / 2, gp[..., 1] / 2, gp[..., 2]], axis=2)
        if typed.any():
            freq = self._sites.freq[block.first : block.first + len(block.gp)][typed, None]
            blind = np.full((int(typed.sum()), block.gp.shape[1]), np.nan)
            if block.hidden_ds is not None:
                blind = block.hidden_ds[typed].astype(np.float64)
            allele[typed] = np.where(np.isnan(blind[:, :pairs]), freq, blind[:, :pairs])
            half = np.where(np.isnan(blind[:, pairs:]), freq, blind[:, pairs:] / 2)
            whole[typed] = hardy_weinberg(np.clip(half, 0, 1))
        return _Said(np.clip(allele, 0, 1).reshape(len(allele), pairs // 2, 2), whole)

    def _shares(self, seg: NDArray[np.float32]) -> NDArray[np.float64]:
        """(V, M, 2) how much each named animal says of its haplotypes: an equal part of what all say that have them.

        Which offspring of a parent have the same haplotype is told by (V, C, 4) segregation.
        """
        first = np.stack([seg[:, self._slots, :2].sum(axis=2), seg[:, self._slots, 0::2].sum(axis=2)], axis=2)
        sharing = np.tile(1 + self._asked.beside[None, :, None] / 2, (len(seg), 1, 2))
        mine, starts = self._offspring
        if len(mine):
            p = first.reshape(len(seg), -1)[:, mine].astype(np.float64)
            sizes = np.diff(np.append(starts, len(mine)))
            total = np.repeat(np.add.reduceat(p, starts, axis=1), sizes, axis=1)
            others = p * (total - p) + (1 - p) * (np.repeat(sizes, sizes) - total - (1 - p))
            sharing.reshape(len(seg), -1)[:, mine] += others
        return 1 / sharing

    def _trusted(
        self, said: _Said, freq: NDArray[np.float64], shares: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(V, M + U, 4) likelihoods of the animals that speak, and the share of them that goes to relatives.

        They are what the engine says over the frequencies.
        """
        flat = hardy_weinberg(freq)[:, None]
        whole = ((1 - DISTRUST) * said.whole + DISTRUST * flat) / flat
        p = freq[:, None, None]
        one = (1 - DISTRUST) * said.alleles[:, len(self._asked.founder) :] + DISTRUST * p
        each = np.where(self._asked.says[..., None], np.stack([(1 - one) / (1 - p), one / p], axis=3), 1.0)
        weight = self._asked.weight[None, :, None]
        return (
            np.concatenate([_outer(each), whole], axis=1),
            np.concatenate([_outer(each ** shares[..., None]), whole**weight], axis=1),
        )

    def _observed(
        self, locus: NDArray[np.int64], evidence: NDArray[np.float64]
    ) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
        """(V, N) rows of a table of likelihoods: what was observed, times what the engine says of open animals."""
        data = self._peeling.penetrance
        index = np.zeros((len(locus), data.index.shape[1]), np.uint16)
        typed = np.flatnonzero(locus >= 0)
        index[typed] = data.index[locus[typed]]
        animals = self._asked.speaking[self._others]
        if not len(animals):
            return index, data.table
        likelihood = data.table[index[:, animals]] * evidence
        likelihood /= likelihood.max(axis=2, keepdims=True)
        used = np.arange(likelihood.shape[0] * likelihood.shape[1]).reshape(likelihood.shape[:2])
        table = np.concatenate([data.table, likelihood.reshape(-1, 4)])
        index[:, animals] = (len(data.table) + used).astype(np.uint16)
        return index, table
