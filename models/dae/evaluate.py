"""Calibration and accuracy on people of the panel whom training left out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.dae import calibrate
from models.dae.architecture import ARCHITECTURES, TILE_DAE, Architecture, TileModel
from models.dae.calibrate import Calibration
from models.dae.encoding import presence, prior_logits
from models.maf import MAF_EDGES, maf_bins
from models.protocol import Tile

CALIBRATION_ARRAYS = 4  # spread over the arrays by density


@torch.inference_mode()
def tile_logits(net: TileModel, tile: Tile, people: NDArray[np.int8], typed: NDArray[np.bool_]) -> Tensor:
    """(B, V, 2) logits of a tile for people seen through an array.

    Args:
        net: the tile's network.
        tile: its rows.
        people: (sites, B) true dosages of the chromosome.
        typed: (sites,) bool, what the array types.
    """
    shown = np.where(typed[tile.inputs][:, None], people[tile.inputs], -1).T.astype(np.int8)
    parts = [net(presence(torch.from_numpy(shown[k : k + 64]))) for k in range(0, len(shown), 64)]
    return torch.cat(parts)


def aggregate_r2(ds: NDArray[np.float32], truth: NDArray[np.int8], af: NDArray[np.float32]) -> float | None:
    """Squared correlation of minor-allele dosages over all of (V, B); None where either is constant."""
    flip = (af > 0.5)[:, None]
    x, y = np.where(flip, 2 - ds, ds).ravel(), np.where(flip, 2 - truth, truth).ravel()
    if x.std() < 1e-6 or y.std() < 1e-6:
        return None
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def spread(arrays: dict[str, NDArray[np.bool_]], count: int) -> list[str]:
    """Up to `count` arrays, evenly spaced by how many sites they type."""
    names = sorted(arrays, key=lambda name: int(arrays[name].sum()))
    at = np.unique(np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int))
    return [names[k] for k in at]


def assess(
    tiles: Sequence[Tile],
    nets: Sequence[TileModel],
    people: NDArray[np.int8],
    af: NDArray[np.float32],
    arrays: dict[str, NDArray[np.bool_]],
    reading: Architecture,
) -> tuple[Calibration | None, list[dict[str, Any]]]:
    """Calibrate on one half of the held-out people and score on the other.

    Args:
        tiles: all tiles.
        nets: their networks, weights rounded as in the bundle.
        people: (sites, B) dosages of the held-out people.
        af: (sites,) ALT frequency in the panel.
        arrays: (sites,) bool for each array; none means every tenth input site.
        reading: how logits are read; only those of tile-dae are calibrated.

    Returns:
        The calibration, if any, and for each array {array, people, bins: [{maf, sites, r2}]} over its untyped sites.
    """
    if not arrays:
        every = np.zeros(len(af), bool)
        every[np.unique(np.concatenate([t.inputs for t in tiles]))[::10]] = True
        arrays = {"every tenth input": every}
    half = max(1, people.shape[1] // 2)
    fitting, scoring = people[:, :half], people[:, half:] if people.shape[1] > 1 else people
    calibrated = reading is ARCHITECTURES[TILE_DAE]
    logits, truth, hidden, afs = [], [], [], []
    for name in spread(arrays, CALIBRATION_ARRAYS) if calibrated else ():
        for tile, net in zip(tiles, nets, strict=True):
            rows = slice(tile.first, tile.end)
            logits.append(tile_logits(net, tile, fitting, arrays[name]))
            truth.append(torch.from_numpy(fitting[rows].T.copy()))
            hidden.append(torch.from_numpy(~arrays[name][rows]))
            afs.append(af[rows])
    calibration = calibrate.fit(logits, truth, hidden, afs) if calibrated else None
    table = []
    for name, typed in arrays.items():
        ds = np.concatenate(
            [dosages(tile_logits(net, tile, scoring, typed), af[tile.first : tile.end], calibration, reading)
             for tile, net in zip(tiles, nets, strict=True)]
        )  # fmt: skip
        table.append({"array": name, "people": scoring.shape[1], "bins": score_bins(ds, scoring, af, ~typed)})
    return calibration, table


def dosages(
    logits: Tensor, af: NDArray[np.float32], calibration: Calibration | None, reading: Architecture
) -> NDArray[np.float32]:
    """(B, V, 2) logits -> (V, B) dosages, calibrated where there is a calibration."""
    if calibration:
        logits = calibrate.apply(logits, prior_logits(torch.from_numpy(af)), calibration.scale(af))
    gp = reading.genotypes(logits)
    return (gp[..., 1] + 2 * gp[..., 2]).T.numpy()


def score_bins(
    ds: NDArray[np.float32], truth: NDArray[np.int8], af: NDArray[np.float32], count: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """Aggregate r2 of each MAF bin over the sites (V,) bool `count`."""
    which = maf_bins(af)
    bins = []
    for b, (low, high) in enumerate(pairwise(MAF_EDGES)):
        rows = (which == b) & count
        r2 = aggregate_r2(ds[rows], truth[rows], af[rows]) if rows.any() else None
        bins.append({"maf": [low, high], "sites": int(rows.sum()), "r2": None if r2 is None else round(r2, 4)})
    return bins
