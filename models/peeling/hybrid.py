"""Hybrid peeling with a bundle: every site of the bundle for every member of a family.

Segregation is known from the typed loci and taken between them by interpolation; at each site of the bundle one
single-locus peeling then passes the founders' alleles on (Whalen et al. 2018, Genet Sel Evol 50:67, hybrid peeling).
What is known of founders at a site is their prior, from the bundle's engine by way of `founder_haplotypes`: what it
says of a haplotype with the site's own allele hidden, so that a site's observations count once, as penetrance.
Animals whose phase the family leaves open bring the engine's probabilities of their genotypes: founders as prior,
others as evidence, in which the allele frequencies are divided out; it is their relatives who gain by that.
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
from models.peeling.priors import hardy_weinberg
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


class Hybrid:
    """The pass over the bundle's sites after the cycles of `Peeling`."""

    def __init__(
        self,
        peeling: Peeling,
        pedigree: Pedigree,
        asked: EngineInput,
        sites: BundleSites,
        centimorgans: NDArray[np.float64],
    ) -> None:
        """Prepare.

        Args:
            peeling: after its cycles; its observations have a column an animal.
            pedigree: N animals.
            asked: what the engine was given.
            sites: of the bundle.
            centimorgans: (L,) map positions of the peeling's loci.
        """
        self._peeling, self._asked, self._sites = peeling, asked, sites
        self._at, self._seg = centimorgans[peeling.kept], peeling.flanking()
        founder = (pedigree.sire < 0) & (pedigree.dam < 0)
        self._open = np.flatnonzero(founder[asked.whole])  # founders without phase, among `whole`
        self._others = np.flatnonzero(~founder[asked.whole])
        self._founders = np.concatenate([asked.founder, asked.whole[self._open]])
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
        haplotypes, whole = self._said(block, locus >= 0)
        weight = self._asked.weight[None, :, None]
        trusted = ((1 - DISTRUST) * whole + DISTRUST * flat) / flat
        evidence = trusted**weight
        prior = np.concatenate([
            (1 - DISTRUST) * haplotypes + DISTRUST * flat,
            evidence[:, self._open] * flat,
        ], axis=1)  # fmt: skip
        prior = np.ascontiguousarray(prior / prior.sum(axis=2, keepdims=True), np.float32)
        index, table = self._observed(locus, evidence[:, self._others])
        seg = interpolated(self._seg, self._at, self._sites.centimorgans[rows])
        typed = np.flatnonzero(locus >= 0)
        if len(typed):
            seg[typed] = self._peeling.own_segregation(locus[typed])
        founders, mates = self._founders, freq
        if self._groups is not None:
            alleles = np.stack([prior[..., 2] + prior[..., 3], prior[..., 1] + prior[..., 3]], axis=2)
            found = self._groups.frequencies(alleles.reshape(len(freq), -1), freq, locus)
            prior = np.concatenate([prior, self._groups.priors(found)], axis=1)
            founders, mates = np.concatenate([founders, self._groups.animals]), self._groups.mates(found, freq)
        gp4 = self._peeling.peel_given(index, table, mates, seg, prior, founders)
        self._own_words(gp4, trusted, weight, flat, locus >= 0)
        return PeeledBlock(block.first, gp4)

    def _own_words(
        self,
        gp4: NDArray[np.float32],
        trusted: NDArray[np.float64],
        weight: NDArray[np.float64],
        flat: NDArray[np.float32],
        typed: NDArray[np.bool_],
    ) -> None:
        """Set the animals without phase: to relatives each says its share of what all show, of itself it says all.

        Where nobody was typed, relatives who were imputed from the same haplotypes say the same once more, errors
        included: there the engine's word on the animal stands, and only the order of its alleles comes from the family.
        """
        whole = self._asked.whole
        peeled = gp4[:, whole].astype(np.float64)
        mine = np.where(typed[:, None, None], peeled * trusted ** (1 - weight), trusted * flat)
        both = np.maximum(peeled[..., 1] + peeled[..., 2], 1e-20)
        het = mine[..., 1] + mine[..., 2]
        mine[..., 1], mine[..., 2] = het * peeled[..., 1] / both, het * peeled[..., 2] / both
        gp4[:, whole] = mine / np.maximum(mine.sum(axis=2, keepdims=True), 1e-20)

    def _said(self, block: ImputedBlock, typed: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(V, F, 4) of founders and (V, U, 4) of the others, the site's own genotype hidden where it is typed."""
        pairs = 2 * len(self._asked.founder)
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
        allele = np.clip(allele, 0, 1)
        sire, dam = allele[:, 0::2], allele[:, 1::2]
        haplotypes = np.stack([(1 - sire) * (1 - dam), (1 - sire) * dam, sire * (1 - dam), sire * dam], axis=2)
        return haplotypes, whole

    def _observed(
        self, locus: NDArray[np.int64], evidence: NDArray[np.float64]
    ) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
        """(V, N) rows of a table of likelihoods: what was observed, times what the engine says of open animals."""
        data = self._peeling.penetrance
        index = np.zeros((len(locus), data.index.shape[1]), np.uint16)
        typed = np.flatnonzero(locus >= 0)
        index[typed] = data.index[locus[typed]]
        animals = self._asked.whole[self._others]
        if not len(animals):
            return index, data.table
        likelihood = data.table[index[:, animals]] * evidence
        likelihood /= likelihood.max(axis=2, keepdims=True)
        used = np.arange(likelihood.shape[0] * likelihood.shape[1]).reshape(likelihood.shape[:2])
        table = np.concatenate([data.table, likelihood.reshape(-1, 4)])
        index[:, animals] = (len(data.table) + used).astype(np.uint16)
        return index, table
