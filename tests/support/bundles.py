"""A panel and a bundle that take seconds to make: 80 people, 400 sites of chromosome 20, 12 founder haplotypes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from genotypes.manifest import BundleManifest
from genotypes.mosaic import mosaics
from models.dae.fit import FitOptions
from models.dae.plan import TrainOptions
from models.dae.train import train_bundle
from models.haplotypes.engine import CopyingOptions
from models.haplotypes.genome import train_genome
from models.haplotypes.genome_options import GenomeOptions

SITES, PEOPLE, FIRST, STEP = 400, 80, 1_000_000, 2_500
EVERY = 5  # the array types every fifth site


@dataclass(frozen=True)
class TinyPanel:
    """Truth of the tiny panel."""

    pos: NDArray[np.int32]  # (V,)
    ref: list[str]
    alt: list[str]
    haplotypes: NDArray[np.int8]  # (2 * people, V)
    others: NDArray[np.int8]  # (40, V) haplotypes of 20 people outside the panel


def make_panel(seed: int = 5) -> TinyPanel:
    rng = np.random.default_rng(seed)
    pos = (FIRST + STEP * np.arange(SITES) + rng.integers(0, STEP - 1, SITES)).astype(np.int32)
    frequency = rng.choice([0.1, 0.25, 0.5], SITES)
    founders = (rng.random((12, SITES)) < frequency).astype(np.int8)
    cm = pos / 1e6
    people = mosaics(rng, founders, cm, 2 * PEOPLE + 40, 2.0)
    ref = [str(b) for b in rng.choice(list("ACGT"), SITES)]
    alt = ["ACGT"[("ACGT".index(b) + int(rng.integers(1, 4))) % 4] for b in ref]
    return TinyPanel(pos, ref, alt, people[: 2 * PEOPLE], people[2 * PEOPLE :])


def write_panel(path: Path, panel: TinyPanel, contig: str = "20") -> None:
    header = pysam.VariantHeader()
    header.add_line(f"##contig=<ID={contig},length=63025520,assembly=GRCh37>")
    header.add_line('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    for k in range(PEOPLE):
        header.add_sample(f"P{k}")
    with pysam.VariantFile(str(path), "w", header=header) as out:
        for v in range(SITES):
            record = out.new_record(contig=contig, start=int(panel.pos[v]) - 1, alleles=(panel.ref[v], panel.alt[v]))
            for k, call in enumerate(record.samples.values()):
                call["GT"] = tuple(int(a) for a in panel.haplotypes[2 * k : 2 * k + 2, v])
                call.phased = True
            out.write(record)


def tiny_bundle(folder: Path, *, name: str = "tiny", steps: int = 300) -> Path:
    """Train it under `folder/name` from `folder/panel.bcf`; two tiles; about three seconds."""
    panel = make_panel()
    write_panel(folder / "panel.bcf", panel)
    array = folder / "arrays" / "every-fifth"
    array.mkdir(parents=True)
    (array / "chr20.b37.txt").write_text("".join(f"20\t{p}\n" for p in panel.pos[::EVERY]))
    train_tiny(folder, name, steps)
    return folder / name


def tiny_library(folder: Path, *, name: str = "tiny", tiles: int = 1, contig: str = "20") -> Path:
    """A bundle of the tiny panel's haplotypes under `folder/name`."""
    write_panel(folder / "panel.bcf", make_panel(), contig)
    o = GenomeOptions(
        (folder / "panel.bcf",),
        (),
        folder / name,
        name,
        "GRCh37",
        model=CopyingOptions(sweeps=12),
        tile_sites=SITES // tiles,
        ancestry=False,
    )
    train_genome(o, lambda _doing, _fraction: None)
    return folder / name


def tiny_options(folder: Path, name: str, steps: int, **changes: object) -> TrainOptions:
    options = {
        "panel": folder / "panel.bcf",
        "map": None,
        "out": folder / name,
        "name": name,
        "build": "GRCh37",
        "arrays": folder / "arrays",
        "tile_sites": 200,
        "held_out": 0.1,
        "fit": FitOptions(steps=steps, batch=64, warmup=10, rate=3e-3, bf16=False, checkpoint_every=50),
        "network": {"width": 64, "latent": 16, "bin_sites": 8, "bin_features": 8, "block_sites": 60},
    } | changes
    return TrainOptions(**options)  # type: ignore[arg-type]


def train_tiny(folder: Path, name: str, steps: int, **changes: object) -> BundleManifest:
    return train_bundle(tiny_options(folder, name, steps, **changes), lambda tile, step, loss: None)
