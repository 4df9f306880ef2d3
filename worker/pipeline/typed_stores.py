"""Writing the stores that imputation reads: used sites in the bundle's orientation, and those that it lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.liftover import Lifted
from genotypes.sites import SiteTable
from genotypes.store import Store, StoreWriter
from worker.pipeline.selection import Selection, row_blocks
from worker.pipeline.types import Progress

Prepare = Callable[[gt.Codes, NDArray[np.int32]], gt.Codes]
"""Genotypes (V, S) at positions (V,) to those that are kept (V, K): `SampleReview.prepare` of a chromosome."""


def write_typed(
    out: Path,
    name: str,
    store: Store,
    lifted: Lifted,
    chosen: Selection,
    table: SiteTable,
    prepare: Prepare,
    progress: Progress,
) -> int:
    """Write the used sites into `name.typed`.

    Returns:
        How many genotypes repeated records contradict each other in.
    """
    discordant = 0
    used, rows = chosen.used, chosen.rows[chosen.used]
    merges = _merges(chosen)
    blocks = row_blocks(len(used), store.codes.shape[1])
    with StoreWriter(out, f"{name}.typed", _kept(store, prepare), table.chrom) as writer:
        for first in blocks:
            part = slice(first, first + blocks.step)
            codes = _oriented(store, lifted, chosen, used[part])
            discordant += _merge(codes, used[part], merges, store, lifted, chosen)
            sites = table.take(rows[part])
            writer.append(sites, prepare(codes, sites.pos), phased=store.phased, rows=rows[part])
            progress(min(1.0, (first + blocks.step) / len(used)))
    return discordant


def write_only(
    out: Path, name: str, store: Store, lifted: Lifted, chosen: Selection, table: SiteTable, prepare: Prepare
) -> int:
    """Write the typed-only sites into `name.only`, each with the bundle row that it goes out before.

    Returns:
        How many genotypes repeated records contradict each other in.
    """
    only, sites = chosen.only, lifted.sites
    discordant = 0
    before = np.searchsorted(table.pos, sites.pos[only], side="right").astype(np.int32)
    merges = _merges(chosen)
    blocks = row_blocks(len(only), store.codes.shape[1])
    with StoreWriter(out, f"{name}.only", _kept(store, prepare), table.chrom) as writer:
        for first in blocks:
            part = slice(first, first + blocks.step)
            codes = _oriented(store, lifted, chosen, only[part])
            discordant += _merge(codes, only[part], merges, store, lifted, chosen)
            # The upload may have written chr20 for 20.
            written = replace(sites.take(only[part]), chrom=table.chrom)
            writer.append(written, prepare(codes, written.pos), phased=store.phased, rows=before[part])
    return discordant


def _kept(store: Store, prepare: Prepare) -> int:
    """Number of samples that `prepare` keeps."""
    none = np.empty((0, store.codes.shape[1]), np.int8)
    return int(prepare(none, np.empty(0, np.int32)).shape[1])


def _oriented(store: Store, lifted: Lifted, chosen: Selection, sites: NDArray[np.int64]) -> gt.Codes:
    """(T, S) genotypes of `sites` in the bundle's orientation."""
    codes: gt.Codes = store.codes[lifted.source[sites]]
    turned = chosen.turned[sites]
    if turned.any():
        codes[turned] = gt.swap_alleles(codes[turned])
    return codes


def _merges(chosen: Selection) -> dict[int, list[int]]:
    """Records whose calls go into a site, by that site."""
    merges: dict[int, list[int]] = {}
    for stays, goes in chosen.merges.tolist():
        merges.setdefault(stays, []).append(goes)
    return merges


def _merge(
    codes: gt.Codes,
    sites: NDArray[np.int64],
    merges: dict[int, list[int]],
    store: Store,
    lifted: Lifted,
    chosen: Selection,
) -> int:
    """Fill missing calls from repeated records, and take back calls that they contradict; how many of these."""
    if not merges:
        return 0
    discordant = 0
    for place, site in enumerate(sites.tolist()):
        if site not in merges:
            continue
        mine = codes[place].copy()
        against = np.zeros(len(mine), bool)
        for other in merges[site]:
            theirs = _oriented(store, lifted, chosen, np.array([other]))[0]
            both = (mine != gt.MISSING) & (theirs != gt.MISSING)
            against |= both & (gt.dosage(mine) != gt.dosage(theirs))
            mine = np.where(mine == gt.MISSING, theirs, mine)
        mine[against] = gt.MISSING
        codes[place] = mine
        discordant += int(against.sum())
    return discordant
