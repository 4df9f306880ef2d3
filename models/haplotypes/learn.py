"""Learn the rates of the copying model, and score it, on people of the panel whom the library leaves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genotypes.sites import SiteTable
from models.dae.calibrate import MAF_EDGES, maf_bins
from models.dae.evaluate import score_bins, spread
from models.haplotypes.engine import CopyingImputer, CopyingOptions
from models.haplotypes.library import Library
from models.protocol import Tile, TypedGenotypes

RATES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # switches per cM that are tried
ERRORS = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
LEARNING_ARRAYS = 6  # spread over the arrays by density, neither the sparsest nor the densest
LEARNING_PEOPLE = 100
SCORING_PEOPLE = 50
SURE = 5e-4  # probabilities are scored as no smaller


def impute_held_out(imputer: CopyingImputer, people: NDArray[np.int8], typed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(V, B, 3) genotype probabilities of people seen through an array.

    Args:
        imputer: bound to the library without them.
        people: (V, B) true dosages.
        typed: (V,) bool, what the array types.
    """
    rows = np.flatnonzero(typed).astype(np.int32)
    seen = TypedGenotypes(rows, people[rows], np.full(people.shape[1], 2, np.int8), phased=False)
    return np.concatenate([block.gp for block in imputer.impute(range(len(imputer.tiles)), seen)])


def loss(gp: NDArray[np.float32], truth: NDArray[np.int8], af: NDArray[np.float32], count: NDArray[np.bool_]) -> float:
    """Mean over the MAF bins of the mean -log P(truth), relative to what the frequencies alone give."""
    chosen = np.take_along_axis(gp, truth[..., None].astype(np.int64), axis=2)[..., 0]
    p = np.clip(af, 1e-4, 1 - 1e-4)[:, None]
    prior = np.choose(truth, [(1 - p) ** 2, 2 * p * (1 - p), p**2])
    which = maf_bins(af)
    parts = []
    for b in range(len(MAF_EDGES) - 1):
        rows = (which == b) & count
        if rows.any():
            named = -np.log(np.maximum(chosen[rows], SURE)).mean()
            parts.append(named / -np.log(np.maximum(prior[rows], SURE)).mean())
    return float(np.mean(parts))


def learn_rates(
    sites: SiteTable,
    tiles: Sequence[Tile],
    library: Library,
    people: NDArray[np.int8],
    arrays: dict[str, NDArray[np.bool_]],
    options: CopyingOptions,
    progress: Callable[[float, float, float], None],
) -> CopyingOptions:
    """Choose switch rate and error on held-out people, one after the other.

    Args:
        sites: V sites with af.
        tiles: all tiles.
        library: without the held-out people.
        people: (V, B) dosages of held-out people.
        arrays: (V,) bool each.
        options: everything else.
        progress: called with rate, error and loss of each trial.
    """
    if sites.af is None:
        raise ValueError("the site table has no frequencies")
    af = sites.af
    few = people[:, :LEARNING_PEOPLE]
    names = spread(arrays, LEARNING_ARRAYS + 2)
    names = names[1:-1] if len(names) == LEARNING_ARRAYS + 2 else names
    known: dict[tuple[float, float], float] = {}

    def trial(rate: float, error: float) -> float:
        if (rate, error) not in known:
            tried = replace(options, switches_per_cm=rate, error=error)
            imputer = CopyingImputer(sites, tiles, library, tried)
            losses = []
            for name in names:
                gp = impute_held_out(imputer, few, arrays[name])
                losses.append(loss(gp, few, af, ~arrays[name]))
            known[rate, error] = float(np.mean(losses))
            progress(rate, error, known[rate, error])
        return known[rate, error]

    rate, error = options.switches_per_cm, options.error
    for _ in range(2):
        rate = min(RATES, key=lambda r: trial(r, error))
        error = min(ERRORS, key=lambda e: trial(rate, e))
    return replace(options, switches_per_cm=rate, error=error)


def accuracy_table(
    imputer: CopyingImputer, people: NDArray[np.int8], arrays: dict[str, NDArray[np.bool_]]
) -> list[dict[str, Any]]:
    """For each array {array, people, bins: [{maf, sites, r2}]} over its untyped sites; the manifest's accuracy.

    The people may be those that `learn_rates` saw: two rates from coarse grids cannot be fitted to them.
    """
    table = []
    af = imputer.sites.af
    if af is None:
        raise ValueError("the site table has no frequencies")
    few = people[:, :SCORING_PEOPLE]
    for name, typed in arrays.items():
        gp = impute_held_out(imputer, few, typed)
        ds = gp[..., 1] + 2 * gp[..., 2]
        table.append({"array": name, "people": few.shape[1], "bins": score_bins(ds, few, af, ~typed)})
    return table


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
