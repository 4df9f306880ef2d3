"""Make a bundle's map of populations from its training panel and the labels of its people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.ancestry import RIDGE, AncestryMap, Floats, MapSites
from genotypes.harmonise import Action, match, normal_contig
from genotypes.panel import Panel

if TYPE_CHECKING:
    from models.dae.bundle import Bundle
    from models.haplotypes.bundle import HaplotypeBundle

LEAST_PEOPLE: Final = 10  # of a population, to have a place on the map
POOLED: Final = 20  # people's worth of the common covariance in a population's own
WINDOW: Final = 50  # kept sites before a site that it must not repeat


@dataclass(frozen=True)
class AncestryOptions:
    """How a map is made."""

    axes: int = 10
    min_maf: float = 0.05
    max_r2: float = 0.5  # between a site and any of the kept ones before it
    max_sites: int = 20_000  # over all chromosomes
    axes_share: float = 2 / 3  # of people who make the axes; the others, placed on them, make the populations
    seed: int = 1


def make_map(
    bundle: Bundle | HaplotypeBundle, panels: Sequence[Panel], labels: Mapping[str, str], options: AncestryOptions
) -> AncestryMap:
    """The map of a bundle.

    Args:
        bundle: the bundle.
        panels: its training people, a chromosome each.
        labels: population by sample id; people without one are left out.
        options: how.

    Raises:
        TesseraError: `setup_invalid` when too few people or sites are left.
    """
    people, label, held = labelled(panels[0].samples, labels)
    chosen: dict[str, tuple[MapSites, NDArray[np.int8]]] = {}
    for panel in panels:
        name = next((one for one in bundle.chromosomes if normal_contig(one) == normal_contig(panel.sites.chrom)), None)
        if name is None:
            raise TesseraError(Code.setup_invalid, f"The bundle holds no chromosome {panel.sites.chrom}.")
        chosen[name] = _choose(bundle, name, panel, people, options, options.max_sites // len(panels))
    return fit_map(chosen, label, held, options)


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


def _choose(
    bundle: Bundle | HaplotypeBundle, name: str, panel: Panel, people: list[str], options: AncestryOptions, most: int
) -> tuple[MapSites, NDArray[np.int8]]:
    """Common sites that tiles read, none a repetition of an earlier one, with the people's dosages (M, N)."""
    if panel.haplotypes.shape[1] != 2 * len(panel.samples):
        raise TesseraError(Code.setup_invalid, f"The panel of chromosome {name} has haploids: give autosomes.")
    found = match(panel.sites, bundle.sites(name))
    inputs = np.unique(np.concatenate([tile.inputs for tile in bundle.tiles(name)]))
    place = {sample: column for column, sample in enumerate(panel.samples)}
    if missing := [sample for sample in people if sample not in place]:
        raise TesseraError(Code.setup_invalid, f"The panel of chromosome {name} lacks '{missing[0]}'.")
    columns = np.array([place[sample] for sample in people])
    maf = np.minimum(panel.haplotypes.mean(1), 1 - panel.haplotypes.mean(1))
    usable = (found.action == Action.exact) & np.isin(found.rows, inputs) & (maf >= options.min_maf)
    rows = np.flatnonzero(usable)
    dosage = panel.haplotypes[rows][:, 2 * columns] + panel.haplotypes[rows][:, 2 * columns + 1]
    kept = prune(dosage, options.max_r2)
    kept = kept[np.unique(np.linspace(0, len(kept) - 1, min(len(kept), most)).astype(int))] if len(kept) else kept
    if len(kept) < options.axes:
        raise TesseraError(Code.setup_invalid, f"Chromosome {name} has {len(kept)} sites fit for a map.")
    order = kept[np.argsort(found.rows[rows[kept]], kind="stable")]
    dosage = dosage[order]
    af = dosage.mean(axis=1, dtype=np.float64).astype(np.float32) / 2
    return MapSites(found.rows[rows[order]], af, np.zeros((len(order), 0), np.float32)), dosage


def prune(dosage: NDArray[np.int8], max_r2: float) -> NDArray[np.int64]:
    """Rows of (M, N) that correlate by at most `max_r2` with each of the `WINDOW` kept rows before them."""
    wide = dosage.astype(np.float32)
    wide -= wide.mean(axis=1, keepdims=True)
    length = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    wide /= np.where(length > 0, length, 1)
    kept: list[int] = []
    for row in np.flatnonzero(length[:, 0] > 0).tolist():
        near = kept[-WINDOW:]
        if not near or float(np.square(wide[near] @ wide[row]).max()) <= max_r2:
            kept.append(row)
    return np.array(kept, np.int64)


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
