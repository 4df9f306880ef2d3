"""Fit one tile's network to its sampler; resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.dae.encoding import presence, prior_logits
from models.dae.network import NetworkOptions, TileNet
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


def site_weights(af: NDArray[np.float32], rarity: float) -> Tensor:
    """(V,) float32 loss weights with mean 1: rare sites count more."""
    maf = np.maximum(np.minimum(af, 1 - af), 0.005)
    weights = (2 * maf) ** -rarity
    return torch.from_numpy((weights / weights.mean()).astype(np.float32))


def weighted_loss(logits: Tensor, target: Tensor, weights: Tensor) -> float:
    """Mean cross-entropy of (B, V, 2) logits and presences, a site weighing (V, 1)."""
    loss = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return float((loss * weights).mean())


def learning_rate(step: int, o: FitOptions) -> float:
    """Linear warm-up, then a cosine to 0."""
    if step < o.warmup:
        return o.rate * (step + 1) / o.warmup
    return o.rate * 0.5 * (1 + math.cos(math.pi * (step - o.warmup) / max(1, o.steps - o.warmup)))


def batches(sampler: Sampler, batch: int, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """`count` batches, each drawn in a thread while the step before it runs."""
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(sampler.draw, batch)
        for k in range(count):
            shown, truth = ahead.result()
            if k + 1 < count:
                ahead = pool.submit(sampler.draw, batch)
            yield torch.from_numpy(shown), torch.from_numpy(truth)


def fit_tile(
    options: NetworkOptions,
    fit: FitOptions,
    sampler: Sampler,
    af: NDArray[np.float32],
    checkpoint: Path,
    *,
    device: str = "cpu",
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> TileNet:
    """Train a tile network, or go on from `checkpoint`.

    Args:
        options: sizes of the network.
        fit: schedule.
        sampler: source of batches; its generator is moved on by the steps already done.
        af: (V,) ALT frequency of the output sites in the panel.
        checkpoint: file that holds weights, optimiser and step; written every `checkpoint_every` steps, atomically.
        device: torch device.
        progress: called every five seconds with the step and its loss.

    Returns:
        The trained network, in evaluation mode.
    """
    net = TileNet(options)
    net.set_prior(prior_logits(torch.from_numpy(af)))
    net.to(device)
    weights = site_weights(af, fit.rarity).to(device)[:, None]
    decay = [p for p in net.parameters() if p.ndim > 1]
    plain = [p for p in net.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": fit.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=fit.rate,
        betas=(0.9, 0.99),
        fused=True,
    )
    start = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True, map_location=device)
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        start = int(saved["step"])
        sampler.rng = np.random.default_rng([start, 1])
    net.train()
    clock = time.monotonic()
    for step, (shown, truth) in enumerate(batches(sampler, fit.batch, fit.steps - start), start):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, fit)
        x, y = presence(shown.to(device)), presence(truth.to(device))
        with torch.autocast(device, torch.bfloat16, enabled=fit.bf16):
            logits = net(x)
        optimiser.zero_grad()
        # The gradient of weighted cross-entropy, written out: autograd's way through the loss takes twice the passes.
        logits.backward(((logits.detach().sigmoid() - y) * weights / y.numel()).to(logits.dtype))
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        if time.monotonic() - clock > 5 or step + 1 == fit.steps:
            progress(step + 1, weighted_loss(logits.detach(), y, weights))
            clock = time.monotonic()
        if (step + 1) % fit.checkpoint_every == 0 or step + 1 == fit.steps:
            save_checkpoint(checkpoint, net, optimiser, step + 1)
    return net.eval()


def save_checkpoint(path: Path, net: TileNet, optimiser: torch.optim.Optimizer, step: int) -> None:
    """Write and rename, so that a kill leaves the old checkpoint or the new one."""
    partial = path.with_suffix(".partial")
    torch.save({"net": net.state_dict(), "optimiser": optimiser.state_dict(), "step": step}, partial)
    partial.replace(path)
