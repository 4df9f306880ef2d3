"""Chromosome X: who is haploid in which of its three regions, and how genotypes that say otherwise are mended.

Between the two pseudoautosomal regions (PAR1, PAR2) males have one copy, inside them two. Files write males there as
haploids, as homozygous diploids, or as a mixture; what the genotypes show decides, and the stated sex where they show
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.sample_stats import SampleSums
from genotypes.sex import Sex, SexCheck
from worker.pipeline.folder import ANYWHERE, PloidyRegion
from worker.pipeline.sample_scan import Examined, sums_of


@dataclass(frozen=True, slots=True, eq=False)
class XPlan:
    """Ploidy along X.

    Attributes:
        bounds: first and last bp of nonPAR.
        one_copy: (S,) haploid in nonPAR.
        par_haploid: (S,) written haploid throughout the pseudoautosomal regions, and left so.
        unsure: (S,) neither the genotypes nor a stated sex decide; taken as diploid.
        set_missing: (S,) int64 heterozygotes in nonPAR of samples that are haploid there.
        recoded: (S,) int64 calls of another ploidy that keep their allele.
    """

    bounds: tuple[int, int]
    one_copy: NDArray[np.bool_]
    par_haploid: NDArray[np.bool_]
    unsure: NDArray[np.bool_]
    set_missing: NDArray[np.int64]
    recoded: NDArray[np.int64]

    def mend(self, codes: gt.Codes, pos: NDArray[np.int32]) -> gt.Codes:
        """Genotypes (V, S) at `pos` (V,) with the ploidy that their region has."""
        inside = (pos >= self.bounds[0]) & (pos <= self.bounds[1])
        out = np.empty_like(codes)
        for rows, haploid in ((inside, self.one_copy), (~inside, self.par_haploid)):
            out[rows] = gt.of_ploidy(codes[rows], ploidy_of(haploid))
        return out

    def regions(self, kept: NDArray[np.int64]) -> list[PloidyRegion]:
        """PAR1, nonPAR and PAR2, with the rows among the `kept` samples of those that are haploid."""
        par, non = (np.flatnonzero(which[kept]).tolist() for which in (self.par_haploid, self.one_copy))
        first, last = self.bounds
        return [PloidyRegion(first - 1, par), PloidyRegion(last, non), PloidyRegion(ANYWHERE, par)]


def ploidy_of(haploid: NDArray[np.bool_]) -> NDArray[np.int8]:
    """(S,) int8, 1 or 2."""
    return np.where(haploid, 1, 2).astype(np.int8)


def plan_x(
    one: Examined, bounds: tuple[int, int], non_par: SampleSums, check: SexCheck, stated: Sequence[int]
) -> XPlan:
    """Decide who is haploid.

    Args:
        one: the used sites of X.
        bounds: first and last bp of nonPAR.
        non_par: sums over the used sites in nonPAR.
        check: what they say of sex.
        stated: `Sex` of every sample as the upload states it.
    """
    told = np.asarray(stated, np.int8)
    decided = check.one_x | check.two_x
    # Calls on Y, and then the stated sex, decide where X itself does not.
    believed = np.where(check.sex == Sex.unknown, told, check.sex)
    one_copy = np.where(decided, check.one_x, believed == Sex.male).astype(bool)
    unsure = ~decided & (believed == Sex.unknown) & (non_par.calls > 0)
    par, _ = sums_of(one.outside(*bounds))
    par_haploid = (par.calls > 0) & (par.haploid == par.calls) & (one_copy | (non_par.calls == 0))
    one_copy |= par_haploid & (non_par.calls == 0)
    set_missing, recoded = np.zeros((2, len(told)), np.int64)
    for region, haploid in ((one.within(*bounds), one_copy), (one.outside(*bounds), par_haploid)):
        for _, codes in region.blocks():
            mended = gt.of_ploidy(codes, ploidy_of(haploid))
            set_missing += ((mended == gt.MISSING) & (codes != gt.MISSING)).sum(axis=0)
            recoded += (gt.ploidy(mended) != gt.ploidy(codes)).sum(axis=0)
    return XPlan(bounds, one_copy, par_haploid, unsure, set_missing, recoded - set_missing)
