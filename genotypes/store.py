"""Genotypes of one chromosome in a folder: raw codes beside the site table, so that later stages map them into memory.

NAME.gt         codes, int8, C order (V, S), no header
NAME.sites.npz  the site table
NAME.rows.npy   (V,) int32 rows of another table (the bundle's), where the writer was given them
NAME.json       chromosome, shape, phase
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.sites import SiteTable

BLOCK_BYTES = 64 << 20  # genotypes held at once while a store is rewritten


class StoreWriter:
    """Writes a store block by block; nothing is readable before `close`."""

    def __init__(self, folder: Path, name: str, n_samples: int, chrom: str | None = None) -> None:
        """Start store `name` in `folder` (made when missing); `chrom` names an empty store, else `name` does."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name, self.n_samples = folder, name, n_samples
        self._chrom = chrom if chrom is not None else name
        self._tables: list[SiteTable] = []
        self._rows: list[NDArray[np.int32]] = []
        self._phased = True
        self._path = folder / f"{name}.gt"
        self._path.write_bytes(b"")

    def append(
        self,
        sites: SiteTable,
        codes: gt.Codes,
        *,
        phased: bool | None = None,
        rows: NDArray[np.int32] | None = None,
    ) -> None:
        """Add sites with their genotypes.

        Args:
            sites: V sites.
            codes: (V, S) int8.
            phased: every diploid call was written with '|'; when None, phased means no unphased heterozygote.
            rows: (V,) int32 rows of another table; given for every block or for none.
        """
        if codes.shape != (len(sites), self.n_samples):
            raise ValueError(f"codes of shape {codes.shape} for {len(sites)} sites and {self.n_samples} samples")
        if len(sites) == 0:
            return
        if rows is not None:
            self._rows.append(np.asarray(rows, np.int32))
        self._phased &= not bool((codes == gt.HET).any()) if phased is None else phased
        # Opened for each block, so that the stores of an upload may be more than a process may hold open.
        with self._path.open("ab") as file:
            file.write(np.ascontiguousarray(codes, np.int8).data)
        self._tables.append(sites)

    def close(self) -> None:
        """Write the site table and the facts."""
        sites = SiteTable.concatenate(self._tables, self._chrom)
        sites.save(self.folder / f"{self.name}.sites.npz")
        if self._rows:
            np.save(self.folder / f"{self.name}.rows.npy", np.concatenate(self._rows))
        facts = {
            "chrom": sites.chrom,
            "n_sites": len(sites),
            "n_samples": self.n_samples,
            "phased": self._phased and len(sites) > 0,
            "rows": bool(self._rows),
        }
        (self.folder / f"{self.name}.json").write_text(json.dumps(facts))

    def __enter__(self) -> Self:
        """Use as a context: closes on a clean exit, leaves the store unreadable otherwise."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, unless the block failed."""
        if kind is None:
            self.close()


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """Genotypes of one chromosome, mapped from disk."""

    sites: SiteTable
    codes: NDArray[np.int8]  # (V, S), a read-only memory map
    phased: bool
    rows: NDArray[np.int32] | None

    @property
    def chrom(self) -> str:
        """Contig name."""
        return self.sites.chrom

    @classmethod
    def open(cls, folder: Path, name: str) -> Self:
        """Open store `name`; FileNotFoundError when it is absent or unfinished."""
        facts = json.loads((folder / f"{name}.json").read_text())
        shape = (facts["n_sites"], facts["n_samples"])
        codes: NDArray[np.int8] = np.empty(shape, np.int8)
        if codes.size:
            codes = np.memmap(folder / f"{name}.gt", np.int8, "r", shape=shape)
        rows = np.load(folder / f"{name}.rows.npy") if facts["rows"] else None
        sites = SiteTable.load(folder / f"{name}.sites.npz")
        return cls(sites, codes, bool(facts["phased"]), rows)


def sort_store(folder: Path, name: str) -> int:
    """Sort a store by position, keeping the order of equal positions; memory stays bounded.

    Returns:
        How many sites lay before their predecessor; 0 means that nothing was rewritten.
    """
    store = Store.open(folder, name)
    steps = int((np.diff(store.sites.pos) < 0).sum())
    if steps == 0:
        return 0
    order = np.argsort(store.sites.pos, kind="stable")
    half = folder / f"{name}.gt.sorting"
    block = max(1, BLOCK_BYTES // max(1, store.codes.shape[1]))
    with half.open("wb") as out:
        for first in range(0, len(order), block):
            out.write(store.codes[order[first : first + block]].data)
    os.replace(half, folder / f"{name}.gt")
    store.sites.take(order).save(folder / f"{name}.sites.npz")
    if store.rows is not None:
        np.save(folder / f"{name}.rows.npy", store.rows[order])
    return steps
