"""Published tiles to a bundle of ours: one sites.bcf and one tiles.safetensors for each chromosome, no pickles."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.manifest import BundleManifest, ChromosomeEntry
from genotypes.sites import SiteTable, write_sites_bcf
from models.bundle_folder import seal
from models.dae.architecture import PUBLISHED_DENSE
from models.dae.published.layout import TileFiles, find_tiles
from models.dae.published.network import DenseOptions
from models.dae.published.ownership import merge, owners, runs
from models.dae.published.params import Params, read_params
from models.dae.published.positions import Positions, read_positions, site_table
from models.dae.published.tensor_file import TensorFileWriter, TensorPlan
from models.dae.published.weights import in_site_order, load_state, state_shapes

Precision = Literal["float32", "float16"]
_DTYPES: Final[dict[Precision, torch.dtype]] = {"float32": torch.float32, "float16": torch.float16}
Progress = Callable[[int, int], None]
"""Called with the number of tiles done and of all tiles; may raise to abort."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What `tessera bundle import` is told."""

    source: Path
    out: Path
    name: str
    build: str
    weights: Precision = "float32"
    version: str = "1"
    species: str = "Homo sapiens"
    panel_name: str = "unknown"
    licence: str = "unspecified"


@dataclass(frozen=True, slots=True, eq=False)
class _Chromosome:
    """The tiles of one chromosome, read but for their weights."""

    name: str
    files: list[TileFiles]
    params: list[Params]
    rows: list[NDArray[np.int32]]  # for each tile (L,) the site of each line of its .pos file
    sites: SiteTable
    runs: list[tuple[int, int, int]]  # tile, first and end site


def import_bundle(o: ImportOptions, progress: Progress) -> BundleManifest:
    """Read every tile under `o.source` and write the bundle `o.out`, which appears whole or not at all.

    Raises:
        TesseraError: `setup_invalid` when `o.out` exists, `import_invalid` when a file is not as published.
    """
    if o.out.exists():
        raise TesseraError(Code.setup_invalid, f"{o.out} exists already; remove it or name another folder.")
    files = find_tiles(o.source)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, len(files))

    partial = o.out.with_name(o.out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        entries: dict[str, ChromosomeEntry] = {}
        counts = {"tiles": 0, "finished": 0, "sites_in_overlaps": 0}
        for name, tiles in groupby(files, lambda one: one.chrom):
            chromosome = _read(name, list(tiles))
            entries[name] = _write(chromosome, partial / name, o, step)
            counts["tiles"] += len(chromosome.files)
            counts["finished"] += sum(one.finished for one in chromosome.files)
            counts["sites_in_overlaps"] += _shared_sites(chromosome)
        seal(partial, _manifest(o, entries, counts))
        partial.rename(o.out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return BundleManifest.read(o.out)


def _read(name: str, files: list[TileFiles]) -> _Chromosome:
    """Settings and sites of all tiles, and who owns what."""
    found: list[Positions] = [read_positions(one.positions, name) for one in files]
    params = [read_params(one.params, len(sites.keys)) for one, sites in zip(files, found, strict=True)]
    keys, rows = merge([one.keys for one in found])
    owner = owners(keys >> 4, rows)
    ids = np.full(len(keys), ".", object)
    for one, held in zip(found, rows, strict=True):
        named = np.array(one.ids, object)
        ids[held[named != "."]] = named[named != "."]
    parts = runs(owner)
    tile = np.zeros(len(keys), np.int32)
    for index, (_, first, end) in enumerate(parts):
        tile[first:end] = index
    return _Chromosome(name, files, params, rows, site_table(name, keys, ids.tolist(), tile), parts)


def _write(one: _Chromosome, folder: Path, o: ImportOptions, step: Callable[[], None]) -> ChromosomeEntry:
    """Write the sites and, a tile at a time, the weights; a tile that owns no site is left out."""
    folder.mkdir(parents=True)
    write_sites_bcf(folder / "sites.bcf", [one.sites], {one.name: None}, o.build)
    inputs = [np.unique(rows).astype(np.int32) for rows in one.rows]
    used = sorted({tile for tile, _, _ in one.runs})
    dtype = _DTYPES[o.weights]
    plan = {f"t{tile}.inputs": TensorPlan(torch.int32, inputs[tile].shape) for tile in used}
    for tile in used:
        shapes = state_shapes(_widths(one.params[tile], len(inputs[tile])))
        plan |= {f"t{tile}.{name}": TensorPlan(dtype, shape) for name, shape in shapes.items()}
    table = [
        {
            "index": index,
            "first": first,
            "end": end,
            "weights": tile,
            "network": _options(one.params[tile], inputs[tile], first, end).as_dict(),
        }
        for index, (tile, first, end) in enumerate(one.runs)
    ]
    metadata = {"tiles": json.dumps(table), "published": json.dumps(_origin(one))}
    with TensorFileWriter(folder / "tiles.safetensors", plan, metadata) as out:
        for tile in used:
            out.write(f"t{tile}.inputs", torch.from_numpy(inputs[tile]))
        for tile, (files, params) in enumerate(zip(one.files, one.params, strict=True)):
            state = in_site_order(load_state(files.weights, params.widths), one.rows[tile])
            for name in state_shapes(params.widths) if tile in used else ():
                out.write(f"t{tile}.{name}", _rounded(files, state[name], dtype))
            step()
    return ChromosomeEntry(
        sites=len(one.sites),
        inputs=len(one.sites),
        tiles=len(one.runs),
        first=int(one.sites.pos[0]),
        last=int(one.sites.pos[-1]),
        length=None,
        sites_file=f"{one.name}/sites.bcf",
        tiles_file=f"{one.name}/tiles.safetensors",
    )


def _widths(params: Params, sites: int) -> tuple[int, ...]:
    """Widths of a network whose repeated sites were folded."""
    return (2 * sites, *params.widths[1:-1], 2 * sites)


def _options(params: Params, inputs: NDArray[np.int32], first: int, end: int) -> DenseOptions:
    """The network of one run of owned sites."""
    return DenseOptions(
        widths=_widths(params, len(inputs)),
        activation=params.activation,
        n_layers=params.n_layers,
        size_ratio=params.size_ratio,
        offset=int(np.searchsorted(inputs, first)),
        outputs=end - first,
    )


def _rounded(files: TileFiles, value: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    rounded = value.to(dtype)
    if not bool(rounded.isfinite().all()):
        raise TesseraError(
            Code.import_invalid,
            f"The weights {files.weights.name} do not fit into 16 bits.",
            action="Import with --weights float32.",
        )
    return rounded


def _origin(one: _Chromosome) -> list[dict[str, Any]]:
    """What the file of weights says of every published tile."""
    return [
        {
            "weights": tile,
            "folder": files.folder.parent.name,
            "model": files.name,
            "sites": len(np.unique(one.rows[tile])),
            "owned": sum(end - first for owner, first, end in one.runs if owner == tile),
            "last_epoch": params.last_epoch,
            "avg_loss": params.avg_loss,
        }
        for tile, (files, params) in enumerate(zip(one.files, one.params, strict=True))
    ]


def _shared_sites(one: _Chromosome) -> int:
    """Sites that several tiles hold."""
    held = np.zeros(len(one.sites), np.int64)
    for rows in one.rows:
        held[np.unique(rows)] += 1
    return int((held > 1).sum())


def _manifest(o: ImportOptions, entries: dict[str, ChromosomeEntry], counts: dict[str, int]) -> BundleManifest:
    return BundleManifest(
        name=o.name,
        version=o.version,
        species=o.species,
        build=o.build,
        chromosomes=entries,
        panel={"name": o.panel_name},
        licence=o.licence,
        architecture={"kind": PUBLISHED_DENSE, "haplotypes": False, "weights": o.weights},
        files={},
        training={"published": counts},
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        software=f"tessera {importlib.metadata.version('tessera')}",
    )
