"""Where the people of a job lie on the bundle's map of its training populations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.ancestry import AncestryMap, Placement
from worker.pipeline.folder import Harmonised
from worker.pipeline.types import BundleView

SHOWN: Final = 2_000  # people in the document; the table of samples has all
BLOCK_SITES: Final = 2_048


def place_samples(harmonised: Harmonised, bundle: BundleView) -> tuple[AncestryMap, Placement] | None:
    """The bundle's map and the place of every sample on it; None without a map."""
    held = bundle.ancestry()
    if held is None:
        return None
    return held, held.place(_typed(harmonised, held), len(harmonised.samples))


def _typed(harmonised: Harmonised, held: AncestryMap) -> Iterator[tuple[str, NDArray[np.int32], gt.Codes]]:
    """The typed sites that the map knows, a block at a time."""
    for one in harmonised.chromosomes:
        store = harmonised.typed(one)
        if one.name not in held.chromosomes or store.rows is None:
            continue
        at = np.flatnonzero(np.isin(store.rows, held.chromosomes[one.name].rows))
        for first in range(0, len(at), BLOCK_SITES):
            part = at[first : first + BLOCK_SITES]
            yield one.name, store.rows[part], store.codes[part]


def ancestry_document(samples: list[str], held: AncestryMap, placed: Placement) -> dict[str, Any]:
    """The part `ancestry` of the QC document: axes, the training populations, and the samples."""
    deviations = np.sqrt(np.diagonal(held.covariances, axis1=1, axis2=2))
    return {
        "axes": [{"name": f"PC{k + 1}", "explained": float(share)} for k, share in enumerate(held.explained)],
        "sites": sum(len(one.rows) for one in held.chromosomes.values()),
        "reference": [
            {
                "population": name,
                "people": int(people),
                "centre": _rounded(centre),
                "spread": _rounded(spread),
            }
            for name, people, centre, spread in zip(
                held.populations, held.people, held.centres, deviations, strict=True
            )
        ],
        "samples": [_sample(samples[row], row, held, placed) for row in range(min(len(samples), SHOWN))],
        "counts": {name: int((placed.population == number).sum()) for number, name in enumerate(held.populations)},
        "not_placed": int((placed.population < 0).sum()),
    }


def _sample(name: str, row: int, held: AncestryMap, placed: Placement) -> dict[str, Any]:
    """One sample; nothing but its count of sites where these are too few."""
    population = int(placed.population[row])
    if population < 0:
        return {"id": name, "sites": int(placed.sites[row]), "pc": None, "population": None, "probability": None}
    return {
        "id": name,
        "sites": int(placed.sites[row]),
        "pc": _rounded(placed.scores[row]),
        "population": held.populations[population],
        "probability": round(float(placed.probability[row, population]), 4),
    }


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in values]
