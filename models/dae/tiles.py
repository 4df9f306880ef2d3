"""Where a chromosome is cut into tiles, and what each tile reads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.protocol import Tile


def crossing_ld(haplotypes: NDArray[np.int8], rows: NDArray[np.int64], reach: int) -> NDArray[np.float64]:
    """Sum of r2 between common sites on the two sides of every cut.

    Args:
        haplotypes: (V, H) alleles.
        rows: (C,) ascending rows of the common sites that count.
        reach: how many common sites on each side.

    Returns:
        (C + 1,) LD that a cut before the k-th common site would break.
    """
    x = haplotypes[rows].astype(np.float32)
    x -= x.mean(1, keepdims=True)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6)
    cost = np.zeros(len(rows) + 1)
    for lag in range(1, reach):
        r2 = (x[:-lag] * x[lag:]).sum(1) ** 2 if lag < len(rows) else np.zeros(0, np.float32)
        # The pair (i, i + lag) is broken by the cuts i + 1 .. i + lag.
        steps = np.zeros(len(rows) + 1)
        np.add.at(steps, np.arange(len(r2)) + 1, r2)
        np.add.at(steps, np.arange(len(r2)) + 1 + lag, -r2)
        cost += np.cumsum(steps)
    return cost


def cut(haplotypes: NDArray[np.int8], target: int, *, common: float = 0.05, reach: int = 60) -> list[tuple[int, int]]:
    """Cut sites into tiles of about `target` sites, each cut at the lowest LD within a tenth of a tile of the even cut.

    Args:
        haplotypes: (V, H) alleles of the panel.
        target: wanted sites of a tile.
        common: minor-allele frequency from which a site counts for LD.
        reach: common sites on each side of a cut that are looked at.

    Returns:
        First and end row of each tile.
    """
    sites = len(haplotypes)
    tiles = max(1, round(sites / target))
    if tiles == 1:
        return [(0, sites)]
    af = haplotypes.mean(1)
    rows = np.flatnonzero(np.minimum(af, 1 - af) >= common)
    cost = crossing_ld(haplotypes[:, ::4], rows, reach)[:-1]
    edges = [0]
    for k in range(1, tiles):
        even, slack = round(k * sites / tiles), sites // tiles // 10
        near = np.flatnonzero(np.abs(rows - even) <= slack)
        edges.append(int(rows[near[np.argmin(cost[near])]]) if len(near) else even)
    edges.append(sites)
    return list(pairwise(edges))


def make_tiles(
    cuts: list[tuple[int, int]], inputs: NDArray[np.int64], cm: NDArray[np.float64], context: float
) -> list[Tile]:
    """Give every tile the input sites within `context` cM of it.

    Args:
        cuts: first and end row of each tile.
        inputs: ascending rows that arrays type.
        cm: (V,) map positions of all rows, cM.
        context: cM on both sides.
    """
    tiles = []
    for index, (first, end) in enumerate(cuts):
        near = (cm[inputs] >= cm[first] - context) & (cm[inputs] <= cm[end - 1] + context)
        tiles.append(Tile(index, first, end, inputs[near].astype(np.int32)))
    return tiles
