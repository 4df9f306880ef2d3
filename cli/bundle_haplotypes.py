"""What `tessera bundle show` says of a bundle of haplotypes: its model, tiles, frequencies and calibration slopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from cli.bundle_tables import show_disguise, show_privacy
from cli.histograms import bars, histogram
from cli.plain import out

if TYPE_CHECKING:
    from models.haplotypes.bundle import HaplotypeBundle

COLUMNS: Final = ("chrom", "tile", "first", "span kb", "sites", "reads", "haplotypes", "doubted")
DOUBTED: Final = 0.9  # slope below which a site is called so
_SLOPES: Final = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.01)


@dataclass(frozen=True)
class LibraryFacts:
    """Rows of the tile table, as words, and plots by name."""

    rows: list[list[str]]
    drawn: dict[str, str]
    doubted: int  # sites


def describe_library(bundle: HaplotypeBundle) -> LibraryFacts:
    """Read what the tables and plots are of, a chromosome at a time."""
    from models.maf import MAF_EDGES, maf_bins

    rows: list[list[str]] = []
    frequencies, slopes, sizes = np.zeros(len(MAF_EDGES) - 1, int), np.zeros(len(_SLOPES) - 1, int), []
    doubted = 0
    for chrom in bundle.chromosomes:
        library, sites = bundle.library(chrom), bundle.sites(chrom)
        slope = library.slopes(np.arange(len(sites), dtype=np.int32))
        minor = (library.counts()[0] / library.haplotypes).astype(np.float32)
        frequencies += np.bincount(maf_bins(minor), minlength=len(frequencies))
        slopes += np.histogram(slope, _SLOPES)[0]
        for tile in bundle.tiles(chrom):
            own = slice(tile.first, tile.end)
            first, last = int(sites.pos[tile.first]), int(sites.pos[tile.end - 1])
            bad = int((slope[own] < DOUBTED).sum())
            numbers = (tile.index, first, round((last - first + 1) / 1e3), tile.end - tile.first, len(tile.inputs))
            rows.append([chrom, *map(str, numbers), str(library.haplotypes), str(bad)])
            sizes.append(tile.end - tile.first)
            doubted += bad
    drawn = {
        "sites": histogram("sites of a tile", sizes),
        "maf": bars("sites by minor-allele frequency", _named(MAF_EDGES, frequencies), "sites"),
        "slopes": bars(f"slopes of all but {slopes[-1]:,} good sites", _named(_SLOPES, slopes[:-1]), "sites"),
    }
    return LibraryFacts(rows, drawn, doubted)


def show_library(bundle: HaplotypeBundle, facts: LibraryFacts) -> None:
    """Print the model and the tiles."""
    told = dict(bundle.manifest.architecture)
    holds = told.pop("holds", "the haplotypes of the panel's people, without names")
    out.print(f"Holds {holds}. Model: {', '.join(f'{name} {value}' for name, value in told.items())}.")
    show_disguise(bundle.manifest, out)
    if "privacy" in bundle.manifest.training or "synthetic" in bundle.manifest.training:
        show_privacy(bundle.manifest, out)
    table = Table(*COLUMNS, title="Tiles")
    for row in facts.rows:
        table.add_row(*row)
    out.print(table)
    out.print(
        f"Doubted are {facts.doubted:,} sites, where the panel's people have less than {DOUBTED:g} of what copying "
        "from the others says (calibration slope)."
    )
    chromosomes = bundle.manifest.training.get("chromosomes", {})
    if chromosomes:
        out.print(accuracy_by_chromosome(chromosomes))


def accuracy_by_chromosome(chromosomes: Mapping[str, Any]) -> Table:
    """The mean over the arrays of each chromosome's r2, by MAF."""
    edges: list[dict[str, Any]] = next((array["bins"] for one in chromosomes.values() for array in one["accuracy"]), [])
    head = (f"<={one['maf'][1]:g}" for one in edges)
    table = Table("chrom", "arrays", "sites scored", *head, title="Aggregate r2 by chromosome, mean of the arrays")
    for name, one in chromosomes.items():
        columns = zip(*([row["r2"] for row in array["bins"]] for array in one["accuracy"]), strict=True)
        known = [[r2 for r2 in column if r2 is not None] for column in columns]
        cells = [f"{sum(values) / len(values):.3f}" if values else "-" for values in known]
        table.add_row(name, str(len(one["accuracy"])), f"{one['scored_sites']:,}", *cells)
    return table


def _named(edges: tuple[float, ...], counts: NDArray[np.int64]) -> dict[str, int]:
    names = [f"{a:g}-{b:g}" for a, b in pairwise(edges)]
    return dict(zip(names, counts.tolist(), strict=False))  # the last classes may be left out
