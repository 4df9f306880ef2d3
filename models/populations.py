"""Put a bundle's training populations into it: frequencies by population, and the map on which people are placed."""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import ancestry
from genotypes.clusters import COMMON, MOST_SITES, cluster_people, clusters_for
from genotypes.harmonise import Action, Match
from genotypes.manifest import BundleManifest
from genotypes.packed_rows import PackedRows
from genotypes.panel_blocks import BlocksOfPeople, DiploidPanel, PanelBlock
from genotypes.populations import FILE_NAME, Populations
from genotypes.tensor_stream import Stream
from models.bundle_folder import seal
from models.bundles import open_bundle
from models.dae.ancestry import AncestryOptions
from models.dae.map_maker import MapMaker
from models.panel_match import PanelMatch
from models.population_table import Labels, pool

if TYPE_CHECKING:
    from models.dae.bundle import Bundle
    from models.haplotypes.bundle import HaplotypeBundle

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
            the bundle, or holds haploid people; what `PanelBlocks` raises, as of one that is not sorted.
    """
    bundle = open_bundle(folder)
    read = [DiploidPanel(path, chrom) for path in panels]
    people = read[0].samples
    with TemporaryDirectory(prefix=f".{folder.name}.panel-", dir=folder.parent) as made:
        scratch = Path(made)
        groups = pool(labels, people) if labels else clusters(read[0], scratch)
        if len(groups) < 2:
            message = f"The panel's {len(people)} people make no two populations of enough people."
            raise TesseraError(Code.setup_invalid, message)
        held = Populations(
            [name for name, _ in groups],
            [above for _, above in groups],
            np.array([len(members) for members in groups.values()], np.int64),
            {},
        )
        mapped = _Mapped(bundle, people, _top_labels(held, groups), options or AncestryOptions(), len(read), scratch)
        counted: dict[str, Path] = {}
        for number, panel in enumerate(read):
            path = scratch / f"{number}.counts"
            counted[_count(bundle, panel, held, groups, path, mapped)] = path
        sites = {name: bundle.manifest.chromosomes[name].sites for name in counted}
        streams = {name: Stream.of_file(path) for name, path in counted.items()}
        held.save_streams(folder / FILE_NAME, streams, sites)
        unmapped = mapped.save(folder / ancestry.FILE_NAME)
    panel_facts = bundle.manifest.panel | {"populations": held.describe()}
    return Described(seal(folder, replace(bundle.manifest, panel=panel_facts)), held.names, unmapped)


def _top_labels(held: Populations, groups: Groups) -> dict[str, str]:
    """Each sample's larger population; its own where all are of one."""
    tops = {sample: top for top, members in zip(held.tops, groups.values(), strict=True) for sample in members}
    if len(set(tops.values())) < 2:
        return {sample: name for (name, _), members in groups.items() for sample in members}
    return tops


def clusters(panel: BlocksOfPeople, scratch: Path) -> Groups:
    """People by k-means on principal components, the largest cluster first; those that are too small are pooled.

    Args:
        panel: of which common sites are read.
        scratch: folder for these.
    """
    count = len(panel.samples)
    if clusters_for(count) == 1:
        return {}
    common = PackedRows(scratch / "common", 2 * count)
    for block in panel:
        af = block.haplotypes.mean(1)
        common.add(block.haplotypes[np.minimum(af, 1 - af) >= COMMON])
    rows = np.arange(0, len(common), max(1, -(-len(common) // MOST_SITES)))
    return cluster_names(cluster_people(common.take(rows), np.arange(count)), panel.samples)


def cluster_names(found: NDArray[np.int64], samples: Sequence[str]) -> Groups:
    """Groups of people by their (S,) clusters."""
    rank = {number: place + 1 for place, number in enumerate(np.argsort(-np.bincount(found), kind="stable").tolist())}
    named = {s: (f"cluster {rank[number]}", "") for s, number in zip(samples, found.tolist(), strict=True)}
    return pool(named, samples)


class _Mapped:
    """The map on its way; what it cannot be made for is said at the end, and costs nothing else."""

    def __init__(
        self,
        bundle: Bundle | HaplotypeBundle,
        people: Sequence[str],
        labels: dict[str, str],
        options: AncestryOptions,
        panels: int,
        scratch: Path,
    ) -> None:
        self._bundle = bundle
        self._maker: MapMaker | None = None
        self._unmapped: str | None = None
        with self._noted():
            self._maker = MapMaker(people, labels, options, panels, scratch)

    def begin(self, name: str, samples: Sequence[str]) -> None:
        with self._noted():
            if self._maker is not None:
                self._maker.begin(self._bundle, name, samples)

    def add(self, block: PanelBlock, found: Match) -> None:
        if self._maker is not None:
            self._maker.add(block, found)

    def end(self) -> None:
        with self._noted():
            if self._maker is not None:
                self._maker.end()

    def save(self, path: Path) -> str | None:
        """Write the map, or remove an older one and tell why."""
        with self._noted():
            if self._maker is not None:
                self._maker.finish().save(path)
        if self._unmapped is not None:
            path.unlink(missing_ok=True)
        return self._unmapped

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except TesseraError as error:
            if error.code is not Code.setup_invalid:
                raise
            self._maker, self._unmapped = None, error.message


def _count(
    bundle: Bundle | HaplotypeBundle,
    panel: BlocksOfPeople,
    held: Populations,
    groups: Groups,
    path: Path,
    mapped: _Mapped,
) -> str:
    """Write (V, P) ALT alleles of the bundle's sites of a panel's chromosome as xz, and show its blocks to the map.

    Returns:
        The bundle's name of the chromosome.
    """
    matching: PanelMatch | None = None
    for block in panel:
        if matching is None:
            matching = PanelMatch(bundle, block.sites.chrom)
            columns = _columns(panel.samples, groups, matching.name)
            counts = np.zeros((len(matching.table), len(groups)), held.kind)
            seen = np.zeros(len(matching.table), bool)
            mapped.begin(matching.name, panel.samples)
        found = matching.of(block.sites)
        exact = np.flatnonzero(found.action == Action.exact)
        rows = found.rows[exact]
        for number, both in enumerate(columns):
            counts[rows, number] = block.haplotypes[:, both].sum(axis=1, dtype=np.int64)[exact]
        seen[rows] = True
        mapped.add(block, found)
    assert matching is not None  # a panel without sites is refused
    if lacking := int((~seen).sum()):
        raise TesseraError(Code.setup_invalid, f"The panel lacks {lacking:,} of the bundle's sites on {matching.name}.")
    mapped.end()
    with lzma.open(path, "wb") as file:
        file.write(counts.data)
    return matching.name


def _columns(samples: Sequence[str], groups: Groups, name: str) -> list[NDArray[np.int64]]:
    """Columns of the haplotypes of each group's people."""
    place = {sample: column for column, sample in enumerate(samples)}
    for members in groups.values():
        if missing := [sample for sample in members if sample not in place]:
            raise TesseraError(Code.setup_invalid, f"The panel of chromosome {name} lacks '{missing[0]}'.")
    people = [np.array([place[sample] for sample in members]) for members in groups.values()]
    return [np.concatenate([2 * one, 2 * one + 1]) for one in people]
