"""Writing one tile batch: imputed sites, observed genotypes and typed-only sites in position order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.cell_sums import sum_cells
from genotypes.cells import Cells, Layout, tables
from genotypes.fragment import FragmentWriter
from genotypes.quality import SiteQuality, SiteSums
from genotypes.sites import SiteTable
from genotypes.tbi import places_of
from worker.pipeline.folder import Harmonised, HarmonisedChromosome
from worker.pipeline.regions import Region, parts, regions_of
from worker.pipeline.types import OutputOptions

PIECE = "piece.bgzf"
QUALITY = "quality.npz"


def exact_sums(
    items: Cells,
    layout: Layout,
    observed: gt.Codes,
    observed_rows: NDArray[np.int32],
    hidden_ds: NDArray[np.float32] | None,
    sums: NDArray[np.int64] | None = None,
) -> SiteSums:
    """Sums over V sites in thousandths of a dosage, so that any split into sample batches merges to the same bits.

    Args:
        items: (V, S) int32 items, observed genotypes in them.
        layout: the samples.
        observed: (T, S) int8 codes of the typed sites.
        observed_rows: (T,) int32 rows of those sites among the V.
        hidden_ds: (V, S) float32 dosages with the own genotype hidden, NaN where untyped; or None.
        sums: (7, V) of `sum_cells` where they are known.
    """
    if sums is None:
        held = tables(layout.phased)
        sums = sum_cells(items, held.thousandths, held.square, layout.ploidy)
    hidden = None if hidden_ds is None else np.rint(hidden_ds[observed_rows].astype(np.float64) * 1000)
    return SiteSums.of(sums, layout.ploidy, hidden, observed, observed_rows)


def quality_of(sums: SiteSums, haplotypes: int | None) -> SiteQuality:
    """INFO values from `exact_sums` and the number of haplotypes in the bundle's panel, where that is known."""
    powers = np.array([1, 1, 1e3, 1, 1e6, 1e3])[:, None]
    return SiteSums(
        sums.alleles,
        sums.alleles2,
        sums.ds / 1e3,
        sums.ds2 / 1e6,
        sums.ploidy_ds / 1e3,
        sums.square / 1e3,
        sums.ds2_var / 1e9,
        sums.ploidy_ds_var / 1e6,
        sums.ploidy2_var / 1e3,
        sums.imputed,
        sums.hidden / powers,
    ).quality(0.0 if haplotypes is None else 1 / (haplotypes + 1))


def join_sums(parts: list[SiteSums]) -> SiteSums:
    """Sums of consecutive sites, one after another."""
    return SiteSums(*(np.concatenate([getattr(part, one.name) for part in parts], axis=-1) for one in fields(SiteSums)))


def slice_sums(sums: SiteSums, first: int, end: int) -> SiteSums:
    """Sums of the sites `first` to `end`."""
    return SiteSums(*(getattr(sums, one.name)[..., first:end] for one in fields(SiteSums)))


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Typed sites of consecutive rows."""

    codes: NDArray[np.int8]  # (T, S)
    rows: NDArray[np.int32]  # (T,) counted from the first of those rows


class Typed:
    """The harmonised genotypes of one chromosome, for some of its samples."""

    def __init__(
        self, harmonised: Harmonised, one: HarmonisedChromosome, table: SiteTable, first: int, end: int
    ) -> None:
        """Map the stores; samples `first` to `end` are seen. `table` holds the bundle's sites of the chromosome."""
        store, only = harmonised.typed(one), harmonised.only(one)
        empty = np.empty(0, np.int32)
        self.rows = empty if store.rows is None else store.rows
        self.only_rows = empty if only.rows is None else only.rows
        self.only_sites = only.sites
        self._codes, self._only_codes = store.codes, only.codes
        self._samples = slice(first, end)
        self.regions = regions_of(harmonised, one, table, self._samples)
        self.layout = self.regions[0].layout

    def observed(self, first: int, end: int) -> Observed:
        """Genotypes of the typed sites among the bundle rows `first` to `end`."""
        low, high = np.searchsorted(self.rows, (first, end))
        return Observed(
            np.ascontiguousarray(self._codes[low:high, self._samples]), self.rows[low:high] - np.int32(first)
        )

    def rows_between(self, first: int, end: int) -> NDArray[np.int32]:
        """Typed sites among the bundle rows `first` to `end`, counted from the first."""
        low, high = np.searchsorted(self.rows, (first, end))
        return self.rows[low:high] - np.int32(first)

    def parts(self, first: int, end: int) -> list[tuple[int, int, Region]]:
        """The bundle rows `first` to `end`, cut where ploidy changes."""
        return parts(self.regions, first, end)

    def only_parts(self, low: int, high: int) -> Iterator[tuple[int, int, Layout]]:
        """The typed-only sites `low` to `high`, cut where ploidy changes."""
        for region in self.regions:
            until = low + int(np.searchsorted(self.only_sites.pos[low:high], region.last, side="right"))
            if low < until:
                yield low, until, region.layout
            low = until

    def only_codes(self, low: int, high: int) -> NDArray[np.int8]:
        """(T, S) genotypes of the typed-only sites `low` to `high`."""
        return np.ascontiguousarray(self._only_codes[low:high, self._samples])


@dataclass(frozen=True, slots=True, eq=False)
class PieceQuality:
    """What the report wants to know of the V bundle sites of a piece."""

    maf: NDArray[np.float32]
    r2: NDArray[np.float32]
    er2: NDArray[np.float32]
    typed: NDArray[np.bool_]
    written: NDArray[np.bool_]
    typed_only: int

    def save(self, path: Path) -> None:
        """Write an .npz."""
        arrays = {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}
        np.savez(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(data["maf"], data["r2"], data["er2"], data["typed"], data["written"], int(data["typed_only"]))


class PieceWriter:
    """One tile batch on its way into a BGZF piece; blocks come in row order and without gaps."""

    def __init__(
        self, path: Path, sites: SiteTable, typed: Typed, contig: int, first: int, end: int, output: OutputOptions
    ) -> None:
        """Start the piece of the bundle rows `first` to `end`; `typed` must see all samples."""
        self._path = path
        self._out = FragmentWriter(path, typed.layout, output.kind, contig=contig, threads=output.threads)
        self._sites, self._typed, self._r2_min = sites, typed, output.r2_min
        self._next, self._end = first, end
        self._typed_only = 0
        self._quality: list[SiteQuality] = []
        self._masks: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = []

    def write(self, items: Cells, quality: SiteQuality) -> None:
        """Write the next V sites: (V, S) items with observed genotypes in them, not to be changed later, and INFO."""
        first, end = self._next, self._next + len(items)
        typed = np.zeros(len(items), bool)
        typed[self._typed.rows_between(first, end)] = True
        keep = np.ones(len(items), bool)
        if self._r2_min > 0:
            keep = typed | (quality.r2 >= self._r2_min)
        low, high = np.searchsorted(self._typed.only_rows, (first, end))
        at = first
        while low < high:
            row = int(self._typed.only_rows[low])
            until = int(np.searchsorted(self._typed.only_rows, row, side="right"))
            self._write_bundle(first, at, row, items, quality, typed, keep)
            self._write_only(int(low), until)
            low, at = until, row
        self._write_bundle(first, at, end, items, quality, typed, keep)
        self._quality.append(quality)
        self._masks.append((typed, keep))
        self._next = end

    def close(self) -> PieceQuality:
        """Finish the piece, with the typed-only sites behind the chromosome's last site where it ends there."""
        if self._next != self._end:
            raise ValueError(f"the engine stopped at site {self._next} of {self._end}")
        if self._end == len(self._sites):
            low = int(np.searchsorted(self._typed.only_rows, self._end))
            self._write_only(low, len(self._typed.only_rows))
        self._out.close()
        if (places := self._out.places()) is not None:
            places.save(places_of(self._path))
        return PieceQuality(
            maf=np.concatenate([one.maf for one in self._quality]),
            r2=np.concatenate([one.r2 for one in self._quality]),
            er2=np.concatenate([one.er2 for one in self._quality]),
            typed=np.concatenate([typed for typed, _ in self._masks]),
            written=np.concatenate([keep for _, keep in self._masks]),
            typed_only=self._typed_only,
        )

    def __enter__(self) -> Self:
        """Use as a context; the caller closes it to get the quality."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the file after an error."""
        if kind is not None:
            self._out.__exit__(kind, error, trace)

    def _write_bundle(
        self,
        first: int,
        low: int,
        high: int,
        items: Cells,
        quality: SiteQuality,
        typed: NDArray[np.bool_],
        keep: NDArray[np.bool_],
    ) -> None:
        """Write the bundle rows `low` to `high` of a block that starts at row `first`."""
        if low == high:
            return
        rows = np.flatnonzero(keep[low - first : high - first]) + (low - first)
        picked = slice(low - first, high - first) if len(rows) == high - low else rows
        self._out.write_items(self._sites.take(rows + first), items[picked], quality.take(picked), typed[picked])

    def _write_only(self, low: int, high: int) -> None:
        """Write the typed-only sites `low` to `high`."""
        for first, end, layout in self._typed.only_parts(low, high):
            self._out.write_typed_only(
                self._typed.only_sites.slice(first, end), self._typed.only_codes(first, end), layout
            )
        self._typed_only += max(0, high - low)
