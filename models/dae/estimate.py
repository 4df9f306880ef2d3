"""What a training will cost, from some steps of its largest tile."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Final

import torch

from models.dae.architecture import ARCHITECTURES
from models.dae.fit import Trainer, batches, steps_done
from models.dae.plan import Plan, TrainOptions, network_options, new_network, objective_of, sampler_of
from models.dae.work import WorkFolder
from models.protocol import Tile

WARM: Final = 3  # steps before the clock starts: the first ones allocate and compile
TIMED: Final = 8
_TRAINING_BYTES: Final = 20  # a parameter, its gradient, AdamW's two moments and a bf16 copy with its gradient


@dataclass(frozen=True)
class Estimate:
    """Cost of what is left to train."""

    tiles: int
    parameters: int  # of all tiles
    steps_left: int  # of all tiles together
    step_s: float  # wall seconds a step of the largest tile took
    seconds: float  # wall, with all workers
    memory_bytes: int  # a worker: panel, network and optimiser of the largest tile
    work_bytes: int  # checkpoints of all tiles
    bundle_bytes: int  # weights, int8


def parameters_of(tile: Tile, o: TrainOptions) -> int:
    """Numbers that a tile's network holds."""
    with torch.device("meta"):
        net = ARCHITECTURES[o.architecture].network(network_options(tile, o))
    return sum(p.numel() for p in net.parameters())


def time_steps(plan: Plan, tile: Tile, o: TrainOptions) -> float:
    """Seconds that a step takes, drawing its batch included; nothing is kept."""
    net = new_network(plan, tile, o)
    fit = replace(o.fit, steps=WARM + TIMED)
    trainer = Trainer(net, fit, objective_of(plan, tile, net, o), o.device)
    start = 0.0
    for step, (shown, truth) in enumerate(batches(sampler_of(plan, tile, o), fit)):
        if step == WARM:
            start = _now(o.device)
        trainer.step(step, shown, truth)
    return (_now(o.device) - start) / TIMED


def estimate(plan: Plan, o: TrainOptions, work: WorkFolder | None, workers: int = 1) -> Estimate:
    """Time some steps of the largest tile and scale them by the parameters of the others.

    Args:
        plan: what is to be trained.
        o: its options.
        work: where finished steps are, if anywhere.
        workers: processes that share the work, each with a device (or a share of the cores) of its own. They are taken
            to be as fast as this one, which on shared cores they are not.
    """
    sizes = [parameters_of(tile, o) for tile in plan.tiles]
    largest = max(range(len(sizes)), key=sizes.__getitem__)
    left = [o.fit.steps - (steps_done(work.checkpoint(tile.index)) if work else 0) for tile in plan.tiles]
    left = [max(0, one) for one in left]
    step_s = time_steps(plan, plan.tiles[largest], o) if any(left) else 0.0
    tile_s = [step_s * n * size / sizes[largest] for n, size in zip(left, sizes, strict=True)]
    return Estimate(
        tiles=len(sizes),
        parameters=sum(sizes),
        steps_left=sum(left),
        step_s=step_s,
        seconds=max(sum(tile_s) / workers, max(tile_s)),
        memory_bytes=plan.panel.haplotypes.nbytes * 2 + _TRAINING_BYTES * sizes[largest],
        work_bytes=12 * sum(sizes),
        bundle_bytes=sum(sizes),
    )


def _now(device: str) -> float:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic()
