"""What one pass over the genotypes tells of every sample: calls, heterozygotes, how many were to be expected.

The inbreeding coefficient F = 1 - observed / expected heterozygotes is that of `plink2 --het` (autosomes) and
`plink --check-sex` (chromosome X): the expectation is the sum of 2pq over the sites where the sample is called.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.kernels import genotype_kernel

ENOUGH_SAMPLES: Final = 50  # from which frequencies of the samples themselves serve, as in plink2


@dataclass(frozen=True, slots=True, eq=False)
class SampleSums:
    """Sums over sites, one entry a sample; they add up over blocks and chromosomes.

    Attributes:
        sites: sites looked at, the same for all.
        calls: (S,) int64 called genotypes.
        haploid: (S,) int64 of them, haploid ones.
        tested: (S,) int64 called genotypes at sites whose frequency is known and not 0 or 1.
        hets: (S,) int64 of those, heterozygotes.
        expected: (S,) float64 heterozygotes to be expected there in Hardy-Weinberg proportions.
    """

    sites: int
    calls: NDArray[np.int64]
    haploid: NDArray[np.int64]
    tested: NDArray[np.int64]
    hets: NDArray[np.int64]
    expected: NDArray[np.float64]

    @classmethod
    def none(cls, samples: int) -> Self:
        """Sums over no site."""
        calls, haploid, tested, hets = (np.zeros(samples, np.int64) for _ in range(4))
        return cls(0, calls, haploid, tested, hets, np.zeros(samples))

    def __add__(self, other: SampleSums) -> SampleSums:
        """Sums over both sets of sites."""
        return SampleSums(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(SampleSums)))

    @property
    def call_rate(self) -> NDArray[np.float64]:
        """(S,) share of the sites that are called; 1 where there is no site."""
        return self.calls / self.sites if self.sites else np.ones(len(self.calls))

    @property
    def het_rate(self) -> NDArray[np.float64]:
        """(S,) heterozygotes among the calls at polymorphic sites; NaN without any."""
        with np.errstate(invalid="ignore"):
            rate: NDArray[np.float64] = self.hets / self.tested
        return rate

    @property
    def inbreeding(self) -> NDArray[np.float64]:
        """(S,) F; NaN where no heterozygote is to be expected."""
        with np.errstate(invalid="ignore", divide="ignore"):
            f: NDArray[np.float64] = 1 - self.hets / self.expected
        f[self.expected <= 0] = np.nan
        return f


@dataclass(frozen=True, slots=True, eq=False)
class SiteCounts:
    """Counts of V sites.

    Attributes:
        calls: (V,) int32 called genotypes.
        af: (V,) float64 ALT frequency, haploid calls taken as homozygous; NaN without calls.
    """

    calls: NDArray[np.int32]
    af: NDArray[np.float64]


def add_up(codes: gt.Codes, af: NDArray[np.floating[Any]] | None = None) -> tuple[SampleSums, SiteCounts]:
    """Sums of a block of sites.

    Haploid calls count as homozygotes, which they are taken for where ploidy was not coded (males on X).

    Args:
        codes: (V, S) int8 genotype codes.
        af: (V,) ALT frequencies for the expectation, NaN where unknown; None for those of the samples.
    """
    sites, samples = codes.shape
    sums = SampleSums.none(samples)
    calls, own = np.zeros(sites, np.int32), np.full(sites, np.nan)
    given = np.full(sites, np.nan) if af is None else af.astype(np.float64)
    _pass(np.ascontiguousarray(codes), given, af is None, sums.calls, sums.haploid, sums.tested, sums.hets,
          sums.expected, calls, own)  # fmt: skip
    return SampleSums(sites, *(getattr(sums, one.name) for one in fields(SampleSums)[1:])), SiteCounts(calls, own)


@genotype_kernel
def _pass(
    codes: Any,
    af: Any,
    own_af: Any,
    calls: Any,
    haploid: Any,
    tested: Any,
    hets: Any,
    expected: Any,
    site_calls: Any,
    site_af: Any,
) -> None:
    """One pass: a row is counted, then added to its samples while it is in the cache."""
    sites, samples = codes.shape
    for v in range(sites):
        row = codes[v]
        called = 0
        alt = 0
        for s in range(samples):
            code = row[s]
            het = (code == 1) | (code == 3) | (code == 4)
            called += code >= 0
            alt += het + 2 * ((code == 2) | (code == 6))
        site_calls[v] = called
        if called > 0:
            site_af[v] = alt / (2.0 * called)
        p = site_af[v] if own_af else af[v]
        known = p > 0.0 and p < 1.0
        spread = 2.0 * p * (1.0 - p) if known else 0.0
        for s in range(samples):
            code = row[s]
            seen = code >= 0
            calls[s] += seen
            haploid[s] += code >= 5
            hets[s] += ((code == 1) | (code == 3) | (code == 4)) & known
            tested[s] += seen & known
            expected[s] += spread * seen


def outliers(values: NDArray[np.float64], deviations: float) -> NDArray[np.bool_]:
    """(S,) which values lie more than so many standard deviations from the mean; NaN never does.

    The usual rule for heterozygosity (Anderson et al. 2010, Nature Protocols 5:1564) takes three.
    """
    known = ~np.isnan(values)
    found = np.zeros(len(values), bool)
    if known.sum() < 3:
        return found
    centre, spread = values[known].mean(), values[known].std(ddof=1)
    found[known] = np.abs(values[known] - centre) > deviations * spread + 1e-12
    return found
