"""Put a bundle's training populations into it: frequencies by population, and the map on which people are placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import ancestry
from genotypes.clusters import cluster_people, clusters_for
from genotypes.harmonise import Action, match, normal_contig
from genotypes.manifest import BundleManifest
from genotypes.panel import Panel, read_panel
from genotypes.populations import FILE_NAME, Populations
from models.bundle_folder import BundleFolder, seal
from models.bundles import open_bundle
from models.dae.ancestry import AncestryOptions, make_map
from models.population_table import Labels, pool

Groups = dict[tuple[str, str], list[str]]
"""Sample ids by population and larger population."""


@dataclass(frozen=True)
class Described:
    """What `describe_people` made."""

    manifest: BundleManifest
    populations: list[str]
    unmapped: str | None  # why there is no map; None where there is one


def describe_people(
    folder: Path,
    panels: Sequence[Path],
    labels: Labels | None = None,
    options: AncestryOptions | None = None,
    chrom: str | None = None,
) -> Described:
    """Put frequencies by population and a map into the bundle at `folder` and seal it again; its id changes.

    Args:
        folder: the bundle.
        panels: phased files of its training people, a chromosome each.
        labels: populations by sample id; without them people are clustered by their genotypes.
        options: of the map.
        chrom: contig to read where a panel holds several.

    Returns:
        What was made; a map that cannot be made (too few sites) is said and left out.

    Raises:
        TesseraError: `setup_invalid` when there are fewer than two populations, when a panel lacks sites or people of
            the bundle, or holds haploid people; what `read_panel` raises.
    """
    bundle = open_bundle(folder)
    read = [read_panel(path, chrom) for path in panels]
    for panel in read:
        if panel.haplotypes.shape[1] != 2 * len(panel.samples):
            message = f"The panel of chromosome {panel.sites.chrom} has haploids: give autosomes."
            raise TesseraError(Code.setup_invalid, message)
    groups = pool(labels, read[0].samples) if labels else clusters(read[0])
    if len(groups) < 2:
        message = f"The panel's {len(read[0].samples)} people make no two populations of enough people."
        raise TesseraError(Code.setup_invalid, message)
    held = count_populations(bundle, read, groups)
    held.save(folder / FILE_NAME)
    tops = {sample: top for top, members in zip(held.tops, groups.values(), strict=True) for sample in members}
    unmapped = None
    if len(set(tops.values())) < 2:
        tops = {sample: name for (name, _), members in groups.items() for sample in members}
    try:
        make_map(bundle, read, tops, options or AncestryOptions()).save(folder / ancestry.FILE_NAME)
    except TesseraError as error:
        if error.code is not Code.setup_invalid:
            raise
        unmapped = error.message
        (folder / ancestry.FILE_NAME).unlink(missing_ok=True)
    panel_facts = bundle.manifest.panel | {"populations": held.describe()}
    return Described(seal(folder, replace(bundle.manifest, panel=panel_facts)), held.names, unmapped)


def clusters(panel: Panel) -> Groups:
    """People by k-means on principal components, the largest cluster first; those that are too small are pooled."""
    if clusters_for(len(panel.samples)) == 1:
        return {}
    return cluster_names(cluster_people(panel.haplotypes, np.arange(len(panel.samples))), panel.samples)


def cluster_names(found: NDArray[np.int64], samples: Sequence[str]) -> Groups:
    """Groups of people by their (S,) clusters."""
    rank = {number: place + 1 for place, number in enumerate(np.argsort(-np.bincount(found), kind="stable").tolist())}
    named = {s: (f"cluster {rank[number]}", "") for s, number in zip(samples, found.tolist(), strict=True)}
    return pool(named, samples)


def count_populations(bundle: BundleFolder, panels: Sequence[Panel], groups: Groups) -> Populations:
    """Count ALT alleles of every site of the bundle in every group; see `describe_people`."""
    counts = {}
    for panel in panels:
        name = next((one for one in bundle.chromosomes if normal_contig(one) == normal_contig(panel.sites.chrom)), None)
        if name is None:
            raise TesseraError(Code.setup_invalid, f"The bundle holds no chromosome {panel.sites.chrom}.")
        counts[name] = _count(bundle, name, panel, list(groups.values()))
    return Populations(
        [name for name, _ in groups],
        [above for _, above in groups],
        np.array([len(members) for members in groups.values()], np.int64),
        counts,
    )


def _count(bundle: BundleFolder, name: str, panel: Panel, groups: Sequence[Sequence[str]]) -> NDArray[np.uint16]:
    """(V, P) ALT alleles of the bundle's sites."""
    table = bundle.sites(name)
    found = match(panel.sites, table)
    exact = np.flatnonzero(found.action == Action.exact)
    rows = found.rows[exact]
    if len(np.unique(rows)) < len(table):
        lacking = len(table) - len(np.unique(rows))
        raise TesseraError(Code.setup_invalid, f"The panel lacks {lacking:,} of the bundle's sites on {name}.")
    place = {sample: column for column, sample in enumerate(panel.samples)}
    out = np.zeros((len(table), len(groups)), np.uint16)
    for number, members in enumerate(groups):
        if missing := [sample for sample in members if sample not in place]:
            raise TesseraError(Code.setup_invalid, f"The panel of chromosome {name} lacks '{missing[0]}'.")
        columns = np.array([place[sample] for sample in members])
        both = np.concatenate([2 * columns, 2 * columns + 1])
        out[rows, number] = panel.haplotypes[:, both].sum(axis=1, dtype=np.int64)[exact]
    return out
