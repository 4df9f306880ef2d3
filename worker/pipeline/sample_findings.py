"""What sample QC finds odd about single samples, each with its figure, its limit and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes.kinship import DEGREE_FLOORS, Degree, Pairs
from genotypes.sample_stats import SampleSums
from genotypes.sex import Sex, SexCheck
from worker.pipeline.folder import Ingested
from worker.pipeline.sample_policy import SamplePolicy
from worker.pipeline.sex_chromosome import XPlan
from worker.pipeline.types import Note

# Megabases that the sites must be spread over, and how many sites there must be, before a degree is believed. Relatives
# share long segments, so a small region shows unrelated people as relatives and sibs as twins; and the estimates of
# unrelated people vary by a standard deviation of about 1 / sqrt(sites), which must be small against the floor.
# Duplicates are told by equal genotypes instead.
REACH: Final = {
    Degree.duplicate: (0, 0),
    Degree.first: (100, 1_000),
    Degree.second: (500, 5_000),
    Degree.third: (1_500, 15_000),
}
DUPLICATE_SITES: Final = 100  # sites in common without which no two samples are called duplicates
_SEX_WORDS: Final = {
    "1": Sex.male,
    "m": Sex.male,
    "male": Sex.male,
    "2": Sex.female,
    "f": Sex.female,
    "female": Sex.female,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One odd thing about one sample."""

    row: int  # of the sample in the upload
    check: str
    message: str
    value: float | None = None
    limit: float | None = None
    dropped: bool = False  # the sample is left out because of it


def stated_sexes(upload: Ingested) -> NDArray[np.int8]:
    """(S,) `Sex` of every sample as the upload's files state it."""
    words = (upload.sex.get(sample, "") for sample in upload.samples)
    return np.array([_SEX_WORDS.get(str(word).lower(), Sex.unknown) for word in words], np.int8)


def find_samples(
    policy: SamplePolicy,
    samples: Sequence[str],
    rate: NDArray[np.float64],
    autosomes: SampleSums,
    odd: NDArray[np.bool_],
) -> list[Finding]:
    """Low call rates and outlying heterozygosity."""
    found = []
    drop = policy.acts("call_rate") == "drop"
    for row in np.flatnonzero(rate < policy.min_call_rate).tolist():
        message = f"'{samples[row]}' is called at {rate[row]:.1%} of the sites used."
        found.append(Finding(row, "call_rate", message, float(rate[row]), policy.min_call_rate, drop))
    drop = policy.acts("heterozygosity") == "drop"
    f = autosomes.inbreeding
    for row in np.flatnonzero(odd).tolist():
        word = "fewer" if f[row] > 0 else "more"
        message = f"'{samples[row]}' has {word} heterozygotes than the others (F {f[row]:.3f})."
        found.append(Finding(row, "heterozygosity", message, float(f[row]), policy.deviations, drop))
    return found


def find_sexes(
    policy: SamplePolicy, samples: Sequence[str], check: SexCheck | None, stated: NDArray[np.int8], x: XPlan | None
) -> list[Finding]:
    """Sexes that contradict what is stated, and those that stay unclear, one by one."""
    if check is None:
        return []
    found = []
    drop = policy.acts("sex_mismatch") == "drop"
    for row in np.flatnonzero((stated != Sex.unknown) & (check.sex != Sex.unknown) & (check.sex != stated)).tolist():
        words = f"stated {Sex(int(stated[row])).name}, by its genotypes {Sex(int(check.sex[row])).name}"
        message = f"'{samples[row]}' is {words}{_evidence(check, row)}."
        found.append(Finding(row, "sex_mismatch", message, _number(check.f[row]), None, drop))
    unclear = check.sex == Sex.unknown
    if x is not None:
        unclear &= x.unsure | ~np.isnan(check.f)
    else:
        unclear &= ~np.isnan(check.f)
    for row in np.flatnonzero(unclear).tolist():
        message = f"The genotypes of '{samples[row]}' do not tell its sex{_evidence(check, row)}."
        found.append(Finding(row, "sex_unclear", message, _number(check.f[row])))
    return found


def find_pairs(
    policy: SamplePolicy, samples: Sequence[str], pairs: Pairs, told: Sequence[Degree], rate: NDArray[np.float64]
) -> list[Finding]:
    """Duplicates and first-degree relatives; of a pair the one with fewer calls is named, or else the later one.

    Of dropped pairs one member stays: pairs are gone through closest first, and a pair that has lost one is no more.
    """
    found: list[Finding] = []
    gone: set[int] = set()
    for k, degree in enumerate(judged_degrees(policy, pairs, told)):
        if degree is None or degree > Degree.first:
            continue
        one, two = int(pairs.first[k]), int(pairs.second[k])
        if one in gone or two in gone:
            continue
        row, other = (one, two) if rate[one] < rate[two] else (two, one)
        check = "duplicates" if degree is Degree.duplicate else "relatives"
        drop = policy.acts(check) == "drop"
        what = "equals" if degree is Degree.duplicate else "is a first-degree relative of"
        message = f"'{samples[row]}' {what} '{samples[other]}' (kinship {pairs.kinship[k]:.3f})."
        found.append(Finding(row, check, message, float(pairs.kinship[k]), None, drop))
        if drop:
            gone.add(row)
    return found


def believed(megabases: int, sites: int) -> list[Degree]:
    """Degrees that so many sites, spread over so many megabases, tell."""
    return [degree for degree, (far, many) in REACH.items() if megabases >= far and sites >= many]


def kinship_floor(megabases: int, sites: int) -> float:
    """Kinship below which no pair is judged, however related it looks."""
    return min(DEGREE_FLOORS[degree] for degree in believed(megabases, sites))


def judged_degrees(policy: SamplePolicy, pairs: Pairs, told: Sequence[Degree]) -> list[Degree | None]:
    """Degree of every pair where it is among those `told` by the sites (see `believed`), else None."""
    judged: list[Degree | None] = []
    for k, number in enumerate(pairs.degree.tolist()):
        degree: Degree | None = Degree(number)
        if degree is Degree.duplicate and not (
            pairs.concordance[k] >= policy.min_concordance and pairs.sites[k] >= DUPLICATE_SITES
        ):
            # Many genotypes alike but too many differ for one person: sibs, where the region is large enough.
            degree = Degree.first
        judged.append(degree if degree in told else None)
    return judged


def swapped_ids(samples: Sequence[str], check: SexCheck | None, stated: NDArray[np.int8]) -> list[Note]:
    """Two samples with each other's sex, and no further mismatch: most likely their ids were swapped."""
    if check is None:
        return []
    wrong = np.flatnonzero((stated != Sex.unknown) & (check.sex != Sex.unknown) & (check.sex != stated))
    if len(wrong) != 2 or check.sex[wrong[0]] == check.sex[wrong[1]]:
        return []
    names = " and ".join(f"'{samples[row]}'" for row in wrong.tolist())
    return [Note("samples_swapped", f"{names} each have the other's stated sex: their ids may be swapped.", 2)]


def _evidence(check: SexCheck, row: int) -> str:
    """The figures behind a sex in brackets."""
    parts = [] if np.isnan(check.f[row]) else [f"F on X {check.f[row]:.2f}"]
    if check.y_rate is not None:
        parts.append(f"{check.y_rate[row]:.0%} of Y called")
    return f" ({', '.join(parts)})" if parts else ""


def _number(value: np.float64) -> float | None:
    """A number for JSON, which has no NaN."""
    return None if np.isnan(value) else float(value)
