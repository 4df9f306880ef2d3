"""Accuracy to be expected before a run: from the bundle's own tables for real arrays, by density of typed sites.

A manifest tells for each array and range of minor allele frequency how many untyped sites its r2 was measured on; the
bundle's sites less these are what the array types, so that density is known without the array itself. The upload lies
between the arrays that are nearest to it in typed share per range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genotypes.manifest import BundleManifest

NEAREST = 5
SOFT = 0.2  # distance (log typed share) at which an array's weight has halved
LEAST = 1e-5  # typed share that stands for none

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Typing:
    """What is typed of one chromosome of a bundle."""

    af: NDArray[np.float32] | None  # (V,) ALT frequencies of all its sites
    rows: NDArray[np.int32]  # (T,) rows that are typed


def expected_accuracy(manifest: BundleManifest, typing: Sequence[Typing]) -> dict[str, Any] | None:
    """Expected r2 per range of minor allele frequency.

    Args:
        manifest: of the bundle.
        typing: the chromosomes of the upload.

    Returns:
        `bins` of {maf, sites, typed, r2, error}, `arrays` of {array, weight, typed_share}, `typed_share` of the upload,
        `outside` (sparser or denser than every array, or None); None when the manifest has no accuracy that fits.
    """
    edges = _edges(manifest.accuracy)
    if edges is None or any(one.af is None for one in typing):
        return None
    pairs = [(np.asarray(one.af, np.float64), one.rows) for one in typing]
    held = _by_bin([np.minimum(af, 1 - af) for af, _ in pairs], edges)
    typed = _by_bin([np.minimum(af, 1 - af)[rows] for af, rows in pairs], edges)
    names = [str(one["array"]) for one in manifest.accuracy]
    untyped = np.array([[one["sites"] for one in array["bins"]] for array in manifest.accuracy], np.float64)
    scores = np.array([[_number(one["r2"]) for one in array["bins"]] for array in manifest.accuracy])
    whole = _whole(manifest, held, untyped)
    if whole is None:
        return None
    shares = (whole - untyped) / np.maximum(whole, 1)
    share = typed / np.maximum(held, 1)
    weights = _weights(share, shares)
    errors = _left_out(shares, scores)
    totals, total = (whole - untyped).sum(1) / whole.sum(), typed.sum() / max(1.0, held.sum())
    order = np.argsort(-weights)[: min(NEAREST, len(names))]
    return {
        "typed_share": float(total),
        "outside": "sparser" if total < totals.min() else "denser" if total > totals.max() else None,
        "arrays": [
            {"array": names[k], "weight": round(float(weights[k]), 3), "typed_share": float(totals[k])}
            for k in order.tolist()
        ],
        "bins": [
            {
                "maf": [edges[b], edges[b + 1]],
                "sites": int(held[b] - typed[b]),
                "typed": int(typed[b]),
                "r2": _rounded(_mean(weights, scores[:, b])),
                "error": _rounded(errors[b]),
            }
            for b in range(len(edges) - 1)
        ],
    }


def _edges(accuracy: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """The ranges that all arrays share."""
    tables = [[tuple(one["maf"]) for one in array.get("bins", ())] for array in accuracy]
    if not tables or not tables[0] or any(table != tables[0] for table in tables):
        return None
    return [tables[0][0][0], *(high for _, high in tables[0])]


def _by_bin(mafs: Sequence[Floats], edges: Sequence[float]) -> Floats:
    """(B,) sites by range, (low, high], the first one with 0."""
    maf = np.concatenate(mafs) if mafs else np.empty(0)
    which = np.clip(np.searchsorted(edges, maf - 1e-9) - 1, 0, len(edges) - 2)
    return np.bincount(which, minlength=len(edges) - 1).astype(np.float64)


def _whole(manifest: BundleManifest, held: Floats, untyped: Floats) -> Floats | None:
    """(B,) sites of the whole bundle by range: known when the upload covers all of its chromosomes, else scaled up."""
    total = sum(entry.sites for entry in manifest.chromosomes.values())
    whole: Floats = held * (total / max(1.0, held.sum()))
    # A table that was made on other sites than the bundle's tells nothing of density.
    return None if (untyped.sum(1) > 1.001 * whole.sum()).any() else np.maximum(whole, untyped.max(0))


def _weights(share: Floats, shares: Floats) -> Floats:
    """(A,) weights of the nearest arrays, summing to one."""
    apart = np.log(np.maximum(shares, LEAST)) - np.log(np.maximum(share, LEAST))
    distance = np.sqrt((apart[:, -2:] ** 2).mean(1))  # common sites carry the information
    weights = 1 / (1 + (distance / SOFT) ** 2)
    weights[np.argsort(distance, kind="stable")[NEAREST:]] = 0
    normal: Floats = weights / weights.sum()
    return normal


def _left_out(shares: Floats, scores: Floats) -> Floats:
    """(B,) how far off the same reckoning is for the arrays themselves, each left out in turn; NaN for one array."""
    if len(shares) < 2:
        return np.full(scores.shape[1], np.nan)
    errors = np.empty_like(scores)
    for k in range(len(shares)):
        others = np.arange(len(shares)) != k
        weights = _weights(shares[k], shares[others])
        errors[k] = [abs(_mean(weights, scores[others, b]) - scores[k, b]) for b in range(scores.shape[1])]
    with np.errstate(invalid="ignore"):
        return np.array([np.nanmean(one) if not np.isnan(one).all() else np.nan for one in errors.T])


def _mean(weights: Floats, values: Floats) -> float:
    """Weighted mean of what is known."""
    known = ~np.isnan(values) & (weights > 0)
    return float((weights[known] * values[known]).sum() / weights[known].sum()) if known.any() else float("nan")


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
