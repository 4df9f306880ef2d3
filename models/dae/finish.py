"""The end of a training: calibration and accuracy on held-out people, what the weights tell, the bundle on disk."""

from __future__ import annotations

import datetime
import importlib.metadata
import shutil
from dataclasses import asdict
from typing import Any

import numpy as np

from genotypes.manifest import BundleManifest, ChromosomeEntry
from genotypes.sites import SiteTable, write_sites_bcf
from models.bundle_folder import seal
from models.dae import evaluate, privacy
from models.dae.architecture import ARCHITECTURES, PUBLISHED_DENSE, TileModel
from models.dae.bundle import write_tiles
from models.dae.plan import Plan, TrainOptions, masks_of


def write_bundle(
    plan: Plan, nets: list[TileModel], o: TrainOptions, training: dict[str, Any] | None = None
) -> BundleManifest:
    """Calibrate, score and write; the folder appears whole or not at all. `training` is added to the manifest's."""
    sites = plan.panel.sites
    chrom = sites.chrom.removeprefix("chr")
    tile_of = np.zeros(len(sites), np.int32)
    for tile in plan.tiles:
        tile_of[tile.first : tile.end] = tile.index
    af = plan.panel.haplotypes.mean(1, dtype=np.float32)
    table = SiteTable(chrom, sites.pos, sites.ref, sites.alt, sites.id, af, tile_of)
    people = plan.panel.haplotypes[:, 2 * plan.held_out] + plan.panel.haplotypes[:, 2 * plan.held_out + 1]
    reading = ARCHITECTURES[o.architecture]
    calibration, accuracy = evaluate.assess(plan.tiles, nets, people, af, plan.arrays, reading)
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
            architecture=_architecture(nets[0], o),
            files={},
            accuracy=accuracy,
            calibration=calibration.as_dict() if calibration else {},
            training={
                "fit": asdict(o.fit),
                "masks": asdict(masks_of(o)),
                "mosaic": asdict(o.mosaic) | {"clusters": int(plan.clusters.max()) + 1},
                "arrays": sorted(plan.arrays),
                "seed": o.seed,
                "tile_cm": o.tile_cm,
                "privacy": privacy.measure(plan.tiles, nets, plan.panel, plan.held_out, o.seed),
            }
            | ({"dense": asdict(o.dense)} if o.architecture == PUBLISHED_DENSE else {})
            | (training or {}),
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            software=f"tessera {importlib.metadata.version('tessera')}",
        ),
    )
    partial.rename(o.out)
    return BundleManifest.read(o.out)


def _architecture(first: TileModel, o: TrainOptions) -> dict[str, Any]:
    """What the manifest says of the networks; the published way shows no haplotypes in training."""
    if o.architecture == PUBLISHED_DENSE:
        return {"kind": PUBLISHED_DENSE, "haplotypes": False, "weights": "int8"}
    return {"kind": o.architecture, "context_cm": o.context} | first.options.as_dict()
