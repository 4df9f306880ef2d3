"""How often each genotype was called at each site, in one pass over the codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.kernels import genotype_kernel


@genotype_kernel
def _tally(codes: Any, out: Any) -> None:  # (V, S) int8 into (V, 8) int32, the last one missing
    for site in range(codes.shape[0]):
        for sample in range(codes.shape[1]):
            out[site, codes[site, sample] & 7] += 1


@dataclass(frozen=True, slots=True, eq=False)
class SiteCounts:
    """Genotype counts of V sites.

    Attributes:
        table: (V, 8) int32, samples by genotype code; the last column counts the missing ones.
    """

    table: NDArray[np.int32]

    @classmethod
    def of(cls, codes: gt.Codes) -> Self:
        """Count (V, S) int8 codes."""
        table = np.zeros((len(codes), 8), np.int32)
        if codes.size:
            _tally(np.asarray(codes), table)
        return cls(table)

    @classmethod
    def concatenate(cls, parts: Iterable[Self]) -> Self:
        """Counts of consecutive sites, one after another."""
        tables = [one.table for one in parts]
        return cls(np.concatenate(tables) if tables else np.zeros((0, 8), np.int32))

    def __len__(self) -> int:
        """Number of sites V."""
        return len(self.table)

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Counts of the sites `rows`."""
        return type(self)(self.table[rows])

    @property
    def calls(self) -> NDArray[np.int64]:
        """(V,) called genotypes."""
        called: NDArray[np.int64] = self.table[:, :7].sum(axis=1)
        return called

    @property
    def samples(self) -> NDArray[np.int64]:
        """(V,) samples, called or not."""
        everybody: NDArray[np.int64] = self.table.sum(axis=1)
        return everybody

    @property
    def diploid(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """(V,) diploid REF homozygotes, heterozygotes, ALT homozygotes."""
        one = self.table.astype(np.int64)
        return one[:, gt.HOM_REF], one[:, [gt.HET, gt.PHASED_01, gt.PHASED_10]].sum(axis=1), one[:, gt.HOM_ALT]

    @property
    def haploid(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(V,) haploid calls of REF, of ALT."""
        return self.table[:, gt.HAP_REF].astype(np.int64), self.table[:, gt.HAP_ALT].astype(np.int64)

    @property
    def alt(self) -> NDArray[np.int64]:
        """(V,) ALT alleles called."""
        _, het, hom_alt = self.diploid
        return het + 2 * hom_alt + self.haploid[1]

    @property
    def alleles(self) -> NDArray[np.int64]:
        """(V,) alleles called."""
        return 2 * sum(self.diploid) + sum(self.haploid)  # type: ignore[return-value]  # sums of arrays

    @property
    def frequency(self) -> NDArray[np.float64]:
        """(V,) ALT frequency, NaN where nothing was called."""
        alleles = self.alleles
        return np.where(alleles > 0, self.alt / np.maximum(alleles, 1), np.nan)
