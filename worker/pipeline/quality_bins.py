"""Mean estimated R2 per range of minor allele frequency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.types import QualityBin

MAF_EDGES = (0.0, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5)


def bin_quality(maf: NDArray[np.float32], r2: NDArray[np.float32]) -> list[QualityBin]:
    """Bin the imputed-only sites of a chromosome.

    Args:
        maf: (V,) float32, minor allele frequency 0-0.5.
        r2: (V,) float32, estimated R2, NaN where there is none.

    Returns:
        One bin per range of `MAF_EDGES`, (low, high], the first one with 0.
    """
    places = np.clip(np.searchsorted(MAF_EDGES, np.asarray(maf, np.float64) - 1e-9) - 1, 0, len(MAF_EDGES) - 2)
    bins = []
    for place in range(len(MAF_EDGES) - 1):
        here = r2[places == place]
        known = here[~np.isnan(here)].astype(np.float64)
        mean = float(known.mean()) if len(known) else None
        bins.append(QualityBin(MAF_EDGES[place], MAF_EDGES[place + 1], len(here), mean))
    return bins


def merge_bins(groups: Iterable[Sequence[QualityBin]]) -> list[QualityBin]:
    """The bins of several chromosomes together, each weighed by its sites."""
    merged: dict[tuple[float, float], list[QualityBin]] = {}
    for group in groups:
        for one in group:
            merged.setdefault((one.maf_low, one.maf_high), []).append(one)
    out = []
    for (low, high), parts in sorted(merged.items()):
        weights = [(one.sites, one.mean_r2) for one in parts if one.mean_r2 is not None]
        sites = sum(weight for weight, _ in weights)
        mean = sum(weight * r2 for weight, r2 in weights) / sites if sites else None
        out.append(QualityBin(low, high, sum(one.sites for one in parts), mean))
    return out
