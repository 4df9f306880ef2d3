"""By what the rates of the copying model are chosen, and how a chromosome is cut into tiles."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.maf import MAF_EDGES, maf_bins
from models.protocol import Tile

RATES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # switches per cM that are tried
ERRORS = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
LEARNING_ARRAYS = 6  # spread over the arrays by density, neither the sparsest nor the densest
LEARNING_PEOPLE = 100
SCORING_PEOPLE = 50
SURE = 5e-4  # probabilities are scored as no smaller


def loss(gp: NDArray[np.float32], truth: NDArray[np.int8], af: NDArray[np.float32], count: NDArray[np.bool_]) -> float:
    """Mean over the MAF bins of the mean -log P(truth), relative to what the frequencies alone give."""
    return loss_of(loss_sums(gp, truth, af, count))


def loss_sums(
    gp: NDArray[np.float32], truth: NDArray[np.int8], af: NDArray[np.float32], count: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(bins, 2) sums of -log P(truth) by `gp` and by the frequencies alone; those of several stretches add up.

    Args:
        gp: (V, B, 3) genotype probabilities.
        truth: (V, B) ALT alleles.
        af: (V,) ALT frequency.
        count: (V,) the sites that count.
    """
    chosen = np.take_along_axis(gp, truth[..., None].astype(np.int64), axis=2)[..., 0]
    p = np.clip(af, 1e-4, 1 - 1e-4)[:, None]
    prior = np.choose(truth, [(1 - p) ** 2, 2 * p * (1 - p), p**2])
    which = maf_bins(af)
    out = np.zeros((len(MAF_EDGES) - 1, 2))
    for b in range(len(out)):
        rows = (which == b) & count
        for k, given in enumerate((chosen, prior)):
            out[b, k] = -np.log(np.maximum(given[rows], SURE)).sum(dtype=np.float64)
    return out


def loss_of(sums: NDArray[np.float64]) -> float:
    """See `loss`; bins without genotypes do not count."""
    held = sums[sums[:, 1] > 0]
    return float(np.mean(held[:, 0] / held[:, 1]))


def cut_tiles(cm: NDArray[np.float64], most_sites: int, most_cm: float, context: float) -> list[Tile]:
    """Equal tiles of at most so many sites and cM; each reads all sites up to `context` cM beyond its ends."""
    sites = len(cm)
    parts = max(1, -(-sites // most_sites), int(np.ceil((cm[-1] - cm[0]) / most_cm)))
    edges = np.unique(np.linspace(0, sites, parts + 1).round().astype(int))
    rows = np.arange(sites, dtype=np.int32)  # one for all tiles, of which each has a view
    tiles = []
    for index, (first, end) in enumerate(pairwise(edges.tolist())):
        low = int(np.searchsorted(cm, cm[first] - context))
        high = int(np.searchsorted(cm, cm[end - 1] + context, side="right"))
        tiles.append(Tile(index, first, end, rows[low:high]))
    return tiles
