"""Accuracy of a bundle, as it would impute: people of known genotypes, seen through arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.panel import Panel
from models.dae.bundle import Bundle
from models.dae.engine import DaeImputer
from models.dae.evaluate import score_bins
from models.protocol import TypedGenotypes

EVERY = 10  # without an array every tenth input site is shown


def rows_of(bundle: Bundle, chrom: str, truth: Panel) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Rows of the bundle's sites that the truth holds too, ascending, and their rows in the truth.

    Raises:
        TesseraError: `no_overlap` when there is none.
    """
    sites = bundle.sites(chrom)
    at = {key: row for row, key in enumerate(zip(sites.pos.tolist(), sites.ref, sites.alt, strict=True))}
    keys = zip(truth.sites.pos.tolist(), truth.sites.ref, truth.sites.alt, strict=True)
    pairs = sorted((at[key], row) for row, key in enumerate(keys) if key in at)
    if not pairs:
        raise TesseraError(Code.no_overlap, f"None of the sites is in the bundle {bundle.manifest.id}.")
    mine, theirs = np.array(pairs).T
    return mine.astype(np.int32), theirs


def score(bundle: Bundle, truth: Panel, arrays: dict[str, NDArray[np.int32]]) -> list[dict[str, Any]]:
    """Accuracy table of the chromosome that the truth holds, in the form of a manifest's.

    Args:
        bundle: an opened bundle.
        truth: people whom nobody trained on; their phase is not used.
        arrays: positions (bp) that each array types; none means every tenth input site.
    """
    chrom = truth.sites.chrom.removeprefix("chr")
    rows, theirs = rows_of(bundle, chrom, truth)
    people = truth.haplotypes[theirs][:, 0::2] + truth.haplotypes[theirs][:, 1::2]
    sites = bundle.sites(chrom)
    af = sites.af if sites.af is not None else np.full(len(sites), np.nan, np.float32)
    af = np.where(np.isnan(af[rows]), people.mean(1) / 2, af[rows]).astype(np.float32)
    if not arrays:
        inputs = np.unique(np.concatenate([tile.inputs for tile in bundle.tiles(chrom)]))[::EVERY]
        arrays = {"every tenth input": sites.pos[inputs]}
    imputer = DaeImputer(bundle, chrom)
    table = []
    for name, positions in arrays.items():
        typed = np.isin(sites.pos[rows], positions)
        shown = TypedGenotypes(rows[typed], people[typed], np.full(people.shape[1], 2, np.int8), False)
        ds = np.empty(people.shape, np.float32)
        for block in imputer.impute(range(len(imputer.tiles)), shown):
            low, high = np.searchsorted(rows, [block.first, block.first + len(block.gp)])
            gp = block.gp[rows[low:high] - block.first]
            ds[low:high] = gp[..., 1] + 2 * gp[..., 2]
        table.append({"array": name, "people": people.shape[1], "bins": score_bins(ds, people, af, ~typed)})
    return table
