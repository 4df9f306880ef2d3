"""Make a bundle's map of populations from its training panel, which is read a block of sites at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.ancestry import AncestryMap, MapSites
from genotypes.harmonise import Action, Match
from genotypes.packed_rows import PackedRows
from genotypes.panel_blocks import BlocksOfPeople, PanelBlock
from models.dae.ancestry import AncestryOptions, fit_map, labelled
from models.panel_match import PanelMatch

if TYPE_CHECKING:
    from models.dae.bundle import Bundle
    from models.haplotypes.bundle import HaplotypeBundle

WINDOW: Final = 50  # kept sites before a site that it must not repeat


class Pruner:
    """Takes sites in order and keeps those that do not repeat one of the `WINDOW` kept before them."""

    def __init__(self, max_r2: float) -> None:
        """Begin; kept sites correlate by at most `max_r2`."""
        self._max_r2 = max_r2
        self._near: list[NDArray[np.float32]] = []

    def keep(self, dosage: NDArray[np.int8]) -> NDArray[np.int64]:
        """Rows of the next (M, N) dosages that are kept."""
        wide = dosage.astype(np.float32)
        wide -= wide.mean(axis=1, keepdims=True)
        length = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
        wide /= np.where(length > 0, length, 1)
        kept: list[int] = []
        for row in np.flatnonzero(length[:, 0] > 0).tolist():
            if not self._near or float(np.square(np.stack(self._near) @ wide[row]).max()) <= self._max_r2:
                kept.append(row)
                self._near = [*self._near[1 - WINDOW :], wide[row].copy()]
        return np.array(kept, np.int64)


def prune(dosage: NDArray[np.int8], max_r2: float) -> NDArray[np.int64]:
    """Rows of (M, N) that correlate by at most `max_r2` with each of the `WINDOW` kept rows before them."""
    return Pruner(max_r2).keep(dosage)


def _dosage(alleles: NDArray[np.int8]) -> NDArray[np.int8]:
    """(M, N) ALT alleles of people of (M, 2N) haplotypes."""
    found: NDArray[np.int8] = alleles[:, 0::2] + alleles[:, 1::2]
    return found


class MapMaker:
    """Chooses the sites of a map while a panel is read, a block of sites at a time.

    What is kept of a chromosome until its end lies in files.
    """

    def __init__(
        self, samples: Sequence[str], labels: Mapping[str, str], options: AncestryOptions, panels: int, scratch: Path
    ) -> None:
        """Prepare.

        Args:
            samples: the panel's people.
            labels: population by sample id; people without one are left out.
            options: how.
            panels: chromosomes that will be read.
            scratch: folder for what is kept.

        Raises:
            TesseraError: `setup_invalid` when the labels name fewer than two populations of enough people.
        """
        self._people, self._label, self._held = labelled(samples, labels)
        self._options, self._most, self._scratch = options, options.max_sites // panels, scratch
        self._chosen: dict[str, tuple[MapSites, NDArray[np.int8]]] = {}

    def begin(self, bundle: Bundle | HaplotypeBundle, name: str, samples: Sequence[str]) -> None:
        """Begin a chromosome, by the bundle's name, of a panel of `samples`; `setup_invalid` for other people."""
        place = {sample: column for column, sample in enumerate(samples)}
        if missing := [sample for sample in self._people if sample not in place]:
            raise TesseraError(Code.setup_invalid, f"The panel of chromosome {name} lacks '{missing[0]}'.")
        columns = np.array([place[sample] for sample in self._people])
        self._columns = np.stack([2 * columns, 2 * columns + 1], axis=1).ravel()
        self._inputs = np.unique(np.concatenate([tile.inputs for tile in bundle.tiles(name)]))
        self._name, self._pruner = name, Pruner(self._options.max_r2)
        self._kept = PackedRows(self._scratch / "kept", len(self._columns))
        self._rows: list[NDArray[np.int32]] = []

    def add(self, block: PanelBlock, found: Match) -> None:
        """The next block of the chromosome and how its sites relate to the bundle's."""
        maf = np.minimum(block.haplotypes.mean(1), 1 - block.haplotypes.mean(1))
        exact = (found.action == Action.exact) & (maf >= self._options.min_maf)
        rows = np.flatnonzero(exact & np.isin(found.rows, self._inputs))
        alleles = block.haplotypes[rows][:, self._columns]
        kept = self._pruner.keep(_dosage(alleles))
        self._kept.add(alleles[kept])
        self._rows.append(found.rows[rows[kept]])

    def end(self) -> None:
        """End the chromosome; raises `setup_invalid` when it has too few sites."""
        count = len(self._kept)
        some = np.unique(np.linspace(0, max(0, count - 1), min(count, self._most)).astype(int))
        if len(some) < self._options.axes:
            raise TesseraError(Code.setup_invalid, f"Chromosome {self._name} has {len(some)} sites fit for a map.")
        rows = np.concatenate(self._rows)
        order = some[np.argsort(rows[some], kind="stable")]
        dosage = _dosage(self._kept.take(order))
        af = dosage.mean(axis=1, dtype=np.float64).astype(np.float32) / 2
        self._chosen[self._name] = MapSites(rows[order], af, np.zeros((len(order), 0), np.float32)), dosage

    def finish(self) -> AncestryMap:
        """The map."""
        return fit_map(self._chosen, self._label, self._held, self._options)


def make_map(
    bundle: Bundle | HaplotypeBundle,
    panels: Sequence[BlocksOfPeople],
    labels: Mapping[str, str],
    options: AncestryOptions,
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
    with TemporaryDirectory() as scratch:
        maker = MapMaker(panels[0].samples, labels, options, len(panels), Path(scratch))
        for panel in panels:
            matching: PanelMatch | None = None
            for block in panel:
                if matching is None:
                    matching = PanelMatch(bundle, block.sites.chrom)
                    maker.begin(bundle, matching.name, panel.samples)
                maker.add(block, matching.of(block.sites))
            maker.end()
        return maker.finish()
