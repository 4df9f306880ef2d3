"""Sex from genotypes: heterozygosity on chromosome X outside the pseudoautosomal regions, and calls on Y."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from genotypes.sample_stats import SampleSums


class Sex(IntEnum):
    """As PLINK's .fam numbers it."""

    unknown = 0
    male = 1
    female = 2


@dataclass(frozen=True, slots=True)
class SexLimits:
    """From where on the data decide; the first two are those of `plink --check-sex`."""

    female_f: float = 0.2  # F on X below which a sample is female
    male_f: float = 0.8  # F on X above which it is male
    min_expected: float = 5.0  # heterozygotes to be expected on X below which F decides nothing
    silent_sites: int = 100  # calls on X without one heterozygote that make a male whatever was to be expected
    y_sites: int = 20  # of Y, without which its calls decide nothing
    female_y: float = 0.1  # share of Y's sites called above which nobody is female
    male_y: float = 0.5  # share below which nobody is male


@dataclass(frozen=True, slots=True, eq=False)
class SexCheck:
    """What X and Y say of S samples.

    Attributes:
        f: (S,) float64 F on X; NaN where X decides nothing.
        y_rate: (S,) float64 share of Y's sites that are called, or None without enough of them.
        sex: (S,) int8 `Sex`; unknown where X and Y contradict each other or decide nothing.
        one_x: (S,) bool, X is as in a haploid, whatever Y says.
        two_x: (S,) bool, X is as in a diploid, whatever Y says.
    """

    f: NDArray[np.float64]
    y_rate: NDArray[np.float64] | None
    sex: NDArray[np.int8]
    one_x: NDArray[np.bool_]
    two_x: NDArray[np.bool_]


def check_sex(x: SampleSums, y: SampleSums | None, limits: SexLimits) -> SexCheck:
    """Sex of every sample.

    A sample whose X is written haploid throughout is male however few sites there are; so is one of many calls without
    a heterozygote where no frequency tells how many to expect, as for a single person without a panel's.

    Args:
        x: sums over X outside the pseudoautosomal regions.
        y: sums over Y, or None.
        limits: where the data decide.
    """
    f = np.where(x.expected >= limits.min_expected, x.inbreeding, np.nan)
    written_haploid = (x.calls > 0) & (x.haploid == x.calls)
    silent = (x.calls >= limits.silent_sites) & (x.hets == 0)
    one_x = (f > limits.male_f) | written_haploid | silent
    two_x = f < limits.female_f
    sex = np.where(one_x, Sex.male, np.where(two_x, Sex.female, Sex.unknown)).astype(np.int8)
    y_rate = y.call_rate if y is not None and y.sites >= limits.y_sites else None
    # Calls on Y tell the sexes apart only where some samples have them: else Y was masked for all.
    if y_rate is not None and (y_rate >= limits.male_y).any():
        sex[(sex == Sex.male) & (y_rate < limits.male_y)] = Sex.unknown
        sex[(sex == Sex.female) & (y_rate > limits.female_y)] = Sex.unknown
        undecided = ~one_x & ~two_x & np.isnan(f)
        sex[undecided & (y_rate >= limits.male_y)] = Sex.male
        sex[undecided & (y_rate <= limits.female_y)] = Sex.female
    return SexCheck(f, y_rate, sex, one_x, two_x)
