"""The published dense network, and the published reading of its output.

Linear layers from `ni` nodes (presence of REF and of ALT of every site) down to a code and back up to `no` nodes, with
an activation after every linear layer but the last, whose sigmoid gives the two presences (Dias et al. 2022, eLife
11:e75600, Methods). Here the last sigmoid belongs to the reading: the network gives logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "relu": nn.ReLU,
    "leakyrelu": lambda: nn.LeakyReLU(0.01),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def layer_widths(nodes: int, n_layers: int, size_ratio: float) -> tuple[int, ...]:
    """Nodes of every layer from input to output: `n_layers // 2` times int(h * size_ratio), then mirrored."""
    encoder = [nodes]
    for _ in range(n_layers // 2):
        encoder.append(int(encoder[-1] * size_ratio))
    return (*encoder, *encoder[-2::-1])


@dataclass(frozen=True)
class DenseOptions:
    """Sizes of a published network, and the part of its output that the bundle's tile owns."""

    widths: tuple[int, ...]  # nodes of every layer, input and output included
    activation: str
    n_layers: int  # as published
    size_ratio: float  # as published
    offset: int  # owned sites start at this site of the output
    outputs: int  # V: owned sites
    block_sites: int = 1000  # output sites to a decoder block, at most

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """What `as_dict` wrote."""
        return cls(**(data | {"widths": tuple(data["widths"])}))

    @property
    def blocks(self) -> list[tuple[int, int]]:
        """First and end owned site of each decoder block, evenly sized."""
        n = max(1, -(-self.outputs // self.block_sites))
        return list(pairwise(round(i * self.outputs / n) for i in range(n + 1)))

    @property
    def latents(self) -> int:
        """Numbers that `encode` gives for one pass: the last hidden layer."""
        return self.widths[-2]

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    def facts(self) -> dict[str, str]:
        """What a table of tiles shows."""
        return {
            "layers": str(self.n_layers),
            "ratio": f"{self.size_ratio:g}",
            "activation": self.activation,
            "widths": "-".join(map(str, self.widths)),
            "blocks": str(len(self.blocks)),
        }


class DenseNet(nn.Module):
    """Presence pairs of the tile's sites in, presence logits of the owned ones out; state keys as published."""

    def __init__(self, options: DenseOptions) -> None:
        """Make the layers, linear ones at even places."""
        super().__init__()
        self.options = options
        steps = list(pairwise(options.widths))
        half = len(steps) // 2
        activation = ACTIVATIONS[options.activation]
        self.encoder = nn.Sequential(*(layer for a, b in steps[:half] for layer in (nn.Linear(a, b), activation())))
        decoder = [layer for a, b in steps[half:] for layer in (nn.Linear(a, b), activation())]
        self.decoder = nn.Sequential(*decoder[:-1])

    def encode(self, presence: Tensor) -> Tensor:
        """(B, I, 2) presences of the tile's sites -> (B, latents), the last hidden layer."""
        x: Tensor = self._enter(presence.flatten(1))
        for layer in list(self.encoder)[1:]:
            x = layer(x)
        for layer in list(self.decoder)[:-1]:
            x = layer(x)
        return x

    def decode(self, latents: Tensor, block: int) -> Tensor:
        """(B, latents) -> (B, V of the block, 2) logits of presence of REF and of ALT."""
        first, end = (2 * (self.options.offset + site) for site in self.options.blocks[block])
        last = self._last()
        return functional.linear(latents, last.weight[first:end], last.bias[first:end]).reshape(len(latents), -1, 2)

    def decode_rows(self, latents: Tensor, block: int, rows: Tensor) -> Tensor:
        """(B, latents) -> (B, R, 2) logits of some rows of a block, without decoding the others."""
        site = rows + self.options.offset + self.options.blocks[block][0]
        nodes = torch.stack([2 * site, 2 * site + 1], 1).flatten()
        last = self._last()
        return functional.linear(latents, last.weight[nodes], last.bias[nodes]).reshape(len(latents), -1, 2)

    def forward(self, presence: Tensor) -> Tensor:
        """(B, I, 2) presences -> (B, V, 2) logits of the owned sites."""
        latents = self.encode(presence)
        return torch.cat([self.decode(latents, k) for k in range(len(self.options.blocks))], 1)

    def _enter(self, x: Tensor) -> Tensor:
        """(B, ni) -> (B, h): the first layer, by those nodes that somebody's genotypes set: arrays type few sites."""
        first = self.encoder[0]
        assert isinstance(first, nn.Linear)
        seen = x.any(0).nonzero()[:, 0]
        if 2 * len(seen) > x.shape[1]:
            y: Tensor = first(x)
            return y
        return functional.linear(x[:, seen], first.weight[:, seen], first.bias)

    def _last(self) -> nn.Linear:
        last = self.decoder[-1]
        assert isinstance(last, nn.Linear)
        return last


def genotype_probabilities(logits: Tensor) -> Tensor:
    """(..., 2) logits -> (..., 3) P(0), P(1), P(2) of ALT by the published reading.

    With a and b the two sigmoids: P(0) = a(1-b), P(1) = ab, P(2) = (1-a)b, divided by their sum. Divided by (1-a)(1-b)
    these are the exponentials of the logits, of their sum and of the second, so a softmax gives the same and holds
    where a sigmoid is 0 or 1 in float32.
    """
    ref, alt = logits[..., 0], logits[..., 1]
    return torch.stack([ref, ref + alt, alt], -1).softmax(-1)


def allele_probability(logits: Tensor) -> Tensor:
    """(..., 2) logits of a haploid sample, shown as a homozygote -> (...) P(ALT): P(2) against P(0) without P(1)."""
    return (logits[..., 1] - logits[..., 0]).sigmoid()
