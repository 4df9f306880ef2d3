"""Fit one tile's network to its sampler; resumable."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.dae.architecture import TileModel
from models.dae.encoding import presence
from models.dae.samples import Sampler


@dataclass(frozen=True)
class FitOptions:
    """How a tile is trained."""

    steps: int = 6000
    batch: int = 256
    rate: float = 1.5e-3  # AdamW's peak learning rate; cosine to 0
    warmup: int = 200
    weight_decay: float = 0.01
    rarity: float = 0.5  # a site weighs (2 max(MAF, .005)) ** -rarity
    checkpoint_every: int = 500
    bf16: bool = True


class TrainingStopped(Exception):
    """Training was asked to stop; the checkpoint is written."""


class Objective(Protocol):
    """What training lowers."""

    def backward(self, net: TileModel, logits: Tensor, target: Tensor) -> None:
        """Add the gradient for (B, V, 2) logits against presences."""
        ...

    def loss(self, logits: Tensor, target: Tensor) -> float:
        """The number that progress shows."""
        ...


def site_weights(af: NDArray[np.float32], rarity: float) -> Tensor:
    """(V,) float32 loss weights with mean 1: rare sites count more."""
    maf = np.maximum(np.minimum(af, 1 - af), 0.005)
    weights = (2 * maf) ** -rarity
    return torch.from_numpy((weights / weights.mean()).astype(np.float32))


def weighted_loss(logits: Tensor, target: Tensor, weights: Tensor) -> float:
    """Mean cross-entropy of (B, V, 2) logits and presences, a site weighing (V, 1)."""
    loss = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return float((loss * weights).mean())


class WeightedCrossEntropy:
    """Cross-entropy of the presences, rare sites counting more."""

    def __init__(self, af: NDArray[np.float32], rarity: float, device: str = "cpu") -> None:
        """Weigh sites by their (V,) ALT frequency."""
        self.weights = site_weights(af, rarity).to(device)[:, None]

    def backward(self, net: TileModel, logits: Tensor, target: Tensor) -> None:
        """The gradient, written out: autograd's way through the loss takes twice the passes."""
        gradient = (logits.detach().sigmoid() - target) * self.weights / target.numel()
        torch.autograd.backward(logits, gradient.to(logits.dtype))

    def loss(self, logits: Tensor, target: Tensor) -> float:
        """Weighted mean."""
        return weighted_loss(logits, target, self.weights)


def learning_rate(step: int, o: FitOptions) -> float:
    """Linear warm-up, then a cosine to 0."""
    if step < o.warmup:
        return o.rate * (step + 1) / o.warmup
    return o.rate * 0.5 * (1 + math.cos(math.pi * (step - o.warmup) / max(1, o.steps - o.warmup)))


def batches(sampler: Sampler, o: FitOptions, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of steps `start` to the last, each drawn in a thread while the step before it runs."""
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(sampler.draw, o.batch, start / o.steps) if start < o.steps else None
        for step in range(start + 1, o.steps + 1):
            assert ahead is not None
            shown, truth = ahead.result()
            if step < o.steps:
                ahead = pool.submit(sampler.draw, o.batch, step / o.steps)
            yield torch.from_numpy(shown), torch.from_numpy(truth)


class Trainer:
    """A network, its objective and its optimiser."""

    def __init__(self, net: TileModel, fit: FitOptions, objective: Objective, device: str = "cpu") -> None:
        """Move the network to the device; matrices decay, vectors do not."""
        self.net, self.options, self.objective, self.device = net.to(device), fit, objective, device
        decay = [p for p in net.parameters() if p.ndim > 1]
        plain = [p for p in net.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": decay, "weight_decay": fit.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=fit.rate,
            betas=(0.9, 0.99),
            fused=True,
        )

    def step(self, step: int, shown: Tensor, truth: Tensor) -> Callable[[], float]:
        """One step; hands back its loss, which is only worked out when asked for."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(step, self.options)
        x, y = presence(shown.to(self.device)), presence(truth.to(self.device))
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.options.bf16):
            logits = self.net(x)
        self.optimiser.zero_grad()
        self.objective.backward(self.net, logits, y)
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        return lambda: self.objective.loss(logits.detach(), y)

    def load(self, path: Path) -> int:
        """Go on from a checkpoint; the steps done."""
        saved = torch.load(path, weights_only=True, map_location=self.device)
        self.net.load_state_dict(saved["net"])
        self.optimiser.load_state_dict(saved["optimiser"])
        return int(saved["step"])

    def save(self, path: Path, step: int) -> None:
        """Write and rename, so that a kill leaves the old checkpoint or the new one."""
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        torch.save({"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict(), "step": step}, partial)
        partial.replace(path)


def steps_done(checkpoint: Path) -> int:
    """Steps behind a checkpoint, 0 when there is none; weights are mapped and not read."""
    if not checkpoint.exists():
        return 0
    return int(torch.load(checkpoint, weights_only=True, mmap=True, map_location="cpu")["step"])


def fit_tile(
    net: TileModel,
    fit: FitOptions,
    sampler: Sampler,
    objective: Objective,
    checkpoint: Path,
    *,
    device: str = "cpu",
    progress: Callable[[int, float], None] = lambda step, loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> TileModel:
    """Train a tile's network, or go on from `checkpoint`.

    Args:
        net: the network to start from.
        fit: schedule.
        sampler: source of batches; its generator is moved on by the steps already done.
        objective: what is lowered.
        checkpoint: file that holds weights, optimiser and step; written every `checkpoint_every` steps, atomically.
        device: torch device.
        progress: called every five seconds with the step and its loss.
        stop: asked after every step.

    Returns:
        The trained network, in evaluation mode.

    Raises:
        TrainingStopped: `stop` said so; what was done is in the checkpoint.
    """
    trainer = Trainer(net, fit, objective, device)
    start = 0
    if checkpoint.exists():
        start = trainer.load(checkpoint)
        sampler.rng = np.random.default_rng([start, 1])
    net.train()
    clock = time.monotonic()
    for step, (shown, truth) in enumerate(batches(sampler, fit, start), start):
        loss = trainer.step(step, shown, truth)
        stopping = stop()
        if (step + 1) % fit.checkpoint_every == 0 or step + 1 == fit.steps or stopping:
            trainer.save(checkpoint, step + 1)
        if time.monotonic() - clock > 5 or step + 1 == fit.steps:
            progress(step + 1, loss())
            clock = time.monotonic()
        if stopping:
            raise TrainingStopped
    return net.eval()
