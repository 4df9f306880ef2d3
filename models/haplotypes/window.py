"""A library laid out for one tile and one set of typed sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.library import Haplotypes
from models.haplotypes.person import Panel
from models.haplotypes.scans import WORD
from models.haplotypes.select import classes_of, pack_columns, padded
from models.haplotypes.slots import DENSE, Slots, list_carriers, pack_carriers
from models.protocol import Tile

MOST_ERROR = 0.5  # an allele that tells nothing
CLOSEST = 1e-6  # switches are as likely as over at least so many cM


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What the kernels need of the library for one tile and one set of typed sites."""

    panel: Panel
    centimorgans: NDArray[np.float64]  # (T,)
    unlike: NDArray[np.float64]  # (T,) probability that an allele is not that of its haplotype

    @classmethod
    def make(cls, library: Haplotypes, tile: Tile, typed: NDArray[np.int32]) -> Self:
        """Lay the library out for a tile; `typed` are the (T,) rows that the input has, context included."""
        rows = np.arange(tile.first, tile.end)
        core = library.part(tile.first, tile.end)
        at = library.positions(typed)
        interval = np.searchsorted(typed, rows)
        share = np.ones(len(rows), np.float32)
        share[interval == len(typed)] = 0
        inside = (interval > 0) & (interval < len(typed))
        left, right = at[interval[inside] - 1], at[interval[inside]]
        span = np.maximum(right - left, CLOSEST)
        share[inside] = np.clip((core.cm[inside] - left) / span, 0, 1)
        width = padded(library.haplotypes)
        dense = np.diff(core.starts) > DENSE * library.haplotypes
        which = np.flatnonzero(dense)
        frequent = Slots.make(which, interval[which], share[which], len(typed))
        which = np.flatnonzero(~dense)
        rare = Slots.make(which, interval[which], share[which], len(typed))
        words = -(-np.diff(frequent.starts) // WORD)
        starts = np.concatenate([[0], np.cumsum(words)]).astype(np.int32)
        bits = pack_carriers(
            core.starts, core.carriers, frequent.row.astype(np.int64), frequent.starts, starts, library.haplotypes,
        )  # fmt: skip
        carriers, carriers_starts = list_carriers(
            core.starts, core.carriers, rare.row.astype(np.int64), rare.starts, library.haplotypes
        )
        # What lies in the tile has been read by now; only the context on both sides is left.
        first, end = np.searchsorted(typed, (tile.first, tile.end)).tolist()
        own = core.alleles(typed[first:end] - np.int32(tile.first))
        alleles = np.concatenate([library.alleles(typed[:first]), own, library.alleles(typed[end:])])
        panel = Panel(
            library.haplotypes, pack_columns(alleles, width).reshape(-1), classes_of(alleles), frequent, bits, starts,
            rare, carriers, carriers_starts, core.flipped, library.slopes(rows.astype(np.int32)),
            (np.diff(core.starts) / library.haplotypes).astype(np.float32),
        )  # fmt: skip
        return cls(panel, at, (1 - library.slopes(typed).astype(np.float64)) / 2)

    def switches(self, per_cm: float) -> NDArray[np.float32]:
        """(T,) probability of a switch before each typed site."""
        apart = np.maximum(np.diff(self.centimorgans, prepend=self.centimorgans[0]), CLOSEST)
        return (-np.expm1(-per_cm * apart)).astype(np.float32)

    def errors(self, error: float) -> NDArray[np.float64]:
        """(T,) probability that a typed allele differs from the copied one.

        With a chance e that the panel's allele at a site is not its haplotype's, truth follows it with slope 1 - 2 e.
        """
        found: NDArray[np.float64] = np.minimum(error + self.unlike, MOST_ERROR)
        return found
