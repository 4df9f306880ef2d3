"""A/T and C/G sites: their alleles look the same on both strands, so only the rest of the file or frequencies tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes.harmonise import base_codes
from genotypes.sites import SiteTable

ENOUGH: Final = 100  # sites of plain strand that let a file speak for its palindromic ones
UNANIMOUS: Final = 10  # enough when all agree: arrays that mix strands do so in about half of their sites
STRAY: Final = 0.01  # share of sites on the other strand below which it is chance: single wrong records
MAX_MAF: Final = 0.4  # from here on the two strands' frequencies are too near each other
DRIFT: Final = (0.02, 0.3)  # least and most Fst between cohort and panel; Balding & Nichols 1995 (Genetica 96:3)
USUAL_DRIFT: Final = 0.05  # where the file cannot tell: one continent's people against a panel of all
TELLING: Final = 50  # sites that tell the drift
ODDS: Final = math.log(100.0)  # of one strand over the other, from which a site is decided

_lgamma = np.frompyfunc(math.lgamma, 1, 1)


class Strand(IntEnum):
    """What is known of a site's strand."""

    unknown = 0
    forward = 1
    reverse = 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sites that are no palindromes, by the strand on which their alleles are the bundle's."""

    forward: int
    reverse: int

    def __add__(self, other: Evidence) -> Evidence:
        """Both together."""
        return Evidence(self.forward + other.forward, self.reverse + other.reverse)

    @property
    def sites(self) -> int:
        """All of them."""
        return self.forward + self.reverse

    @property
    def strand(self) -> Strand:
        """The strand of the whole file, where enough sites agree on it."""
        if self.sites < (UNANIMOUS if min(self.forward, self.reverse) == 0 else ENOUGH):
            return Strand.unknown
        if self.reverse < STRAY * self.sites:
            return Strand.forward
        return Strand.reverse if self.forward < STRAY * self.sites else Strand.unknown

    @property
    def log_odds(self) -> float:
        """Log odds of forward over reverse for one more site of the file."""
        return math.log((self.forward + 0.5) / (self.reverse + 0.5))


def palindromic(sites: SiteTable) -> NDArray[np.bool_]:
    """(V,) whose two alleles are each other's complement; only single bases count."""
    ref, alt = base_codes(sites.ref), base_codes(sites.alt)
    found: NDArray[np.bool_] = (ref >= 0) & (alt >= 0) & (ref + alt == 3)
    return found


def drift(alt: NDArray[np.int64], alleles: NDArray[np.int64], af: NDArray[np.float32] | None) -> float:
    """Fst between cohort and panel over sites of known strand: the spread of frequencies beyond that of sampling.

    Args:
        alt: (V,) ALT alleles, in the bundle's orientation.
        alleles: (V,) alleles called.
        af: (V,) the bundle's ALT frequency, or None.
    """
    called = alleles > 1
    if af is None or int(called.sum()) < TELLING:
        return USUAL_DRIFT
    panel, n = af[called].astype(np.float64), alleles[called]
    spread = panel * (1 - panel)
    more = ((alt[called] / n - panel) ** 2 - spread / n).sum()
    return float(np.clip(more / max(1e-9, (spread * (1 - 1 / n)).sum()), *DRIFT))


def strand_by_frequency(
    alt: NDArray[np.int64],
    alleles: NDArray[np.int64],
    af: NDArray[np.float32] | None,
    evidence: Evidence,
    fst: float = USUAL_DRIFT,
) -> NDArray[np.uint8]:
    """(V,) `Strand` of palindromic sites from the frequency of the allele that is spelt as the bundle's ALT.

    The likelihood ratio of the two strands is that of a beta-binomial around the bundle's frequency, so that one person
    says little and ten thousand people no more than drift between populations allows. The file's other sites are the
    prior.

    Args:
        alt: (V,) alleles spelt as the bundle's ALT.
        alleles: (V,) alleles called.
        af: (V,) the bundle's ALT frequency; None when it has none: then no strand is told.
        evidence: the other sites.
        fst: drift between cohort and panel.
    """
    if af is None or len(af) == 0:
        return np.zeros(len(alt), np.uint8)
    panel = np.clip(af.astype(np.float64), 0.001, 0.999)
    scale = (1 - fst) / fst
    a, b = panel * scale, (1 - panel) * scale
    ref = alleles - alt
    # The normalising constants of Beta(a, b) and Beta(b, a) are the same and fall out.
    ratio = _lgamma(alt + a) + _lgamma(ref + b) - _lgamma(alt + b) - _lgamma(ref + a)
    odds = np.asarray(ratio, np.float64) + evidence.log_odds
    maf = np.minimum(panel, 1 - panel)
    told = (maf < MAX_MAF) & (np.abs(odds) >= ODDS) & (alleles > 0)
    return np.where(told, np.where(odds > 0, Strand.forward, Strand.reverse), Strand.unknown).astype(np.uint8)
