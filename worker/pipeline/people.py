"""How well each person is imputed, from posterior variances summed over the sites that were not typed."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.protocol import ImputedBlock, PairBlock
from worker.pipeline.cohort_stats import histogram

PEOPLE = "people.npz"
TABLE = "quality-samples.tsv.gz"
LISTED = 50

Floats = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class PeopleSums:
    """Sums over sites that were not typed, each (S,) float64.

    Attributes:
        sites: how many.
        certainty: of the probability of the most probable genotype.
        variance: of the posterior variance of the dosage, of a haploid on the scale of a diploid.
        prior: of the variance in Hardy-Weinberg proportions at the bundle's frequency; 0 where it has none.
    """

    sites: Floats
    certainty: Floats
    variance: Floats
    prior: Floats

    @classmethod
    def empty(cls, samples: int) -> Self:
        """No site yet."""
        return cls(*(np.zeros(samples) for _ in fields(cls)))

    def add(
        self,
        block: ImputedBlock,
        typed: NDArray[np.int32],
        ploidy: NDArray[np.int8],
        af: NDArray[np.float32] | None,
    ) -> None:
        """Add a block.

        Args:
            block: posteriors of V sites.
            typed: rows among the V to leave out.
            ploidy: (S,) 1 or 2.
            af: ALT frequencies of all sites of the chromosome, or None.
        """
        rows = self._count(block, typed, ploidy, af)
        some = block.gp if not len(typed) else block.gp[rows]
        het, alt = some[..., 1], some[..., 2]
        ref = 1 - het - alt
        self.certainty += np.maximum(np.maximum(het, alt), ref).sum(axis=0, dtype=np.float64)
        dosage = het + 2 * alt
        self.variance += np.maximum(het + 4 * alt - dosage * dosage, 0).sum(axis=0, dtype=np.float64)

    def add_sums(
        self,
        block: PairBlock,
        typed: NDArray[np.int32],
        ploidy: NDArray[np.int8],
        af: NDArray[np.float32] | None,
        sums: Floats,
    ) -> None:
        """Add a block of which `genotypes.pair_cells` made the sums: (2, S) certainty and variance."""
        self._count(block, typed, ploidy, af)
        self.certainty += sums[0]
        self.variance += sums[1]

    def _count(
        self,
        block: ImputedBlock | PairBlock,
        typed: NDArray[np.int32],
        ploidy: NDArray[np.int8],
        af: NDArray[np.float32] | None,
    ) -> NDArray[np.bool_]:
        """Sites and prior variance of a block; which of its rows are not typed."""
        rows = np.ones(len(block), bool)
        rows[typed] = False
        self.sites += int(rows.sum())
        if af is not None:
            p = af[block.first : block.first + len(rows)][rows].astype(np.float64)
            self.prior += float((2 * p * (1 - p)).sum()) * np.where(ploidy == 1, 2.0, 1.0)
        return rows

    def merge(self, other: Self) -> Self:
        """Sums over the sites of both, same samples."""
        return type(self)(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @classmethod
    def beside(cls, parts: Sequence[Self]) -> Self:
        """Sample batches one after another, same sites."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))

    def save(self, path: Path) -> None:
        """Write an .npz."""
        arrays = {one.name: getattr(self, one.name) for one in fields(self)}
        np.savez(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(*(data[one.name] for one in fields(cls)))

    @property
    def mean_certainty(self) -> Floats:
        """(S,) mean probability of the most probable genotype; NaN without sites."""
        with np.errstate(invalid="ignore"):
            return np.where(self.sites > 0, self.certainty / np.maximum(self.sites, 1), np.nan)

    @property
    def expected_r2(self) -> Floats:
        """(S,) one minus the share of the prior variance that is left; NaN without frequencies."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.prior > 0, np.clip(1 - self.variance / self.prior, 0, 1), np.nan)


def merge_people(parts: Iterable[PeopleSums]) -> PeopleSums | None:
    """Sums over all chromosomes; None when there are none."""
    total: PeopleSums | None = None
    for part in parts:
        total = part if total is None else total.merge(part)
    return total


def people_quality(sums: PeopleSums, names: Sequence[str]) -> dict[str, Any]:
    """Means, a histogram, and the people who are imputed worst, for the report."""
    r2, certainty = sums.expected_r2, sums.mean_certainty
    by_r2 = bool((~np.isnan(r2)).any())
    scores = r2 if by_r2 else certainty
    known = scores[~np.isnan(scores)]
    order = np.argsort(scores, kind="stable")[:LISTED]
    low = max(0.0, np.floor(10 * float(known.min())) / 10) if len(known) else 0.0
    return {
        "samples": len(names),
        "score": "expected_r2" if by_r2 else "mean_certainty",
        "mean_expected_r2": float(np.nanmean(r2)) if by_r2 else None,
        "mean_certainty": float(np.nanmean(certainty)) if len(known) else None,
        "histogram": histogram(known, min(low, 0.9), 1.0, 20),
        "lowest": [
            {
                "sample": names[row],
                "expected_r2": None if np.isnan(r2[row]) else round(float(r2[row]), 4),
                "mean_certainty": None if np.isnan(certainty[row]) else round(float(certainty[row]), 4),
            }
            for row in order.tolist()
        ],
    }


def write_people(path: Path, sums: PeopleSums, names: Sequence[str]) -> None:
    """Write the quality of every sample as a table."""
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
        file.write("sample\timputed_sites\texpected_r2\tmean_certainty\n")
        columns = (sums.sites.tolist(), sums.expected_r2.tolist(), sums.mean_certainty.tolist())
        for name, sites, r2, certainty in zip(names, *columns, strict=True):
            file.write(f"{name}\t{sites:.0f}\t{r2:.4f}\t{certainty:.4f}\n")
