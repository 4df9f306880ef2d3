"""What sample QC looks at, from where on a sample is bad, and whether it is then dropped or only flagged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genotypes.sex import SexLimits

Action = Literal["flag", "drop"]
CHECKS = ("call_rate", "heterozygosity", "sex_mismatch", "duplicates", "relatives")


@dataclass(frozen=True, slots=True)
class SamplePolicy:
    """Limits with the field's usual defaults, and one action a check.

    A call rate below one half is where imputation servers refuse a chunk; 0.9 is `plink --mind`'s default and only
    warned of. Three standard deviations of heterozygosity are Anderson et al. 2010, the limits of F on X those of
    `plink --check-sex`, the degrees of kinship those of KING.
    """

    action: Action = "drop"  # flag: nothing is dropped, whatever the checks below say
    call_rate: Action = "drop"
    heterozygosity: Action = "flag"
    sex_mismatch: Action = "flag"
    duplicates: Action = "flag"
    relatives: Action = "flag"
    min_call_rate: float = 0.5
    deviations: float = 3.0  # of heterozygosity from the mean
    female_f: float = 0.2
    male_f: float = 0.8
    min_concordance: float = 0.98  # equal genotypes of duplicates: in a small region unrelated people reach .94
    kinship_sites: int = 20_000  # sites at most that kinship is estimated from

    def acts(self, check: str) -> Action:
        """What happens to a sample that fails `check`, one of `CHECKS`."""
        chosen: Action = getattr(self, check)
        return "flag" if self.action == "flag" else chosen

    @property
    def sex(self) -> SexLimits:
        """Limits of the sex check."""
        return SexLimits(female_f=self.female_f, male_f=self.male_f)
