"""Which sites of one chromosome are used, kept beside, or removed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.harmonise import Action, Match, compare, match
from genotypes.sites import SiteTable
from genotypes.store import Store
from worker.pipeline.types import Progress

BLOCK_BYTES = 64 << 20  # genotypes held at once


class Fate(IntEnum):
    """What becomes of a site of the upload."""

    exact = 0
    swapped = 1  # REF and ALT changed places
    flipped = 2  # read on the other strand
    flipped_swapped = 3
    typed_only = 4  # kept in the result as it is
    allele_mismatch = 5  # removed from here on
    duplicate_positions = 6
    all_missing = 7


VERDICTS = {
    Action.exact: Fate.exact,
    Action.swapped: Fate.swapped,
    Action.flipped: Fate.flipped,
    Action.flipped_swapped: Fate.flipped_swapped,
    Action.allele_mismatch: Fate.allele_mismatch,
}
USED = (Fate.exact, Fate.swapped, Fate.flipped, Fate.flipped_swapped)
REMOVED = (Fate.allele_mismatch, Fate.duplicate_positions, Fate.all_missing)


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The fates of the T sites of one chromosome of the upload."""

    fate: NDArray[np.uint8]  # (T,)
    rows: NDArray[np.int32]  # (T,) row of the bundle's site table; only where the fate is one of USED
    used: NDArray[np.int64]  # sites of the upload in the order of their bundle rows
    only: NDArray[np.int64]  # typed-only sites in position order
    shared: int  # sites at a position of the bundle
    within: int  # sites between the bundle's first and last
    density: float  # share of the positions between them that the bundle holds

    def count(self, *fates: Fate) -> int:
        """Number of sites with one of these fates."""
        return int(np.isin(self.fate, fates).sum())


def row_blocks(sites: int, samples: int) -> range:
    """First rows of blocks that hold `BLOCK_BYTES` of genotypes; the range's step is the block's length."""
    return range(0, sites, max(1, BLOCK_BYTES // max(1, samples)))


def count_calls(store: Store, progress: Progress) -> NDArray[np.int64]:
    """(T,) int64, called genotypes of every site."""
    sites, samples = store.codes.shape
    calls = np.zeros(sites, np.int64)
    blocks = row_blocks(sites, samples)
    for first in blocks:
        calls[first : first + blocks.step] = (store.codes[first : first + blocks.step] != gt.MISSING).sum(axis=1)
        progress(min(1.0, (first + blocks.step) / sites))
    return calls


def select(typed: SiteTable, calls: NDArray[np.int64], bundle: SiteTable) -> Selection:
    """Decide the fate of every site.

    Args:
        typed: T sites of the upload, sorted by position.
        calls: (T,) called genotypes of each.
        bundle: the chromosome's site table, sorted by position.
    """
    fate, rows = _fates(typed, bundle, match(typed, bundle))
    used = np.isin(fate, USED)
    fate[used & (calls == 0)] = Fate.all_missing
    used = np.isin(fate, USED)
    fate[_repeated(rows, used, fate, calls)] = Fate.duplicate_positions
    only = fate == Fate.typed_only
    fate[_repeated(_identity(typed), only, fate, calls)] = Fate.duplicate_positions
    used_rows = np.flatnonzero(np.isin(fate, USED))
    return Selection(
        fate=fate,
        rows=rows,
        used=used_rows[np.argsort(rows[used_rows], kind="stable")],
        only=np.flatnonzero(fate == Fate.typed_only),
        shared=int(np.isin(typed.pos, bundle.pos).sum()),
        within=int(((typed.pos >= bundle.pos[0]) & (typed.pos <= bundle.pos[-1])).sum()),
        density=len(np.unique(bundle.pos)) / (int(bundle.pos[-1]) - int(bundle.pos[0]) + 1),
    )


def _fates(typed: SiteTable, bundle: SiteTable, found: Match) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """First verdict from the alleles alone, and the bundle rows."""
    fate = np.full(len(typed), Fate.typed_only, np.uint8)
    for action, verdict in VERDICTS.items():
        fate[found.action == action] = verdict
    rows = found.rows.copy()
    first = np.searchsorted(bundle.pos, typed.pos, side="left")
    end = np.searchsorted(bundle.pos, typed.pos, side="right")
    for site in np.flatnonzero(found.action == Action.duplicate).tolist():
        # `match` gives a row to the first of several; here the one with the most calls is to win.
        near = range(first[site], end[site])
        choices = [(compare(typed.ref[site], typed.alt[site], bundle.ref[r], bundle.alt[r]), r) for r in near]
        action, rows[site] = min((action, row) for action, row in choices if action is not None)
        fate[site] = VERDICTS[action]
    for site in np.flatnonzero(found.action == Action.allele_mismatch).tolist():
        # The same REF with another ALT is a further allele of the site, not a mistake: it stays as typed-only.
        if any(typed.ref[site] == bundle.ref[row] for row in range(first[site], end[site])):
            fate[site] = Fate.typed_only
    return fate, rows


def _identity(typed: SiteTable) -> NDArray[np.int64]:
    """(T,) int64, the same number for sites with the same position and alleles."""
    same = np.flatnonzero(typed.pos[1:] == typed.pos[:-1])
    key = np.arange(len(typed))
    seen: dict[tuple[int, str, str], int] = {}
    for site in np.union1d(same, same + 1).tolist():
        key[site] = seen.setdefault((int(typed.pos[site]), typed.ref[site], typed.alt[site]), site)
    return key


def _repeated(
    key: NDArray[np.integer], candidates: NDArray[np.bool_], fate: NDArray[np.uint8], calls: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Of candidates with the same key all but one: that with the most calls, then the least mended, then the first."""
    sites = np.flatnonzero(candidates)
    order = np.lexsort((sites, fate[sites], -calls[sites], key[sites]))
    keys = key[sites][order]
    again: NDArray[np.int64] = sites[order][1:][keys[1:] == keys[:-1]]
    return again
