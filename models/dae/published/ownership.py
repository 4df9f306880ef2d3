"""Which tile imputes which site, where published tiles overlap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def merge(keys: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], list[NDArray[np.int32]]]:
    """All sites of a chromosome.

    Args:
        keys: (L,) site keys of each tile in any order, repeated ones too.

    Returns:
        (V,) ascending keys without repeats, and for each tile (L,) the rows of its keys among them.
    """
    sites = np.unique(np.concatenate(keys))
    return sites, [np.searchsorted(sites, one).astype(np.int32) for one in keys]


def owners(pos: NDArray[np.int64], rows: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
    """The tile that imputes each site: of those that hold it, the one within which it lies deepest.

    Depth is the distance to the nearer end of a tile, so two overlapping neighbours are cut at the middle of their
    overlap; a site that only one of them holds stays with that one. Ties go to the earlier tile.

    Args:
        pos: (V,) bp of the sites, ascending.
        rows: for each tile (L,) rows of its sites.

    Returns:
        (V,) index of the tile.
    """
    owner = np.full(len(pos), -1, np.int32)
    deepest = np.full(len(pos), -1, np.int64)
    for tile, held in enumerate(rows):
        at = pos[held]
        depth = np.minimum(at - at.min(), at.max() - at)
        better = depth > deepest[held]
        owner[held[better]] = tile
        deepest[held[better]] = depth[better]
    return owner


def runs(owner: NDArray[np.int32]) -> list[tuple[int, int, int]]:
    """Tile, first and end row of every run of sites with the same owner, in order.

    A tile has one run, or more where its neighbour holds sites in between that it lacks.
    """
    edges = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(owner)]
    return [(int(owner[first]), first, end) for first, end in pairwise(edges)]
