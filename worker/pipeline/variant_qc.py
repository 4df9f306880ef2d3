"""Variant QC: call rate, Hardy-Weinberg proportions and frequency of the sites that would be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genotypes.counts import SiteCounts
from genotypes.hwe import hwe_midp
from genotypes.mending import QcOptions
from worker.pipeline.fates import Fate

MIN_SAMPLES = 20  # below, one missing call would be a low call rate
STRUCTURED = 0.02  # mean inbreeding coefficient from which heterozygotes are lacking for the cohort's sake
ENOUGH_SITES = 100  # that this mean is taken over


@dataclass(frozen=True, slots=True, eq=False)
class VariantQc:
    """Figures of V sites, and which of them fail.

    Attributes:
        fate: (V,) uint8, 0 (`Fate.exact`) where the site passes, else why it does not.
        call_rate: (V,) share of samples called.
        hwe: (V,) mid-p; NaN where it was not tested.
        frequency: (V,) ALT frequency in the bundle's orientation, NaN without calls.
        chisq: (V,) chi-square of the difference from the bundle's frequency, NaN without one: Pearson's, or the
            likelihood ratio's where that is smaller.
        inbreeding: the cohort's mean inbreeding coefficient over these sites; None where they are few.
        few_hets: sites past the threshold of Hardy-Weinberg that stay, as the cohort lacks heterozygotes everywhere.
    """

    fate: NDArray[np.uint8]
    call_rate: NDArray[np.float64]
    hwe: NDArray[np.float64]
    frequency: NDArray[np.float64]
    chisq: NDArray[np.float64]
    inbreeding: float | None
    few_hets: int

    @property
    def monomorphic(self) -> int:
        """Sites of which the cohort carries one allele alone."""
        return int(((self.frequency == 0) | (self.frequency == 1)).sum())


def variant_qc(
    counts: SiteCounts,
    turned: NDArray[np.bool_],
    af: NDArray[np.float32] | None,
    panel_alleles: int | None,
    chromosome: str,
    options: QcOptions,
) -> VariantQc:
    """Test V sites.

    Args:
        counts: genotypes as the upload has them.
        turned: (V,) whose REF and ALT change places.
        af: (V,) the bundle's ALT frequency, or None.
        panel_alleles: haplotypes that `af` was counted in; None where the bundle does not say: then it is exact.
        chromosome: its normal name.
        options: thresholds.
    """
    samples = counts.samples
    call_rate = counts.calls / np.maximum(samples, 1)
    frequency = np.where(turned, 1 - counts.frequency, counts.frequency)
    fate = np.zeros(len(counts), np.uint8)
    chisq = np.full(len(counts), np.nan)
    if af is not None:
        chisq = np.minimum(
            frequency_chisq(frequency, counts.alleles, af, panel_alleles),
            likelihood_ratio(frequency, counts.alleles, af, panel_alleles),
        )
        past = (chisq > options.af_chisq) & (np.abs(frequency - af) > options.af_limit)
        fate[past] = Fate.af_difference
    hom_ref, het, hom_alt = counts.diploid
    hwe = np.full(len(counts), np.nan)
    # Males of X who are called diploid there would look like a lack of heterozygotes.
    if chromosome != "X" or any(one.any() for one in counts.haploid):
        hwe = hwe_midp(hom_ref, het, hom_alt)
    low = hwe < options.hwe
    inbreeding = _inbreeding(hom_ref, het, hom_alt)
    few_hets = 0
    if inbreeding is not None and inbreeding > STRUCTURED:
        people = np.maximum(hom_ref + het + hom_alt, 1)
        share = (2 * hom_alt + het) / (2 * people)
        fewer = low & (het < 2 * share * (1 - share) * people)
        few_hets, low = int(fewer.sum()), low & ~fewer
    fate[low] = Fate.hwe
    if len(samples) and samples[0] >= MIN_SAMPLES:
        fate[call_rate < options.call_rate] = Fate.low_call_rate
    return VariantQc(fate, call_rate, hwe, frequency, chisq, inbreeding, few_hets)


def frequency_chisq(
    frequency: NDArray[np.float64], alleles: NDArray[np.int64], af: NDArray[np.float32], panel_alleles: int | None
) -> NDArray[np.float64]:
    """(V,) Pearson's chi-square (1 degree of freedom) of the table of both alleles in cohort and panel.

    Args:
        frequency: (V,) ALT frequency of the cohort.
        alleles: (V,) alleles called in the cohort.
        af: (V,) ALT frequency of the panel.
        panel_alleles: alleles of the panel; None: its frequency is taken as exact.
    """
    theirs = af.astype(np.float64)
    ours = alleles.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if panel_alleles is None:
            pooled, size = theirs, ours
        else:
            pooled = (frequency * ours + theirs * panel_alleles) / (ours + panel_alleles)
            size = ours * panel_alleles / (ours + panel_alleles)
        # A panel without the allele makes the exact table's spread zero: half an allele keeps the figure finite.
        spread = np.maximum(pooled * (1 - pooled), 0.5 / np.maximum(ours, 1) if panel_alleles is None else 0.0)
        chisq = (frequency - theirs) ** 2 * size / spread
    return np.where(spread > 0, chisq, np.where(alleles > 0, 0.0, np.nan))


def likelihood_ratio(
    frequency: NDArray[np.float64], alleles: NDArray[np.int64], af: NDArray[np.float32], panel_alleles: int | None
) -> NDArray[np.float64]:
    """(V,) the likelihood ratio's chi-square (G) of the same table.

    Pearson's is far too large where few alleles are expected: one carrier of a rare allele among few people would be
    past any threshold. The chance of more than G is at most exp(-G / 2) however few there are (Chernoff's bound).
    """
    panel = 1 << 40 if panel_alleles is None else panel_alleles
    ours, theirs = alleles.astype(np.float64), af.astype(np.float64)
    # A panel that lacks the allele may still have missed it.
    theirs = np.clip(theirs, 0.5 / panel, 1 - 0.5 / panel) if panel_alleles is not None else theirs
    pooled = (frequency * ours + theirs * panel) / (ours + panel)
    total = np.zeros(len(frequency))
    with np.errstate(divide="ignore", invalid="ignore"):
        for share, size in ((frequency, ours), (theirs, np.full(len(total), float(panel)))):
            for one, expected in ((share, pooled), (1 - share, 1 - pooled)):
                total += np.where(one > 0, size * one * np.log(one / expected), 0.0)
    return np.where(alleles > 0, np.maximum(0.0, 2 * total), np.nan)


def _inbreeding(hom_ref: NDArray[np.int64], het: NDArray[np.int64], hom_alt: NDArray[np.int64]) -> float | None:
    """1 - observed over expected heterozygotes, summed over all sites; None where there are few."""
    people = hom_ref + het + hom_alt
    share = (2 * hom_alt + het) / np.maximum(2 * people, 1)
    expected = 2 * share * (1 - share) * people
    if int((expected > 0).sum()) < ENOUGH_SITES:
        return None
    return float(1 - het.sum() / expected.sum())
