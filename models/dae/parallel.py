"""Several processes of one machine share the tiles of a training: one for each GPU, or some on the cores."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from typing import Any

import torch

from models.dae.fit import TrainingStopped
from models.dae.plan import TrainOptions, make_plan
from models.dae.train import open_work, train_next, unfinished


def devices_of(device: str, workers: int) -> list[str]:
    """The device of each worker: `cuda` means the GPUs in turn, anything else is used as it is given."""
    if device == "cuda" and (count := torch.cuda.device_count()):
        return [f"cuda:{k % count}" for k in range(workers)]
    return [device] * workers


def train_parallel(o: TrainOptions, workers: int) -> None:
    """Start the workers and wait for them to end.

    A worker that dies or fails leaves its tile to the others; whoever calls this does what is left afterwards.
    """
    spawn = multiprocessing.get_context("spawn")  # CUDA and OpenMP do not survive a fork
    threads = max(1, (os.cpu_count() or 1) // workers)
    children = [
        spawn.Process(target=_work, args=(o.as_dict() | {"device": device}, threads, os.getpid()), daemon=True)
        for device in devices_of(o.device, workers)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()


def _work(options: dict[str, Any], threads: int, parent: int) -> None:
    """In a worker: train tiles until none is left for it; stop when the parent is gone."""
    torch.set_num_threads(threads)
    o = replace(TrainOptions.from_dict(options), work=TrainOptions.from_dict(options).work_folder)
    plan = make_plan(o)
    work = open_work(plan, o)

    def orphaned() -> bool:
        return os.getppid() != parent

    try:
        while unfinished(plan, o, work) and train_next(plan, o, work, lambda tile, step, loss: None, orphaned):
            pass
    except TrainingStopped:
        return
