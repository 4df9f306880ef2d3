"""What a bundle's tiles are made of: a row for each, and the distribution of every number over all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from models.dae.architecture import TileOptions
from models.dae.bundle import Bundle
from models.dae.published.network import DenseOptions

NUMBERS: Final = {
    "span_kb": "span, kb",
    "sites": "sites",
    "inputs": "inputs",
    "layers": "layers",
    "size_ratio": "size ratio",
    "parameters": "parameters",
}


@dataclass(frozen=True, slots=True)
class TileFacts:
    """One tile."""

    chrom: str
    tile: int
    first: int  # bp of its first site
    span_kb: float
    sites: int
    inputs: int
    layers: int  # linear layers from input to output
    widths: str  # nodes of the layers
    activation: str
    size_ratio: float  # published: as its settings say; ours: narrowest layer over the output's nodes
    parameters: int
    weights: int  # number of the weights; tiles with several runs of sites share them


def describe(bundle: Bundle) -> list[TileFacts]:
    """A row for each tile of a bundle, by chromosome and place."""
    rows = []
    for chrom in bundle.chromosomes:
        pos = bundle.sites(chrom).pos
        held = zip(bundle.tiles(chrom), bundle.networks(chrom), bundle.weights(chrom), strict=True)
        for tile, options, weights in held:
            with torch.device("meta"):
                net = bundle.architecture.network(options)
            first, last = int(pos[tile.first]), int(pos[tile.end - 1])
            rows.append(
                TileFacts(
                    chrom=chrom,
                    tile=tile.index,
                    first=first,
                    span_kb=round((last - first + 1) / 1000, 1),
                    sites=tile.end - tile.first,
                    inputs=len(tile.inputs),
                    parameters=sum(p.numel() for p in net.parameters()),
                    weights=weights,
                    **_layers(options),
                )
            )
    return rows


def _layers(o: TileOptions) -> dict[str, Any]:
    """Layers, widths, activation and size ratio of either kind of network."""
    if isinstance(o, DenseOptions):
        widths, activation, ratio = list(o.widths), o.activation, o.size_ratio
    else:
        widths = [2 * o.inputs, o.bins * o.bin_features, *[o.width] * (o.layers + 1), o.latents, 2 * o.outputs]
        activation, ratio = "gelu", round(min(widths[1:-1]) / widths[-1], 3)
    text = "-".join(map(str, widths))
    return {"layers": len(widths) - 1, "widths": text, "activation": activation, "size_ratio": ratio}


@dataclass(frozen=True, slots=True)
class Spread:
    """One number over all tiles."""

    name: str
    least: float
    median: float
    mean: float
    most: float
    total: float


def summary(rows: list[TileFacts]) -> list[Spread]:
    """The spread of every number; parameters are counted once where tiles share them."""
    found = []
    for field, name in NUMBERS.items():
        values = values_of(rows, field)
        found.append(
            Spread(
                name,
                float(values.min()),
                float(np.median(values)),
                float(values.mean()),
                float(values.max()),
                float(values.sum()),
            )
        )
    return found


def values_of(rows: list[TileFacts], field: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(N,) a number of every tile, or of every network where the number is its parameters."""
    if field == "parameters":
        rows = list({(row.chrom, row.weights): row for row in rows}.values())
    return np.array([getattr(row, field) for row in rows], np.float64)


def activations(rows: list[TileFacts]) -> dict[str, int]:
    """How many tiles have each activation, the most common first."""
    return dict(Counter(row.activation for row in rows).most_common())
