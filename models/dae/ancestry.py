"""Fit a bundle's map of populations to people whose genotypes at its sites and whose labels are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.ancestry import RIDGE, AncestryMap, Floats, MapSites

LEAST_PEOPLE: Final = 10  # of a population, to have a place on the map
POOLED: Final = 20  # people's worth of the common covariance in a population's own


@dataclass(frozen=True)
class AncestryOptions:
    """How a map is made."""

    axes: int = 10
    min_maf: float = 0.05
    max_r2: float = 0.5  # between a site and any of the kept ones before it
    max_sites: int = 20_000  # over all chromosomes
    axes_share: float = 2 / 3  # of people who make the axes; the others, placed on them, make the populations
    seed: int = 1


def labelled(samples: Sequence[str], labels: Mapping[str, str]) -> tuple[list[str], NDArray[np.int64], list[str]]:
    """People of populations that are large enough, the number of each one's population, and the populations' names.

    Raises:
        TesseraError: `setup_invalid` when fewer than two populations are.
    """
    people = [sample for sample in samples if sample in labels]
    names, counts = np.unique([labels[sample] for sample in people], return_counts=True)
    held = [str(name) for name, count in zip(names, counts, strict=True) if count >= LEAST_PEOPLE]
    people = [sample for sample in people if labels[sample] in held]
    if len(held) < 2:
        raise TesseraError(
            Code.setup_invalid, f"The labels name {len(held)} populations of {LEAST_PEOPLE} people or more."
        )
    return people, np.array([held.index(labels[sample]) for sample in people]), held


def fit_map(
    chosen: Mapping[str, tuple[MapSites, NDArray[np.int8]]],
    label: NDArray[np.int64],
    held: Sequence[str],
    options: AncestryOptions,
) -> AncestryMap:
    """The map of people whose genotypes at the chosen sites are known.

    Args:
        chosen: by chromosome, its sites (M) and the people's dosages (M, N).
        label: (N,) number of each one's population.
        held: the populations' names.
        options: how.
    """
    dosages = np.concatenate([one.standardised(dosage) for one, dosage in chosen.values()])
    rng = np.random.default_rng(options.seed)
    makers = _split(label, options.axes_share, rng)
    loadings, explained = _axes(dosages[:, makers], options.axes)
    edges = np.cumsum([0] + [len(one.rows) for one, _ in chosen.values()])
    chromosomes = {
        name: MapSites(one.rows, one.af, loadings[low:high])
        for (name, (one, _)), low, high in zip(chosen.items(), edges[:-1], edges[1:], strict=True)
    }
    scores = _solve(loadings, dosages[:, ~makers])
    centres, covariances, sizes = _populations(scores, label[~makers], len(held))
    noise = _noise(loadings, dosages[:, ~makers], scores, rng)
    return AncestryMap(chromosomes, list(held), sizes, centres, covariances, explained, noise)


def _split(label: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(N,) who makes the axes: the share of every population."""
    makers = np.zeros(len(label), bool)
    for population in range(label.max() + 1):
        members = rng.permutation(np.flatnonzero(label == population))
        makers[members[: round(share * len(members))]] = True
    return makers


def _axes(dosages: NDArray[np.float32], axes: int) -> tuple[NDArray[np.float32], Floats]:
    """Loadings (M, K) and shares of the first axes of (M, N) standardised genotypes; scores have variance 1."""
    gram = (dosages.T @ dosages).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[::-1][:axes], vectors[:, ::-1][:, :axes]
    scores = vectors * np.sqrt(dosages.shape[1])
    loadings = dosages @ (scores / dosages.shape[1]).astype(np.float32)
    return loadings, np.asarray(values / np.trace(gram))


def _solve(loadings: NDArray[np.float32], dosages: NDArray[np.float32]) -> Floats:
    """(N, K) least-squares scores of (M, N) standardised genotypes without missing ones."""
    wide = loadings.astype(np.float64)
    information = wide.T @ wide + RIDGE * np.eye(wide.shape[1])
    return np.asarray(np.linalg.solve(information, wide.T @ dosages.astype(np.float64)).T)


def _populations(scores: Floats, label: NDArray[np.int64], count: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean, covariance and size of every population; small ones lean on the covariance that all share."""
    centres = np.stack([scores[label == p].mean(axis=0) for p in range(count)])
    away = scores - centres[label]
    pooled = away.T @ away / max(1, len(scores) - count)
    sizes = np.bincount(label, minlength=count)
    own = np.stack([away[label == p].T @ away[label == p] for p in range(count)])
    covariances = (own + POOLED * pooled) / (sizes + POOLED - 1)[:, None, None]
    return centres, covariances, sizes.astype(np.int64)


def _noise(
    loadings: NDArray[np.float32], dosages: NDArray[np.float32], scores: Floats, rng: np.random.Generator
) -> float:
    """How far scores move when a quarter of the sites are seen, over what independent sites would make of it."""
    seen = rng.random(len(loadings)) < 0.25
    moved = _solve(loadings[seen], dosages[seen]) - scores
    full, part = (np.linalg.inv(one.T @ one + RIDGE * np.eye(one.shape[1])) for one in _wide(loadings, seen))
    return float(np.mean(moved.var(axis=0) / np.diag(part - full)))


def _wide(loadings: NDArray[np.float32], seen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    wide = loadings.astype(np.float64)
    return wide, wide[seen]
