"""What is to be trained: the options, and the plan that panel, map and arrays make of them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.arrays import read_arrays
from genotypes.clusters import cluster_people
from genotypes.maps import GeneticMap
from genotypes.panel import Panel, read_panel
from models.dae.architecture import ARCHITECTURES, PUBLISHED_DENSE, TILE_DAE, TileModel, TileOptions
from models.dae.encoding import prior_logits
from models.dae.fit import FitOptions, Objective, WeightedCrossEntropy
from models.dae.network import NetworkOptions, TileNet
from models.dae.published.network import DenseNet
from models.dae.published.objective import DenseTraining, PublishedObjective
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
    architecture: str = TILE_DAE
    dense: DenseTraining = field(default_factory=DenseTraining)  # of the architecture published-dense

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {k: str(v.absolute()) if isinstance(v, Path) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """What `as_dict` wrote."""
        paths = {k: Path(data[k]) if data[k] else None for k in ("panel", "map", "out", "arrays", "work")}
        masks = data["masks"] | {"ramp": tuple(data["masks"]["ramp"]) if data["masks"]["ramp"] else None}
        parts = {
            "fit": FitOptions(**data["fit"]),
            "masks": MaskOptions(**masks),
            "mosaic": MosaicOptions(**data["mosaic"]),
            "dense": DenseTraining(**data["dense"]),
        }
        return cls(**{f.name: data[f.name] for f in fields(cls)} | paths | parts)

    @property
    def work_folder(self) -> Path:
        """Where checkpoints lie."""
        return self.work or self.out.with_name(self.out.name + ".work")


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

    def fingerprint(self, o: TrainOptions) -> dict[str, Any]:
        """What must be the same for checkpoints to be of use: the sites, the tiles, the people and the networks."""
        digest = hashlib.sha256(self.panel.sites.pos.tobytes())
        digest.update(self.panel.haplotypes.mean(1, dtype=np.float32).tobytes())
        for tile in self.tiles:
            digest.update(tile.inputs.tobytes())
        return {
            "sites": digest.hexdigest()[:16],
            "tiles": [[tile.first, tile.end] for tile in self.tiles],
            "held_out": hashlib.sha256(self.held_out.tobytes()).hexdigest()[:16],
            "architecture": o.architecture,
            "network": [network_options(tile, o).as_dict() for tile in self.tiles[:1]],
        }


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
    if o.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise TesseraError(Code.setup_invalid, f"There is no architecture {o.architecture!r}; known are {known}.")
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
    cuts = cut(panel.haplotypes, o.tile_sites, cm, longest=o.tile_cm)
    if o.architecture == PUBLISHED_DENSE:  # it reads the sites that it gives, and no others
        tiles = [Tile(k, first, end, np.arange(first, end, dtype=np.int32)) for k, (first, end) in enumerate(cuts)]
    else:
        tiles = make_tiles(cuts, inputs, cm, o.context)
    clusters = np.repeat(cluster_people(panel.haplotypes, kept[::2] // 2, o.seed), 2)
    return Plan(panel, cm, arrays, tiles, held_out, kept, clusters)


def frequencies(panel: Panel, tile: Tile) -> NDArray[np.float32]:
    """(V,) ALT frequency of the tile's sites in the panel."""
    af: NDArray[np.float32] = panel.haplotypes[tile.first : tile.end].mean(1, dtype=np.float32)
    return af


def network_options(tile: Tile, o: TrainOptions) -> TileOptions:
    """Sizes of a tile's network."""
    if o.architecture == PUBLISHED_DENSE:
        return o.dense.options(tile.end - tile.first)
    return NetworkOptions(len(tile.inputs), tile.end - tile.first, **o.network)


def new_network(plan: Plan, tile: Tile, o: TrainOptions) -> TileModel:
    """A tile's network before training; the same whoever makes it."""
    torch.manual_seed(o.seed * 100_003 + tile.index)
    options = network_options(tile, o)
    if isinstance(options, NetworkOptions):
        net = TileNet(options)
        net.set_prior(prior_logits(torch.from_numpy(frequencies(plan.panel, tile))))
        return net
    return DenseNet(options)


def objective_of(plan: Plan, tile: Tile, net: TileModel, o: TrainOptions) -> Objective:
    """What the training of a tile lowers."""
    if isinstance(net, DenseNet):
        return PublishedObjective(net, o.dense)
    return WeightedCrossEntropy(frequencies(plan.panel, tile), o.fit.rarity, o.device)


def masks_of(o: TrainOptions) -> MaskOptions:
    """What training shows: the published networks see a share of all sites that falls, no errors and no haplotypes."""
    if o.architecture == PUBLISHED_DENSE:
        return MaskOptions(error=0.0, homozygous=0.0, ramp=(o.dense.mask_low, o.dense.mask_high))
    return o.masks


def sampler_of(plan: Plan, tile: Tile, o: TrainOptions) -> Sampler:
    """The source of training batches of one tile."""
    low = min(tile.first, int(tile.inputs[0])) if len(tile.inputs) else tile.first
    high = max(tile.end, int(tile.inputs[-1]) + 1) if len(tile.inputs) else tile.end
    window = np.ascontiguousarray(plan.panel.haplotypes[low:high][:, plan.kept].T)
    arrays = [typed[tile.inputs] for typed in plan.arrays.values()]
    outputs = slice(tile.first - low, tile.end - low)
    inputs = tile.inputs.astype(np.int64) - low
    seed = o.seed + tile.index
    return Sampler(window, plan.cm[low:high], inputs, outputs, arrays, o.mosaic, masks_of(o), seed, plan.clusters)
