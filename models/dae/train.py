"""Train a bundle from a phased panel: tiles, fit, calibration and accuracy on held-out people, the bundle on disk."""

from __future__ import annotations

import datetime
import importlib.metadata
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.arrays import read_arrays
from genotypes.clusters import cluster_people
from genotypes.manifest import BundleManifest, ChromosomeEntry
from genotypes.maps import GeneticMap
from genotypes.panel import Panel, read_panel
from genotypes.sites import SiteTable, write_sites_bcf
from models.dae import evaluate
from models.dae.bundle import seal, write_tiles
from models.dae.fit import FitOptions, fit_tile
from models.dae.network import NetworkOptions, TileNet
from models.dae.quantise import pack, unpack
from models.dae.samples import MaskOptions, MosaicOptions, Sampler
from models.dae.tiles import cut, make_tiles
from models.protocol import Tile


@dataclass(frozen=True)
class TrainOptions:
    """What `tessera bundle train` is told."""

    panel: Path
    map: Path | None
    out: Path
    name: str
    build: str
    chrom: str | None = None
    arrays: Path | None = None  # folder of ARRAY/chrN.* manifests; without it random masks only
    work: Path | None = None  # checkpoints; default OUT.work
    version: str = "1"
    species: str = "Homo sapiens"
    panel_name: str = ""
    licence: str = "unspecified"
    tile_sites: int = 8000
    tile_cm: float = 1.2
    context: float = 2.0  # cM on both sides of a tile
    held_out: float = 0.05  # share of the panel's people kept for calibration and accuracy
    common_input: float = 0.01  # MAF from which a site is an input when no arrays are given
    seed: int = 1
    device: str = "cpu"
    fit: FitOptions = field(default_factory=FitOptions)
    masks: MaskOptions = field(default_factory=MaskOptions)
    mosaic: MosaicOptions = field(default_factory=MosaicOptions)
    network: dict[str, int] = field(default_factory=dict)  # NetworkOptions other than inputs and outputs


@dataclass(frozen=True)
class Plan:
    """What is to be trained: the panel, its map positions, its tiles and its people."""

    panel: Panel
    cm: NDArray[np.float64]  # (V,)
    arrays: dict[str, NDArray[np.bool_]]  # (V,) bool for each array: the sites that it types
    tiles: list[Tile]
    held_out: NDArray[np.int64]  # people
    kept: NDArray[np.int64]  # haplotype columns of the others
    clusters: NDArray[np.int64]  # cluster of each kept haplotype


def split_people(people: int, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """People held out (at least one), and the haplotype columns of the people kept."""
    count = max(1, round(people * share))
    if count >= people:
        raise TesseraError(Code.setup_invalid, f"A panel of {people} people cannot hold out {count}.")
    held_out = np.sort(np.random.default_rng(seed).choice(people, count, replace=False))
    kept = np.setdiff1d(np.arange(people), held_out)
    return held_out, np.sort(np.concatenate([2 * kept, 2 * kept + 1]))


def make_plan(o: TrainOptions) -> Plan:
    """Read the panel, the map and the arrays, and cut the tiles.

    Raises:
        TesseraError: `setup_invalid` when fewer than two input sites or people are left; what `read_panel` raises.
    """
    panel = read_panel(o.panel, o.chrom)
    chrom = panel.sites.chrom.removeprefix("chr")
    genetic_map = GeneticMap.read(o.map, chrom) if o.map else GeneticMap.uniform()
    found = read_arrays(o.arrays, chrom) if o.arrays else {}
    arrays = {name: np.isin(panel.sites.pos, positions) for name, positions in found.items()}
    if arrays:
        inputs = np.flatnonzero(np.any(list(arrays.values()), axis=0))
    else:
        af = panel.haplotypes.mean(1)
        inputs = np.flatnonzero(np.minimum(af, 1 - af) >= o.common_input)
    if len(inputs) < 2:
        raise TesseraError(Code.setup_invalid, "Fewer than two sites of the panel are on the arrays given.")
    held_out, kept = split_people(panel.haplotypes.shape[1] // 2, o.held_out, o.seed)
    cm = genetic_map.cm(panel.sites.pos)
    tiles = make_tiles(cut(panel.haplotypes, o.tile_sites, cm, longest=o.tile_cm), inputs, cm, o.context)
    clusters = np.repeat(cluster_people(panel.haplotypes, kept[::2] // 2, o.seed), 2)
    return Plan(panel, cm, arrays, tiles, held_out, kept, clusters)


def frequencies(panel: Panel, tile: Tile) -> NDArray[np.float32]:
    """(V,) ALT frequency of the tile's sites in the panel."""
    af: NDArray[np.float32] = panel.haplotypes[tile.first : tile.end].mean(1, dtype=np.float32)
    return af


def sampler_of(plan: Plan, tile: Tile, o: TrainOptions) -> Sampler:
    """The source of training batches of one tile."""
    low = min(tile.first, int(tile.inputs[0])) if len(tile.inputs) else tile.first
    high = max(tile.end, int(tile.inputs[-1]) + 1) if len(tile.inputs) else tile.end
    window = np.ascontiguousarray(plan.panel.haplotypes[low:high][:, plan.kept].T)
    arrays = [typed[tile.inputs] for typed in plan.arrays.values()]
    outputs = slice(tile.first - low, tile.end - low)
    inputs = tile.inputs.astype(np.int64) - low
    seed = o.seed + tile.index
    return Sampler(window, plan.cm[low:high], inputs, outputs, arrays, o.mosaic, o.masks, seed, plan.clusters)


def train_tile(plan: Plan, tile: Tile, o: TrainOptions, work: Path, progress: Callable[[int, float], None]) -> TileNet:
    """Train one tile, or read it from its checkpoint, and round its weights as the bundle will."""
    options = NetworkOptions(len(tile.inputs), tile.end - tile.first, **o.network)
    checkpoint = work / f"tile-{tile.index}.pt"
    net = fit_tile(
        options,
        o.fit,
        sampler_of(plan, tile, o),
        frequencies(plan.panel, tile),
        checkpoint,
        device=o.device,
        progress=progress,
    ).cpu()
    net.load_state_dict(unpack(pack(net.state_dict())))
    return net


def train_bundle(o: TrainOptions, progress: Callable[[Tile, int, float], None]) -> BundleManifest:
    """Train every tile that has no finished checkpoint and write the bundle to `o.out`.

    Args:
        o: options.
        progress: called with the tile, the step and the mean loss.

    Returns:
        The manifest of the finished bundle.

    Raises:
        TesseraError: `setup_invalid` when `o.out` exists; what `make_plan` raises.
    """
    if o.out.exists():
        raise TesseraError(Code.setup_invalid, f"{o.out} exists already; remove it or name another folder.")
    torch.manual_seed(o.seed)
    plan = make_plan(o)
    work = o.work or o.out.with_name(o.out.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    nets = [
        train_tile(plan, tile, o, work, lambda step, loss, tile=tile: progress(tile, step, loss))  # type: ignore[misc]
        for tile in plan.tiles
    ]
    return write_bundle(plan, nets, o)


def write_bundle(plan: Plan, nets: list[TileNet], o: TrainOptions) -> BundleManifest:
    """Calibrate, score and write; the folder appears whole or not at all."""
    sites = plan.panel.sites
    chrom = sites.chrom.removeprefix("chr")
    tile_of = np.zeros(len(sites), np.int32)
    for tile in plan.tiles:
        tile_of[tile.first : tile.end] = tile.index
    af = plan.panel.haplotypes.mean(1, dtype=np.float32)
    table = SiteTable(chrom, sites.pos, sites.ref, sites.alt, sites.id, af, tile_of)
    people = plan.panel.haplotypes[:, 2 * plan.held_out] + plan.panel.haplotypes[:, 2 * plan.held_out + 1]
    calibration, accuracy = evaluate.assess(plan.tiles, nets, people, af, plan.arrays)
    partial = o.out.with_name(o.out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / chrom).mkdir(parents=True)
    write_sites_bcf(partial / chrom / "sites.bcf", [table], {chrom: None}, o.build)
    write_tiles(partial / chrom / "tiles.safetensors", plan.tiles, nets)
    entry = ChromosomeEntry(
        sites=len(sites),
        inputs=len(np.unique(np.concatenate([t.inputs for t in plan.tiles]))),
        tiles=len(plan.tiles),
        first=int(sites.pos[0]),
        last=int(sites.pos[-1]),
        length=None,
        sites_file=f"{chrom}/sites.bcf",
        tiles_file=f"{chrom}/tiles.safetensors",
    )
    seal(
        partial,
        BundleManifest(
            name=o.name,
            version=o.version,
            species=o.species,
            build=o.build,
            chromosomes={chrom: entry},
            panel={
                "name": o.panel_name or o.panel.name,
                "samples": len(plan.panel.samples),
                "haplotypes": int(plan.panel.haplotypes.shape[1]),
                "held_out": len(plan.held_out),
            },
            licence=o.licence,
            architecture={"kind": "tile-dae", "context_cm": o.context} | nets[0].options.as_dict(),
            files={},
            accuracy=accuracy,
            calibration=calibration.as_dict(),
            training={
                "fit": asdict(o.fit),
                "masks": asdict(o.masks),
                "mosaic": asdict(o.mosaic) | {"clusters": int(plan.clusters.max()) + 1},
                "arrays": sorted(plan.arrays),
                "seed": o.seed,
            },
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            software=f"tessera {importlib.metadata.version('tessera')}",
        ),
    )
    partial.rename(o.out)
    return BundleManifest.read(o.out)
