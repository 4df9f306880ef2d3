"""The tile network: wide input, narrow output.

A denoising autoencoder over presence pairs (Dias et al. 2022, eLife 11:e75600): every site is two numbers, presence of
REF and presence of ALT, and an untyped site is [0, 0]. The published square layers are replaced by
  - a block-diagonal embedding: bins of neighbouring input sites, each bin to a few features, so that the sites that
    arrays carry cost little and neighbours on different arrays meet in the same features;
  - a trunk of residual layers over all bins (cM of context on both sides of the tile);
  - low-rank decoders: blocks of about a thousand output sites, each from its own latent vector.
Outputs are logits of the same two presences at every site of the tile.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class NetworkOptions:
    """Sizes of a tile network."""

    inputs: int  # I: input sites
    outputs: int  # V: output sites
    bin_sites: int = 96  # input sites to a bin
    bin_features: int = 32  # features of a bin
    width: int = 1024  # trunk
    layers: int = 2  # residual layers of the trunk
    latent: int = 128  # latent of a decoder block
    block_sites: int = 1000  # output sites to a decoder block, at most

    @property
    def bins(self) -> int:
        """Number of input bins, the last one padded."""
        return max(1, -(-self.inputs // self.bin_sites))

    @property
    def blocks(self) -> list[tuple[int, int]]:
        """First and end output site of each decoder block, evenly sized."""
        n = max(1, -(-self.outputs // self.block_sites))
        edges = [round(i * self.outputs / n) for i in range(n + 1)]
        return list(pairwise(edges))

    @property
    def latents(self) -> int:
        """Numbers that `encode` gives for one pass."""
        return self.latent * len(self.blocks)

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    def facts(self) -> dict[str, str]:
        """What a table of tiles shows."""
        names = ("bins", "width", "layers", "latent")
        return {name: str(getattr(self, name)) for name in names} | {"blocks": str(len(self.blocks))}


class TileNet(nn.Module):
    """Presence pairs of typed sites in, presence logits of all sites of the tile out."""

    def __init__(self, options: NetworkOptions) -> None:
        """Make the layers; weights are PyTorch's defaults but for the embedding's."""
        super().__init__()
        o = self.options = options
        self.embed = nn.Parameter(torch.randn(o.bins, 2 * o.bin_sites, o.bin_features) * o.bin_sites**-0.5)
        self.embed_bias = nn.Parameter(torch.zeros(o.bins, o.bin_features))
        self.enter = nn.Linear(o.bins * o.bin_features, o.width)
        self.enter_norm = nn.LayerNorm(o.width)
        self.trunk = nn.ModuleList(nn.Linear(o.width, o.width) for _ in range(o.layers))
        self.norms = nn.ModuleList(nn.LayerNorm(o.width) for _ in range(o.layers))
        self.latents = nn.Linear(o.width, o.latent * len(o.blocks))
        self.decoders = nn.ModuleList(nn.Linear(o.latent, 2 * (end - first)) for first, end in o.blocks)

    def encode(self, presence: Tensor) -> Tensor:
        """(B, I, 2) presences of the input sites -> (B, blocks * latent) latents."""
        o = self.options
        x = functional.pad(presence, (0, 0, 0, o.bins * o.bin_sites - o.inputs))  # (B, bins * bin_sites, 2)
        x = x.reshape(len(x), o.bins, 2 * o.bin_sites).transpose(0, 1)  # (bins, B, 2 * bin_sites)
        x = torch.bmm(x, self.embed.to(x.dtype)).transpose(0, 1) + self.embed_bias  # (B, bins, bin_features)
        x = functional.gelu(self.enter_norm(self.enter(functional.gelu(x).flatten(1))))  # (B, width)
        for linear, norm in zip(self.trunk, self.norms, strict=True):
            x = x + functional.gelu(linear(norm(x)))
        return functional.gelu(self.latents(x))

    def decode(self, latents: Tensor, block: int) -> Tensor:
        """(B, blocks * latent) -> (B, V of the block, 2) logits of presence of REF and of ALT."""
        n = self.options.latent
        logits: Tensor = self.decoders[block](latents[:, block * n : (block + 1) * n])
        return logits.reshape(len(logits), -1, 2)

    def decode_rows(self, latents: Tensor, block: int, rows: Tensor) -> Tensor:
        """(B, blocks * latent) -> (B, R, 2) logits of some rows of a block, without decoding the others."""
        n = self.options.latent
        z = latents[:, block * n : (block + 1) * n]
        decoder = cast(nn.Linear, self.decoders[block])
        outputs = torch.stack([2 * rows, 2 * rows + 1], 1).flatten()
        return functional.linear(z, decoder.weight[outputs], decoder.bias[outputs]).reshape(len(z), -1, 2)

    def forward(self, presence: Tensor) -> Tensor:
        """(B, I, 2) presences -> (B, V, 2) logits of the whole tile."""
        latents = self.encode(presence)
        return torch.cat([self.decode(latents, k) for k in range(len(self.decoders))], 1)

    @torch.no_grad()
    def set_prior(self, prior: Tensor) -> None:
        """Start the output biases at (V, 2) prior logits, so that an empty input gives the allele frequencies."""
        for (first, end), decoder in zip(self.options.blocks, self.decoders, strict=True):
            cast(nn.Linear, decoder).bias.copy_(prior[first:end].flatten())
