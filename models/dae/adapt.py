"""A bundle meets its training panel again: to be fitted to one array, or to be tested for what its weights tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from errors import Code, TesseraError
from genotypes.arrays import read_manifest
from genotypes.clusters import cluster_people
from genotypes.manifest import BundleManifest
from genotypes.maps import GeneticMap
from genotypes.panel import Panel, read_panel
from models.dae import privacy
from models.dae.bundle import Bundle
from models.dae.finish import write_bundle
from models.dae.fit import FitOptions, fit_tile
from models.dae.plan import Plan, TrainOptions, objective_of, sampler_of, split_people
from models.dae.quantise import pack, unpack
from models.dae.samples import MaskOptions
from models.dae.work import WorkFolder
from models.protocol import Tile


@dataclass(frozen=True)
class AdaptOptions:
    """What `tessera bundle adapt` is told."""

    panel: Path
    map: Path | None
    array: Path  # manifest of one array
    out: Path
    chrom: str | None = None
    device: str = "cpu"
    fit: FitOptions = field(default_factory=lambda: FitOptions(steps=500, rate=3e-4, warmup=50))
    masks: MaskOptions = field(default_factory=lambda: MaskOptions(array_share=0.95, array_missing=0.1))


def panel_of(bundle: Bundle, path: Path, chrom: str | None = None) -> tuple[Panel, np.ndarray[Any, np.dtype[np.int64]]]:
    """The training panel of a bundle, and the people whom training left out.

    Raises:
        TesseraError: `setup_invalid` when it is another panel, or the bundle does not say who was left out.
    """
    manifest = bundle.manifest
    panel = read_panel(path, chrom)
    sites = bundle.sites(panel.sites.chrom.removeprefix("chr"))
    same = len(sites) == len(panel.sites) and np.array_equal(sites.pos, panel.sites.pos)
    if not same or list(sites.alt) != list(panel.sites.alt) or len(panel.samples) != manifest.panel.get("samples"):
        raise TesseraError(Code.setup_invalid, f"{path.name} is not the panel that {manifest.id} was trained on.")
    if "held_out" not in manifest.panel or "seed" not in manifest.training:
        raise TesseraError(Code.setup_invalid, f"{manifest.id} does not say whom its training left out.")
    people = panel.haplotypes.shape[1] // 2
    held_out, _ = split_people(people, manifest.panel["held_out"] / people, manifest.training["seed"])
    return panel, held_out


def adapt(
    bundle: Bundle, o: AdaptOptions, progress: Callable[[Tile, int, float], None] = lambda tile, step, loss: None
) -> BundleManifest:
    """Go on training every tile with one array's view of the panel, and write the result as a new bundle.

    The array's sites that no tile reads are not used. Stopped, it goes on from its checkpoints in OUT.work.

    Raises:
        TesseraError: `setup_invalid` when `o.out` exists, the bundle is of another kind, or the array types fewer than
            two of its inputs; what `panel_of` raises.
    """
    manifest = bundle.manifest
    if o.out.exists():
        raise TesseraError(Code.setup_invalid, f"{o.out} exists already; remove it or name another folder.")
    if manifest.architecture.get("kind") != "tile-dae" or len(bundle.chromosomes) != 1:
        raise TesseraError(Code.setup_invalid, "Only bundles of one chromosome that Tessera trained can be adapted.")
    panel, held_out = panel_of(bundle, o.panel, o.chrom)
    chrom = panel.sites.chrom.removeprefix("chr")
    kept = np.setdiff1d(np.arange(panel.haplotypes.shape[1] // 2), held_out)
    typed = np.isin(panel.sites.pos, read_manifest(o.array))
    tiles = bundle.tiles(chrom)
    used = int(typed[np.unique(np.concatenate([tile.inputs for tile in tiles]))].sum())
    if used < 2:
        raise TesseraError(Code.setup_invalid, f"{o.array.name} types fewer than two of the bundle's input sites.")
    name = o.array.parent.name or o.array.stem
    seed = manifest.training["seed"]
    genetic_map = GeneticMap.read(o.map, chrom) if o.map else GeneticMap.uniform()
    plan = Plan(
        panel=panel,
        cm=genetic_map.cm(panel.sites.pos),
        arrays={name: typed},
        tiles=tiles,
        held_out=held_out,
        kept=np.sort(np.concatenate([2 * kept, 2 * kept + 1])),
        clusters=np.repeat(cluster_people(panel.haplotypes, kept, seed), 2),
    )
    options = TrainOptions(
        panel=o.panel,
        map=o.map,
        out=o.out,
        name=o.out.name,
        build=manifest.build,
        version=manifest.version,
        species=manifest.species,
        panel_name=manifest.panel["name"],
        licence=manifest.licence,
        context=manifest.architecture.get("context_cm", 0.0),
        seed=seed,
        device=o.device,
        fit=o.fit,
        masks=o.masks,
    )
    work = WorkFolder(options.work_folder)
    work.agree("plan.json", {"adapts": manifest.id, "array": name, "sites": used})
    nets = []
    for tile in tiles:
        net = bundle.load(chrom, tile.index)
        for p in net.parameters():
            p.requires_grad_(True)
        objective = objective_of(plan, tile, net, options)

        def tell(step: int, loss: float, tile: Tile = tile) -> None:
            work.report(tile.index, step, o.fit.steps, loss)
            progress(tile, step, loss)

        checkpoint = work.checkpoint(tile.index)
        net = fit_tile(
            net, o.fit, sampler_of(plan, tile, options), objective, checkpoint, device=o.device, progress=tell
        ).cpu()
        net.load_state_dict(unpack(pack(net.state_dict())))
        nets.append(net)
    return write_bundle(plan, nets, options, {"adapted": {"from": manifest.id, "array": name, "input_sites": used}})


def privacy_test(bundle: Bundle, path: Path, chrom: str | None = None) -> dict[str, Any]:
    """The membership-inference test of one chromosome of a bundle against its training panel.

    Raises:
        TesseraError: what `panel_of` raises.
    """
    panel, held_out = panel_of(bundle, path, chrom)
    name = panel.sites.chrom.removeprefix("chr")
    tiles = bundle.tiles(name)
    nets = [bundle.load(name, tile.index) for tile in tiles]
    return privacy.measure(tiles, nets, panel, held_out, bundle.manifest.training["seed"])


def with_privacy(manifest: BundleManifest, found: dict[str, Any]) -> BundleManifest:
    """The manifest with the test's result in it."""
    return replace(manifest, training=manifest.training | {"privacy": found})
