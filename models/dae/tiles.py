"""Where a chromosome is cut into tiles, and what each tile reads."""

from __future__ import annotations

import math
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


def loads(sites: int, target: int, cm: NDArray[np.float64] | None, longest: float) -> NDArray[np.float64]:
    """(V + 1,) tiles' worth of work before each site: a site is 1/target of a tile, or its cM, whichever is more."""
    load = np.full(sites, 1 / target)
    if cm is not None:
        load = np.maximum(load, np.diff(cm, append=cm[-1]) / longest)
    # A gap without sites is no work, however long.
    return np.concatenate([[0.0], np.cumsum(np.minimum(load, 1.0))])


def cut(
    haplotypes: NDArray[np.int8],
    target: int,
    cm: NDArray[np.float64] | None = None,
    *,
    longest: float = 1.2,
    common: float = 0.05,
    reach: int = 60,
) -> list[tuple[int, int]]:
    """Cut sites into tiles of at most about `target` sites and about `longest` cM.

    Each cut is moved to the lowest LD within a tenth of a tile of the even cut, and there, between two common sites,
    to where the map recombines most.

    Args:
        haplotypes: (V, H) alleles of the panel.
        target: sites of a tile.
        cm: (V,) map positions; without them tiles are cut by sites alone.
        longest: cM of a tile. A tile has to learn what recombination makes of its sites, so it is the map as much as
            the sites that says how much there is to learn.
        common: minor-allele frequency from which a site counts for LD.
        reach: common sites on each side of a cut that are looked at.

    Returns:
        First and end row of each tile.
    """
    sites = len(haplotypes)
    before = loads(sites, target, cm, longest)
    tiles = max(1, math.ceil(before[-1] - 0.1))
    if tiles == 1:
        return [(0, sites)]
    af = haplotypes.mean(1)
    rows = np.flatnonzero(np.minimum(af, 1 - af) >= common)
    cost = crossing_ld(haplotypes[:, ::4], rows, reach)[:-1]
    step = before[-1] / tiles
    edges = [0]
    for k in range(1, tiles):
        even = int(np.searchsorted(before, k * step))
        near = np.flatnonzero(np.abs(before[rows] - k * step) <= step / 9.99)
        if len(near):
            best = int(near[np.argmin(cost[near])])
            even = recombination_peak(cm, int(rows[best - 1]) if best else 0, int(rows[best]))
        if edges[-1] < even < sites:
            edges.append(even)
    edges.append(sites)
    return list(pairwise(edges))


def recombination_peak(cm: NDArray[np.float64] | None, first: int, last: int) -> int:
    """The row in (first, last] before which the map rises most; `last` where it does not say."""
    if cm is None or last - first < 2:
        return last
    rise = np.diff(cm[first : last + 1])
    return first + 1 + int(np.argmax(rise)) if rise.max() > 1.01 * rise[-1] else last


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
