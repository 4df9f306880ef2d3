"""Sites of one build onto another, strand and alleles included."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes.alleles import reverse_complement
from genotypes.chain import Blocks
from genotypes.sites import SiteTable

CHR_M: Final = 16_571  # bp: hg19's own mitochondrion; every other one is the revised Cambridge sequence of both builds


class Lift(IntEnum):
    """What became of a site."""

    lifted = 0
    reversed = 1  # lifted to the other strand
    unmapped = 2  # the other build lacks the place
    several_places = 3
    other_chromosome = 4
    across_a_gap = 5  # REF is not in one piece on the other build
    reversed_indel = 6  # its base in front lies on the other side there, and only the reference knows it


KEPT: Final = (Lift.lifted, Lift.reversed)


@dataclass(frozen=True, slots=True, eq=False)
class Lifted:
    """Lifted sites of a chromosome.

    Attributes:
        sites: (V,) table in position order of the new build.
        source: (V,) int64, rows of the table that was lifted.
        outcome: (T,) uint8 `Lift` of every row of that table.
    """

    sites: SiteTable
    source: NDArray[np.int64]
    outcome: NDArray[np.uint8]

    def count(self, *outcomes: Lift) -> int:
        """Number of sites with one of these outcomes."""
        return int(np.isin(self.outcome, outcomes).sum())


def lift(sites: SiteTable, blocks: Blocks | None, chromosome: str) -> Lifted:
    """Lift a chromosome's sites; REF and ALT are read on the new build's forward strand.

    REF stays REF even where the new build's reference holds ALT: whoever knows the new build's alleles swaps them.

    Args:
        sites: T sites in any order.
        blocks: the chain's blocks of the chromosome; None when it has none.
        chromosome: its normal name; sites that go to another one are dropped.
    """
    outcome = np.full(len(sites), Lift.unmapped, np.uint8)
    new = np.zeros(len(sites), np.int64)
    if blocks is not None and len(sites):
        _place(sites, blocks, chromosome, outcome, new)
    kept = np.flatnonzero(np.isin(outcome, KEPT))
    source = kept[np.argsort(new[kept], kind="stable")]
    table = sites.take(source)
    ref, alt = table.ref.copy(), table.alt.copy()
    for row in np.flatnonzero(outcome[source] == Lift.reversed).tolist():
        ref[row] = reverse_complement(ref[row])
        alt[row] = reverse_complement(alt[row])
    moved = SiteTable(table.chrom, new[source].astype(np.int32), ref, alt, table.id, None, None)
    return Lifted(moved, source, outcome)


def unmoved(sites: SiteTable) -> Lifted:
    """The sites as they are, for a chromosome that both builds share."""
    return Lifted(sites, np.arange(len(sites)), np.zeros(len(sites), np.uint8))


def _place(
    sites: SiteTable, blocks: Blocks, chromosome: str, outcome: NDArray[np.uint8], new: NDArray[np.int64]
) -> None:
    """Fill in the outcomes and the new positions (bp, 1-based)."""
    pos = sites.pos.astype(np.int64) - 1
    width = np.fromiter(map(len, sites.ref.tolist()), np.int64, len(sites))
    other = np.fromiter(map(len, sites.alt.tolist()), np.int64, len(sites))
    block, held = blocks.find(pos)
    inside = block >= 0
    here = np.array([name == chromosome for name in blocks.names])
    step = blocks.step[block].astype(np.int64)
    into = pos - blocks.start[block]
    # On the other strand the last base of REF comes first.
    new[:] = blocks.first[block] + step * into + np.where(step < 0, -(width - 1), 0) + 1
    outcome[inside] = np.where(step > 0, Lift.lifted, Lift.reversed)[inside]
    outcome[inside & (step < 0) & (width != other)] = Lift.reversed_indel
    outcome[inside & (into + width > blocks.size[block])] = Lift.across_a_gap
    outcome[inside & ~here[blocks.target[block]]] = Lift.other_chromosome
    outcome[inside & (held > 1)] = Lift.several_places
