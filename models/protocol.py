"""What an imputation engine promises to the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from genotypes.sites import SiteTable


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of a chromosome: the unit of the model and of the work plan."""

    index: int
    first: int  # row of its first output site in the chromosome's site table
    end: int  # one past its last output site
    inputs: NDArray[np.int32]  # (I,) ascending rows of the sites that it can read, context included


@dataclass(frozen=True, slots=True)
class TypedGenotypes:
    """Observed genotypes at sites of the bundle, already in the bundle's allele orientation."""

    rows: NDArray[np.int32]  # (T,) ascending rows of the chromosome's site table
    codes: NDArray[np.int8]  # (T, S) genotype codes, see genotypes.codes
    ploidy: NDArray[np.int8]  # (S,) 1 or 2
    phased: bool  # every heterozygote of every diploid sample is phased


@dataclass(frozen=True, slots=True)
class ImputedBlock:
    """Posterior of consecutive sites, all samples."""

    first: int  # row of the first site in the chromosome's site table
    gp: NDArray[np.float32]  # (V, S, 3) P(0), P(1), P(2) of ALT; haploid samples have P(1) = 0 and P(2) = P(ALT)
    hds: NDArray[np.float32] | None  # (V, S, 2) ALT dosage of each haplotype, phased input only
    hidden_ds: NDArray[np.float32] | None  # (V, S) dosage with the site's own genotype hidden; NaN where untyped


class Imputer(Protocol):
    """An engine bound to one chromosome of one bundle."""

    sites: SiteTable
    tiles: Sequence[Tile]

    def impute(self, tiles: range, typed: TypedGenotypes) -> Iterator[ImputedBlock]:
        """Impute every site of consecutive tiles in site order, each block once.

        `typed` must hold the typed sites among the inputs of the tiles (more do no harm). Memory is bounded by a block.
        """
        ...
