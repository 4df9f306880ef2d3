"""Quality of imputed sites from sums that merge over sample batches."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt

Sums = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SiteQuality:
    """What INFO says of V sites; all (V,) float32, NaN where it is not defined.

    Attributes:
        af: ALT frequency from dosages.
        maf: frequency of the rarer allele.
        r2: expected squared correlation of the dosages with the true genotypes, see `SiteSums.quality`; 0 where the
            dosages do not vary.
        er2: squared correlation of observed genotypes with dosages imputed while hidden; NaN where not typed.
    """

    af: NDArray[np.float32]
    maf: NDArray[np.float32]
    r2: NDArray[np.float32]
    er2: NDArray[np.float32]

    def take(self, rows: Any) -> SiteQuality:
        """The quality of some rows."""
        return SiteQuality(*(getattr(self, one.name)[rows] for one in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class SiteSums:
    """Sufficient statistics of V sites, each (V,) float64, over the samples seen so far.

    Attributes:
        alleles: sum of ploidy.
        alleles2: sum of squared ploidy.
        ds: sum of dosages.
        ds2: sum of squared dosages.
        ploidy_ds: sum of ploidy times dosage.
        square: sum of the expected square of the number of ALT alleles.
        ds2_var: sum of squared dosage times the variance of the genotype.
        ploidy_ds_var: sum of ploidy times dosage times that variance.
        ploidy2_var: sum of squared ploidy times that variance.
        imputed: sum of ploidy over the samples that were not observed.
        hidden: (6, V) n, x, y, x^2, y^2, xy with x the observed and y the hidden dosage.
    """

    alleles: Sums
    alleles2: Sums
    ds: Sums
    ds2: Sums
    ploidy_ds: Sums
    square: Sums
    ds2_var: Sums
    ploidy_ds_var: Sums
    ploidy2_var: Sums
    imputed: Sums
    hidden: Sums

    @classmethod
    def of(
        cls,
        sums: NDArray[Any],
        ploidy: NDArray[np.int8],
        hidden_ds: NDArray[np.floating[Any]] | None = None,
        observed: gt.Codes | None = None,
        observed_rows: NDArray[np.int32] | None = None,
    ) -> Self:
        """Sums of one sample batch.

        Args:
            sums: (7, V) over the S samples, see `genotypes.cell_sums.sum_cells`.
            ploidy: (S,) int8, 1 or 2.
            hidden_ds: (T, S) dosages of the typed sites with their own genotype hidden, or NaN; or None.
            observed: (T, S) int8 codes of the typed sites.
            observed_rows: (T,) rows of those sites among the V.
        """
        v = sums.shape[1]
        copies = ploidy.astype(np.float32)
        hidden, imputed = np.zeros((6, v)), np.full(v, float(copies.sum()))
        if observed is not None and observed_rows is not None:
            imputed[observed_rows] -= np.where(observed == gt.MISSING, 0, copies).sum(axis=1)
        if hidden_ds is not None and observed is not None and observed_rows is not None:
            x, y = gt.dosage(observed).astype(np.float64), hidden_ds.astype(np.float64)
            known = (observed != gt.MISSING) & ~np.isnan(y)
            x, y = np.where(known, x, 0), np.where(known, y, 0)
            parts = (known, x, y, x * x, y * y, x * y)
            hidden[:, observed_rows] = [one.sum(axis=1) for one in parts]
        return cls(
            np.full(v, float(copies.sum())),
            np.full(v, float((copies * copies).sum())),
            sums[0].astype(np.float64),
            sums[1].astype(np.float64),
            sums[2].astype(np.float64),
            sums[3].astype(np.float64),
            sums[4].astype(np.float64),
            sums[5].astype(np.float64),
            sums[6].astype(np.float64),
            imputed,
            hidden,
        )

    def merge(self, other: Self) -> Self:
        """Sums over both sets of samples, same sites."""
        return type(self)(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def save(self, path: Path | str) -> None:
        """Write an .npz."""
        with Path(path).open("wb") as file:
            np.savez(file, allow_pickle=False, **{one.name: getattr(self, one.name) for one in fields(self)})

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(*(data[one.name] for one in fields(cls)))

    def quality(self, unseen: float = 0.0) -> SiteQuality:
        """AF, MAF, R2, ER2.

        R2 estimates the squared correlation of dosages x with true genotypes y that are drawn from their probabilities,
        as the mean of cov(x, y)^2 over var(x) times the mean of var(y). With many carriers that is the variance of the
        dosages over that of the genotypes (allelic R2, Browning and Browning 2009, Am J Hum Genet 84:210). With few it
        is larger: that ratio also counts the draws in which nobody carries the allele, where there is no correlation.

        Args:
            unseen: probability that a haplotype carries an allele that no haplotype of the panel lets expect; of K
                haplotypes 1 / (K + 1) by Laplace's rule of succession.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            af = self.ds / self.alleles
            # Around ploidy * af, so that haploids and diploids share one frequency.
            around = af * af * self.alleles2 - 2 * af * self.ploidy_ds
            spread, doubt, missed = self.ds2 + around, self.square - self.ds2, unseen * self.imputed
            doubtful = self.ds2_var - 2 * af * self.ploidy_ds_var + af * af * self.ploidy2_var
            copies = self.alleles2 / self.alleles
            fourth = spread * spread + np.clip(doubtful, 0, None) + missed / self.alleles * copies * spread
            expected = spread + (doubt + missed) * (1 - copies / self.alleles)
            r2 = np.where(spread > 1e-9, np.clip(fourth, 0, None) / (spread * expected), 0)
            n, x, y, xx, yy, xy = self.hidden
            cov, var_x, var_y = xy - x * y / n, xx - x * x / n, yy - y * y / n
            er2 = np.where((var_x > 1e-9) & (var_y > 1e-9), cov * cov / (var_x * var_y), np.where(n > 0, 0, np.nan))
        er2[n == 0] = np.nan
        maf = np.minimum(af, 1 - af)
        return SiteQuality(*(one.astype(np.float32) for one in (af, maf, np.minimum(r2, 1), np.minimum(er2, 1))))
