"""Architectures against each other: one tile, the same sites, people and processor minutes.

    python -m benchmarks.dae.compare --data ../shared/data --minutes 3

Scores are aggregate r2 over the untyped sites of the tile of the panel's held-out people, without calibration.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.dae.architecture import ARCHITECTURES, PUBLISHED_DENSE, TILE_DAE
from models.dae.estimate import TIMED, WARM, parameters_of, time_steps
from models.dae.evaluate import dosages, score_bins, tile_logits
from models.dae.fit import FitOptions, fit_tile
from models.dae.plan import Plan, TrainOptions, make_plan, new_network, objective_of, sampler_of
from models.dae.published.objective import DenseTraining

ARRAYS = ("global-screening-array-v.3", "Axiom_UKB_WCSG", "infinium-omni2.5.v1.5")
WAYS: dict[str, dict[str, Any]] = {
    "tile-dae": {"architecture": TILE_DAE},
    "dense, 4 square layers, tanh, BCE": {"architecture": PUBLISHED_DENSE},
    "dense, 4 square layers, tanh, focal": {"architecture": PUBLISHED_DENSE, "dense": DenseTraining(loss="focal")},
}


def run(plan: Plan, index: int, o: TrainOptions, minutes: float) -> str:
    """Train one way and score it; a line for every array."""
    tile = plan.tiles[index]
    start = time.process_time()
    time_steps(plan, tile, o)
    step_s = (time.process_time() - start) / (WARM + TIMED)  # of processor, so that a busy machine is fair to all
    o = replace(o, fit=replace(o.fit, steps=max(20, int(60 * minutes / step_s)), checkpoint_every=10**9, warmup=50))
    net = new_network(plan, tile, o)
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tile.pt"
        net = fit_tile(net, o.fit, sampler_of(plan, tile, o), objective_of(plan, tile, net, o), path)
    used = time.process_time() - start
    rows = slice(tile.first, tile.end)
    people = plan.panel.haplotypes[:, 2 * plan.held_out] + plan.panel.haplotypes[:, 2 * plan.held_out + 1]
    af = plan.panel.haplotypes[rows].mean(1, dtype=np.float32)
    size = f"{parameters_of(tile, o) / 1e6:.1f} M parameters, {o.fit.steps} steps, {used:.0f} s of processor"
    lines = [f"{size}, {len(tile.inputs)} inputs, {tile.end - tile.first} sites"]
    for name in ARRAYS:
        typed = plan.arrays[name]
        ds = dosages(tile_logits(net, tile, people, typed), af, None, ARCHITECTURES[o.architecture])
        bins = score_bins(ds, people[rows], af, ~typed[rows])
        shown = int(typed[tile.inputs].sum())
        lines.append(
            f"  {name} ({shown} typed): " + " ".join("-" if b["r2"] is None else f"{b['r2']:.3f}" for b in bins)
        )
    return "\n".join(lines)


def main() -> None:
    """Compare on the command line's data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--minutes", type=float, default=3.0, help="of processor time for the training of each way")
    parser.add_argument("--sites", type=int, default=2000, help="sites of a tile")
    given = parser.parse_args()
    torch.set_num_threads(1)
    base = TrainOptions(
        panel=given.data / "kgp-chr20" / "ref.bcf",
        map=given.data / "maps" / "chr20.b37.gmap.gz",
        out=Path("unused"),
        name="compare",
        build="GRCh37",
        arrays=given.data / "arrays",
        tile_sites=given.sites,
        fit=FitOptions(),
    )
    for title, changes in WAYS.items():
        o = replace(base, **changes)
        plan = make_plan(o)
        print(f"{title}: {run(plan, len(plan.tiles) // 2, o, given.minutes)}", flush=True)


if __name__ == "__main__":
    main()
