"""Make a bundle of haplotypes from a phased panel; rates and accuracy come from people held out for them."""

from __future__ import annotations

import datetime
import importlib.metadata
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.arrays import read_arrays
from genotypes.manifest import BundleManifest, ChromosomeEntry
from genotypes.maps import GeneticMap
from genotypes.panel import read_panel
from genotypes.sites import SiteTable, write_sites_bcf
from models.bundle_folder import seal
from models.dae.plan import split_people
from models.haplotypes.bundle import KIND
from models.haplotypes.engine import LEARNED, CopyingImputer, CopyingOptions
from models.haplotypes.learn import accuracy_table, cut_tiles, learn_rates
from models.haplotypes.resample import Stretches
from models.haplotypes.synthetic import Disguise, persons_of

EVERY = 5  # without arrays every so-manieth common site stands for a typed one
COMMON = 0.05  # minor-allele frequency from which a site is common


@dataclass(frozen=True)
class LibraryOptions:
    """What `tessera bundle train` is told of a bundle of haplotypes."""

    panel: Path
    map: Path | None
    out: Path
    name: str
    build: str
    chrom: str | None = None
    arrays: Path | None = None
    version: str = "1"
    species: str = "Homo sapiens"
    panel_name: str = ""
    licence: str = "unspecified"
    tile_sites: int = 60_000  # at most
    tile_cm: float = 12.0
    context: float = 2.5  # cM on both sides of a tile
    held_out: float = 0.05
    seed: int = 1
    model: CopyingOptions = field(default_factory=CopyingOptions)  # rates in it are where learning starts
    disguise: Disguise = field(default_factory=Disguise)


def train_library(o: LibraryOptions, progress: Callable[[float, float, float], None]) -> BundleManifest:
    """Learn the rates, score, and write the bundle to `o.out`.

    Args:
        o: options.
        progress: called with switch rate, error and loss of each trial.

    Raises:
        TesseraError: `setup_invalid` when `o.out` exists or no array has two sites of the panel; what `read_panel`
            raises.
    """
    if o.out.exists():
        raise TesseraError(Code.setup_invalid, f"{o.out} exists already; remove it or name another folder.")
    panel = o.disguise.panel(read_panel(o.panel, o.chrom))
    chrom = panel.sites.chrom.removeprefix("chr")
    genetic_map = GeneticMap.read(o.map, chrom) if o.map else GeneticMap.uniform()
    cm = genetic_map.cm(panel.sites.pos)
    tiles = cut_tiles(cm, o.tile_sites, o.tile_cm, o.context)
    arrays = _arrays(o, chrom, panel.sites.pos, panel.haplotypes)
    held_out, kept = split_people(panel.haplotypes.shape[1] // 2, o.held_out, o.seed)
    people = panel.haplotypes[:, 2 * held_out] + panel.haplotypes[:, 2 * held_out + 1]
    others = np.ascontiguousarray(panel.haplotypes[:, kept])
    sites = panel.sites
    seen = SiteTable(chrom, sites.pos, sites.ref, sites.alt, sites.id, others.mean(1, dtype=np.float32))
    persons = persons_of(panel.haplotypes.shape[1], len(panel.samples))
    library = o.disguise.library(others, cm, persons[kept], Stretches())
    model = learn_rates(seen, tiles, library, people, arrays, o.model, progress)
    accuracy = accuracy_table(CopyingImputer(seen, tiles, library, model), people, arrays)

    tile_of = np.zeros(len(sites), np.int32)
    for tile in tiles:
        tile_of[tile.first : tile.end] = tile.index
    af = panel.haplotypes.mean(1, dtype=np.float32)
    table = SiteTable(chrom, sites.pos, sites.ref, sites.alt, sites.id, af, tile_of)
    partial = o.out.with_name(o.out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / chrom).mkdir(parents=True)
    write_sites_bcf(partial / chrom / "sites.bcf", [table], {chrom: None}, o.build)
    rows = [
        {"index": t.index, "first": t.first, "end": t.end, "low": int(t.inputs[0]), "high": int(t.inputs[-1]) + 1}
        for t in tiles
    ]
    copied = Stretches()
    o.disguise.library(panel.haplotypes, cm, persons, copied).write(partial / chrom / "haplotypes.safetensors", rows)
    entry = ChromosomeEntry(
        sites=len(sites),
        inputs=len(sites),
        tiles=len(tiles),
        first=int(sites.pos[0]),
        last=int(sites.pos[-1]),
        length=None,
        sites_file=f"{chrom}/sites.bcf",
        tiles_file=f"{chrom}/haplotypes.safetensors",
    )
    manifest = BundleManifest(
        name=o.name,
        version=o.version,
        species=o.species,
        build=o.build,
        chromosomes={chrom: entry},
        panel={
            "name": o.panel_name or o.panel.name,
            "samples": len(panel.samples),
            "haplotypes": int(panel.haplotypes.shape[1]),
            "held_out": len(held_out),
        },
        licence=o.licence,
        architecture={"kind": KIND, "context_cm": o.context}
        | o.disguise.architecture()
        | {name: getattr(model, name) for name in LEARNED},
        files={},
        accuracy=accuracy,
        training={"arrays": sorted(arrays), "seed": o.seed} | o.disguise.training(copied),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        software=f"tessera {importlib.metadata.version('tessera')}",
    )
    seal(partial, manifest)
    partial.rename(o.out)
    return BundleManifest.read(o.out)


def _arrays(
    o: LibraryOptions, chrom: str, pos: NDArray[np.int32], haplotypes: NDArray[np.int8]
) -> dict[str, NDArray[np.bool_]]:
    """(V,) bool for each array with at least two sites of the panel."""
    found = read_arrays(o.arrays, chrom) if o.arrays else {}
    arrays = {name: np.isin(pos, positions) for name, positions in found.items()}
    if not o.arrays:
        af = haplotypes.mean(axis=1)
        common = np.flatnonzero(np.minimum(af, 1 - af) >= COMMON)[::EVERY]
        every = np.zeros(len(pos), bool)
        every[common] = True
        arrays = {"every fifth common site": every}
    arrays = {name: typed for name, typed in arrays.items() if typed.sum() >= 2}
    if not arrays:
        raise TesseraError(Code.setup_invalid, "Fewer than two sites of the panel are on the arrays given.")
    return arrays
