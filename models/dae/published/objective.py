"""The published way to train a dense tile network: cross-entropy or focal loss, with sparsity of weights and code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from errors import Code, TesseraError
from models.dae.published.network import ACTIVATIONS, DenseNet, DenseOptions, layer_widths

Loss = Literal["bce", "focal"]


@dataclass(frozen=True)
class DenseTraining:
    """Settings of a published network's training (Dias et al. 2022, eLife 11:e75600, Methods)."""

    n_layers: int = 4
    size_ratio: float = 1.0
    activation: str = "tanh"
    loss: Loss = "bce"
    gamma: float = 2.0  # of the focal loss
    l1: float = 1e-6  # L1 norm of all matrices
    sparsity: float = 0.0  # weight of KL(rho || mean activation) of the code
    rho: float = 0.05  # wanted mean activation
    mask_low: float = 0.8  # hidden share of sites at the first step ...
    mask_high: float = 0.99  # ... and at the last

    def options(self, sites: int) -> DenseOptions:
        """The network of a tile that reads and gives the same sites."""
        widths = layer_widths(2 * sites, self.n_layers, self.size_ratio)
        return DenseOptions(widths, self.activation, self.n_layers, self.size_ratio, 0, sites)


class PublishedObjective:
    """Mean loss over presences + l1 * |weights| + sparsity * KL of the code."""

    def __init__(self, net: DenseNet, settings: DenseTraining) -> None:
        """Watch the code, the middle layer's activation."""
        self._settings = settings
        self._matrices = [p for p in net.parameters() if p.ndim > 1]
        self._code: Tensor | None = None
        net.encoder[-1].register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: Any, code: Tensor) -> None:
        self._code = code

    def reconstruction(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy; focal: times (1 - P(target)) ** gamma (Lin et al. 2017, ICCV)."""
        loss = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
        if self._settings.loss == "focal":
            loss = loss * (1 - torch.exp(-loss)) ** self._settings.gamma
        return loss.mean()

    def divergence(self) -> Tensor:
        """KL divergence of Bernoulli(rho) from the code's mean activations, squashed by a sigmoid, over its nodes."""
        assert self._code is not None
        rho = self._settings.rho
        mean = self._code.float().sigmoid().mean(0).clamp(1e-6, 1 - 1e-6)
        return (rho * torch.log(rho / mean) + (1 - rho) * torch.log((1 - rho) / (1 - mean))).sum()

    def backward(self, net: nn.Module, logits: Tensor, target: Tensor) -> None:
        """The gradient of all three."""
        loss = self.reconstruction(logits, target)
        if self._settings.sparsity:
            loss = loss + self._settings.sparsity * self.divergence()
        if self._settings.l1:
            loss = loss + self._settings.l1 * sum((p.abs().sum() for p in self._matrices), torch.zeros(()).to(loss))
        torch.autograd.backward(loss)

    def loss(self, logits: Tensor, target: Tensor) -> float:
        """The first of the three."""
        return float(self.reconstruction(logits, target))


def dense_training(
    n_layers: int,
    size_ratio: float,
    activation: str,
    loss: str,
    l1: float,
    sparsity: float,
    mask_low: float,
    mask_high: float,
) -> DenseTraining:
    """Settings from a command line.

    Raises:
        TesseraError: `setup_invalid` when one is out of its range.
    """
    if activation not in ACTIVATIONS:
        raise TesseraError(
            Code.setup_invalid, f"There is no activation {activation!r}; known are {', '.join(ACTIVATIONS)}."
        )
    if loss not in ("bce", "focal"):
        raise TesseraError(Code.setup_invalid, f"There is no loss {loss!r}; known are bce and focal.")
    if n_layers % 2:
        raise TesseraError(Code.setup_invalid, "The layers of a dense network must be even in number.")
    if mask_low > mask_high:
        raise TesseraError(Code.setup_invalid, "The mask's ramp must rise: --mask-low is above --mask-high.")
    return DenseTraining(
        n_layers=n_layers,
        size_ratio=size_ratio,
        activation=activation,
        loss=cast("Loss", loss),
        l1=l1,
        sparsity=sparsity,
        mask_low=mask_low,
        mask_high=mask_high,
    )
