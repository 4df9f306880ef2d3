"""What an imputation engine promises to the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from genotypes.codes import HET, MISSING
from genotypes.packed_pairs import PackedPairs
from genotypes.sites import SiteTable

SitesDone = Callable[[float], None]
"""Called with how many sites' worth of imputation, all samples, is done since the call began; may raise to abort."""


def unheard(_sites: float) -> None:
    """What an engine has done that nobody wants to know."""


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
    linked: int = 0  # so many first pairs of haploid samples are the haplotypes of one individual each, see `unlinked`


def unlinked(typed: TypedGenotypes) -> TypedGenotypes:
    """The same for engines to which every haploid sample is one by itself.

    Where both haplotypes of linked samples have the code of a heterozygote, either carries ALT and nobody knows which:
    the engine may find out from its neighbours on both. Here they become missing.
    """
    if not typed.linked:
        return typed
    codes = typed.codes.copy()
    pairs = codes[:, : 2 * typed.linked]
    pairs[pairs == HET] = MISSING
    return replace(typed, codes=codes, linked=0)


@dataclass(frozen=True, slots=True)
class ImputedBlock:
    """Posterior of consecutive sites, all samples."""

    first: int  # row of the first site in the chromosome's site table
    gp: NDArray[np.float32]  # (V, S, 3) P(0), P(1), P(2) of ALT; haploid samples have P(1) = 0 and P(2) = P(ALT)
    hds: NDArray[np.float32] | None  # (V, S, 2) ALT dosage of each haplotype, phased input only
    hidden_ds: NDArray[np.float32] | None  # (V, S) dosage with the site's own genotype hidden; NaN where untyped

    def __len__(self) -> int:
        """V."""
        return len(self.gp)

    def rows(self, low: int, high: int) -> ImputedBlock:
        """The sites `low` to `high` of the block."""
        hds = None if self.hds is None else self.hds[low:high]
        hidden = None if self.hidden_ds is None else self.hidden_ds[low:high]
        return ImputedBlock(self.first + low, self.gp[low:high], hds, hidden)


@dataclass(frozen=True, slots=True)
class PairBlock:
    """The same in whole numbers, a third of the memory: what the copying engine counts in."""

    first: int
    pairs: PackedPairs  # (S, V, 2) in 65535ths: P(1), P(2) of ALT; where phased, P(ALT) of each haplotype
    ploidy: NDArray[np.int8]  # (S,) 1 or 2; the first number of a haploid sample is its P(ALT)
    phased: bool
    hidden_ds: NDArray[np.float32] | None  # as of `ImputedBlock`

    def __len__(self) -> int:
        """V."""
        return self.pairs.sites

    def rows(self, low: int, high: int) -> PairBlock:
        """The sites `low` to `high` of the block."""
        hidden = None if self.hidden_ds is None else self.hidden_ds[low:high]
        part = PackedPairs.of(self.pairs.dense(low, high))
        return PairBlock(self.first + low, part, self.ploidy, self.phased, hidden)

    @property
    def hds(self) -> NDArray[np.float32] | None:
        """(V, S, 2) float32 as of `ImputedBlock`."""
        if not self.phased:
            return None
        out = self.pairs.dense().transpose(1, 0, 2).astype(np.float32) * np.float32(1 / 65535)
        out[:, self.ploidy == 1, 1] = 0
        return out

    @property
    def gp(self) -> NDArray[np.float32]:
        """(V, S, 3) float32 as of `ImputedBlock`."""
        values = self.pairs.dense().transpose(1, 0, 2).astype(np.float32) * np.float32(1 / 65535)
        one, two, haploid = values[..., 0], values[..., 1], self.ploidy == 1
        het, alt = (one + two - 2 * one * two, one * two) if self.phased else (one, two)
        het, alt = np.where(haploid, 0, het), np.where(haploid, one, alt)
        return np.stack([np.maximum(0, 1 - het - alt), het, alt], axis=2).astype(np.float32)


class Imputer(Protocol):
    """An engine bound to one chromosome of one bundle."""

    sites: SiteTable
    tiles: Sequence[Tile]
    before_blocks: float  # share of a tile's time, from its beginning to its last record, before its first block comes
    finds_phase: bool  # whether it uses both of `linked` samples to find out which of them carries ALT

    def impute(
        self, tiles: range, typed: TypedGenotypes, heard: SitesDone = unheard
    ) -> Iterator[ImputedBlock | PairBlock]:
        """Impute every site of consecutive tiles in site order, each block once.

        `typed` must hold the typed sites among the inputs of the tiles (more do no harm). Memory is bounded by a block.
        An engine whose blocks do not come steadily calls `heard` several times a second while it works on a tile, and
        stops at what that raises.
        """
        ...
