"""Calibration slopes: how far what copying says at a site must be drawn to the site's frequency.

At some sites the panel's alleles do not follow its haplotypes (a paralog's reads, hard calling, mutations that came
again), and neither do the genotypes of others. The people of the panel tell: each is imputed from the rest, and the
regression of the true alleles on the expected ones, 1 where copying is right, is what Cox (1958, Biometrika 45:562)
calls the slope. Slopes of single sites are shrunk to what all sites of the chromosome show (empirical Bayes).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.haplotypes.chromosome import Chromosome
from models.haplotypes.engine import CopyingOptions
from models.haplotypes.genome_learn import Rows, Watch, middling
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.slope_sums import SUMS, add_sums
from models.haplotypes.stored import SLOPE
from models.haplotypes.stretches import HeldOut, Stretch, arrays_of

FOLDS: Final = 5
PEOPLE: Final = 2000  # of the panel, at most, that are imputed
ARRAYS: Final = 3  # of middling density
LEAST: Final = 0.5  # sum of squares of expected alleles below which nothing is said of a site
LEAST_VARIANCE: Final = 1e-4  # half a step of the grid, squared
GRID: Final = np.linspace(0, 1, 41)
ROUNDS: Final = 200
FITTED: Final = 20_000  # sites from which it is learned how frequent slopes are
CHUNK: Final = 1 << 16


def sums_file(one: Chromosome, tile: int) -> Path:
    """Where the sums of a tile wait in a training's work folder."""
    return one.folder / f"slopes-{tile}.npy"


def measure(o: GenomeOptions, one: Chromosome, tile: int, model: CopyingOptions, watch: Watch) -> None:
    """Impute the panel's people at a tile's sites, each fold from the others, and keep the (7, V) sums of `slopes_of`.

    They are of haplotypes, the mean over the arrays that do not type a site. At a site that all type they are of people
    and of what they had with this site hidden.
    """
    stretch = Stretch(one, one.library.cut()[tile])
    rows = _arrays(arrays_of(o, one))
    people, sites = one.haplotypes // 2, stretch.tile.end - stretch.tile.first
    chosen = np.random.default_rng([o.seed, 5]).permutation(people)[:PEOPLE]
    open_, shown = np.zeros((2, SUMS, sites))
    folds = [np.sort(fold) for fold in np.array_split(chosen, min(FOLDS, people))] if rows and people > 1 else []
    for number, fold in enumerate(folds):
        held = HeldOut.open(o, stretch, list(rows.values()), fold, len(fold))
        for done, array in enumerate(rows.values()):
            untyped = held.untyped(array)
            for first, expected, true, hidden in held.haplotypes_imputed(array, model):
                at = slice(first, first + len(expected))
                flat = (len(expected), -1)
                add_sums(expected.reshape(flat), true.reshape(flat), 1, untyped[at], open_[:, at])
                add_sums(hidden, true[..., 0] + true[..., 1], 2, ~untyped[at], shown[:, at])
            share = (number + (done + 1) / len(rows)) / len(folds)
            watch(f"calibration on chromosome {one.name}", (tile + share) / len(one.library.tiles))
    here = np.arange(stretch.tile.first, stretch.tile.end)
    typed = np.sum([np.isin(here, array) for array in rows.values()], axis=0)
    kept = np.where(typed < len(rows), open_ / np.maximum(1, len(rows) - typed), shown / max(1, len(rows)))
    partial = one.folder / f"slopes-{tile}.partial.npy"
    np.save(partial, kept)
    partial.rename(sums_file(one, tile))


def measured(one: Chromosome) -> NDArray[np.float32]:
    """(V,) slopes of a chromosome whose tiles are all measured."""
    parts = [np.load(sums_file(one, tile)) for tile in range(len(one.library.tiles))]
    return slopes_of(np.concatenate(parts, axis=1))


def write_slopes(one: Chromosome, path: Path) -> None:
    """Write a chromosome's slopes into a bundle."""
    found = measured(one)
    save_file({SLOPE: np.round(found * 255).astype(np.uint8)}, path)
    path.chmod(0o644)  # it is written as readable by its owner alone


def slopes_of(sums: NDArray[np.float64]) -> NDArray[np.float32]:
    """(V,) slopes between 0 and 1; 1 where nothing is said of them.

    A slope's variance is reckoned from the squares that are left where they are (White 1980, Econometrica 48:817), as
    at a rare allele its few carriers tell everything, or from those that copying lets expect where these are more.

    Args:
        sums: (7, V) see `add_sums`.
    """
    n, x, y, xx, xy, left, expected = sums
    n = np.maximum(n, 1)
    spread = np.maximum(xx - x * x / n, 1e-9)
    return _shrunk((xy - x * y / n) / spread, np.maximum(left, expected) / spread**2, xx - x * x / n > LEAST)


def _shrunk(slope: NDArray[np.float64], variance: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Posterior means of slopes that are `known`; the prior, weights of `GRID`, is what fits the sites best (EM)."""

    def likelihood(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        log = -((GRID - slope[rows, None]) ** 2) / (2 * np.maximum(variance[rows, None], LEAST_VARIANCE))
        found: NDArray[np.float64] = np.exp(log - log.max(axis=1, keepdims=True))
        return found

    told = np.flatnonzero(known)
    out = np.ones(len(slope), np.float32)
    if len(told) == 0:
        return out
    some = likelihood(told[np.unique(np.linspace(0, len(told) - 1, min(FITTED, len(told))).astype(int))])
    weights = np.full(len(GRID), 1 / len(GRID))
    for _ in range(ROUNDS):
        weights *= (some / (some @ weights)[:, None]).mean(axis=0)
    for first in range(0, len(told), CHUNK):
        rows = told[first : first + CHUNK]
        posterior = likelihood(rows) * weights
        out[rows] = posterior @ GRID / posterior.sum(axis=1)
    return out


def _arrays(rows: Rows) -> dict[str, NDArray[np.int32]]:
    return {name: rows[name] for name in middling([rows], ARRAYS)}
