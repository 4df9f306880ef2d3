"""What a user may switch on and off of mending and variant QC, as fields of a job and as options of a command."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final, Self


class Mend(StrEnum):
    """One kind of mending."""

    swap = "swap"  # REF and ALT in the other order
    flip = "flip"  # alleles written on the other strand
    palindromic = "palindromic"  # A/T and C/G sites: strand from the file or frequencies; off: as written, or not used
    indels = "indels"  # variants written with bases that REF and ALT share, or shifted in a repeat
    duplicates = "duplicates"  # calls of repeated records merged
    liftover = "liftover"  # positions of another build


ALL: Final = frozenset(Mend)
AF_DIFF: Final = 0.4  # against a panel of many populations
AF_DIFF_NEAR: Final = 0.3  # against the upload's own
AF_CHISQ_NEAR: Final = (
    50.0  # p = 1.5e-12: few people are behind a population's frequencies, and 300 is out of their reach
)


def parse_mend(text: str) -> frozenset[Mend]:
    """What a list such as `swap,flip` allows; `all` and `none` are words of it too, `none` adding nothing.

    Raises:
        ValueError: a sentence for the user.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    names = [name for name in names if name != "none"]
    if names == ["all"]:
        return ALL
    known = {one.value for one in Mend}
    if unknown := [name for name in names if name not in known]:
        allowed = ", ".join(one.value for one in Mend)
        raise ValueError(f"'mend' holds '{unknown[0]}'; it may be all, none, or a list of {allowed}.")
    return frozenset(Mend(name) for name in names)


def mend_text(mend: frozenset[Mend]) -> str:
    """The shortest text that `parse_mend` reads as `mend`."""
    if mend == ALL:
        return "all"
    return ",".join(one.value for one in Mend if one in mend) or "none"


@dataclass(frozen=True, slots=True)
class QcOptions:
    """Thresholds of variant QC; a site past one is not used and imputed. 0 (1 for `af_diff`) switches a test off."""

    call_rate: float = 0.9  # lowest share of samples called; tested from `MIN_SAMPLES` samples on
    hwe: float = 1e-6  # lowest mid-p of Hardy-Weinberg proportions
    af_diff: float | None = (
        None  # largest difference from the frequency expected, where chi-square is past its limit too
    )
    af_chisq: float = 300.0  # chi-square of the frequency difference; sites past it are listed

    @property
    def af_limit(self) -> float:
        """The largest difference: what was given, else what suits a panel of many populations."""
        return AF_DIFF if self.af_diff is None else self.af_diff

    def settled(self, *, by_population: bool) -> Self:
        """With every threshold set; those of frequencies are closer where these are expected by population."""
        if not by_population:
            return replace(self, af_diff=self.af_limit)
        near = AF_DIFF_NEAR if self.af_diff is None else self.af_diff
        return replace(self, af_diff=near, af_chisq=min(self.af_chisq, AF_CHISQ_NEAR))

    def as_dict(self) -> dict[str, float]:
        """JSON form."""
        return asdict(self) | {"af_diff": self.af_limit}

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], base: Mapping[str, float | None] | None = None) -> Self:
        """Thresholds of a job.

        Args:
            given: job fields, `qc_call_rate`, `qc_hwe` and `qc_af_diff` among them.
            base: the server's thresholds under the names of this class, for what the job leaves open.
        """
        names = {one.name for one in fields(cls)}
        found: dict[str, Any] = {
            key.removeprefix("qc_"): float(value) for key, value in given.items() if key.startswith("qc_")
        }
        return cls(**{**(base or {}), **{key: value for key, value in found.items() if key in names}})


QC_FIELDS: Final = ("qc_call_rate", "qc_hwe", "qc_af_diff")
"""The thresholds that a job may set, all from 0 to 1."""


def parse_share(name: str, text: str) -> float:
    """A number from 0 to 1.

    Raises:
        ValueError: a sentence for the user.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"'{name}' must be a number from 0 to 1.")
    return value
