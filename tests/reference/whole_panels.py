"""Populations and map of a bundle from whole panels in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genotypes.ancestry import AncestryMap, MapSites
from genotypes.clusters import cluster_people
from genotypes.harmonise import Action, match
from genotypes.panel import Panel, read_panel
from genotypes.populations import Populations
from models.dae.ancestry import AncestryOptions, fit_map, labelled
from models.population_table import Labels, pool
from models.populations import cluster_names


def people_of(
    bundle: Any, paths: Sequence[Path], labels: Labels | None, options: AncestryOptions
) -> tuple[Populations, AncestryMap]:
    """Counts by population and the map."""
    panels = [read_panel(path) for path in paths]
    first = panels[0]
    groups = (
        pool(labels, first.samples)
        if labels
        else cluster_names(cluster_people(first.haplotypes, np.arange(len(first.samples))), first.samples)
    )
    people = np.array([len(members) for members in groups.values()], np.int64)
    counts = {panel.sites.chrom: _count(bundle, panel, list(groups.values())) for panel in panels}
    held = Populations([name for name, _ in groups], [above for _, above in groups], people, counts)
    tops = {sample: top for top, members in zip(held.tops, groups.values(), strict=True) for sample in members}
    return held, map_of(bundle, panels, tops, options)


def map_of(bundle: Any, panels: Sequence[Panel], labels: Mapping[str, str], options: AncestryOptions) -> AncestryMap:
    """The map alone."""
    people, label, held = labelled(panels[0].samples, labels)
    most = options.max_sites // len(panels)
    chosen = {panel.sites.chrom: _choose(bundle, panel, people, options, most) for panel in panels}
    return fit_map(chosen, label, held, options)


def _count(bundle: Any, panel: Panel, groups: Sequence[Sequence[str]]) -> NDArray[np.uint16]:
    table = bundle.sites(panel.sites.chrom)
    found = match(panel.sites, table)
    exact = np.flatnonzero(found.action == Action.exact)
    out = np.zeros((len(table), len(groups)), np.uint16)
    for number, members in enumerate(groups):
        columns = np.array([panel.samples.index(sample) for sample in members])
        both = np.concatenate([2 * columns, 2 * columns + 1])
        out[found.rows[exact], number] = panel.haplotypes[:, both].sum(axis=1, dtype=np.int64)[exact]
    return out


def _choose(
    bundle: Any, panel: Panel, people: list[str], options: AncestryOptions, most: int
) -> tuple[MapSites, NDArray[np.int8]]:
    name = panel.sites.chrom
    found = match(panel.sites, bundle.sites(name))
    inputs = np.unique(np.concatenate([tile.inputs for tile in bundle.tiles(name)]))
    columns = np.array([panel.samples.index(sample) for sample in people])
    maf = np.minimum(panel.haplotypes.mean(1), 1 - panel.haplotypes.mean(1))
    usable = (found.action == Action.exact) & np.isin(found.rows, inputs) & (maf >= options.min_maf)
    rows = np.flatnonzero(usable)
    dosage = panel.haplotypes[rows][:, 2 * columns] + panel.haplotypes[rows][:, 2 * columns + 1]
    kept = _prune(dosage, options.max_r2)
    kept = kept[np.unique(np.linspace(0, len(kept) - 1, min(len(kept), most)).astype(int))]
    order = kept[np.argsort(found.rows[rows[kept]], kind="stable")]
    dosage = dosage[order]
    af = dosage.mean(axis=1, dtype=np.float64).astype(np.float32) / 2
    return MapSites(found.rows[rows[order]], af, np.zeros((len(order), 0), np.float32)), dosage


def _prune(dosage: NDArray[np.int8], max_r2: float) -> NDArray[np.int64]:
    wide = dosage.astype(np.float32)
    wide -= wide.mean(axis=1, keepdims=True)
    length = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    wide /= np.where(length > 0, length, 1)
    kept: list[int] = []
    for row in np.flatnonzero(length[:, 0] > 0).tolist():
        near = kept[-50:]
        if not near or float(np.square(wide[near] @ wide[row]).max()) <= max_r2:
            kept.append(row)
    return np.array(kept, np.int64)
