"""Posteriors of a block to what is written of it: items, and the sums behind INFO and the report, at one go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.cells import Cells, quantise, quantise_haplotypes
from genotypes.packed_pairs import WORD, PackedPairs
from genotypes.pair_cells import cells_of_pairs
from genotypes.quality import SiteSums
from models.protocol import ImputedBlock, PairBlock
from worker.pipeline.emit import Observed, Typed, exact_sums
from worker.pipeline.people import PeopleSums
from worker.pipeline.regions import Region

# Dosage and expected square of the number of ALT alleles of the genotype codes 0-6, in thousandths.
_DOSAGE: Final = gt.dosage(np.arange(7, dtype=np.int8)).astype(np.int32)
_SEEN: Final = 1000 * np.stack([_DOSAGE, _DOSAGE**2], axis=1)


class Itemiser:
    """Turns the blocks of a chunk into items, and counts people on the way."""

    def __init__(self, typed: Typed, people: PeopleSums, af: NDArray[np.float32] | None, threads: int) -> None:
        """Count into `people`; `af` are the ALT frequencies of all sites of the chromosome."""
        self._typed, self._people, self._af, self._threads = typed, people, af, max(1, threads)
        self._pool = ThreadPoolExecutor(self._threads)

    def __call__(self, block: ImputedBlock | PairBlock, region: Region) -> tuple[Cells, SiteSums]:
        """(V, S) items with the observed genotypes in them, and the sums of the block's sites."""
        observed = self._typed.observed(block.first, block.first + len(block))
        layout = region.layout
        if isinstance(block, PairBlock):
            items, sums = self._of_pairs(block, observed, region)
            return items, exact_sums(items, layout, observed.codes, observed.rows, block.hidden_ds, sums)
        cells = _cells(block, layout.phased)
        self._people.add(block, observed.rows, layout.ploidy, self._af)
        items = layout.items_with(cells, observed.codes, observed.rows)
        return items, exact_sums(items, layout, observed.codes, observed.rows, block.hidden_ds)

    def _of_pairs(self, block: PairBlock, observed: Observed, region: Region) -> tuple[Cells, NDArray[np.int64]]:
        """(V, S) items and the (7, V) sums over them, a stretch of sites for each thread."""
        sites, samples = len(block), len(block.ploidy)
        items = np.empty((sites, samples), np.int32)
        sums = np.empty((7, sites), np.int64)
        rows = np.full(sites, -1, np.int32)
        rows[observed.rows] = np.arange(len(observed.rows))
        words = PackedPairs.words(sites)
        edges = [min(sites, WORD * (words * k // self._threads)) for k in range(self._threads + 1)]
        people = np.zeros((self._threads, 2, samples))
        pairs, ploidy = block.pairs, np.ascontiguousarray(region.layout.ploidy)

        def stretch(number: int) -> None:
            cells_of_pairs(
                pairs.masks, pairs.values, pairs.starts(edges[number]), block.phased, ploidy, rows, observed.codes,
                _SEEN, edges[number], edges[number + 1], items, sums, people[number],
            )  # fmt: skip

        list(self._pool.map(stretch, range(self._threads)))
        self._people.add_sums(block, observed.rows, ploidy, self._af, people.sum(axis=0))
        return items, sums

    def __enter__(self) -> Self:
        """Use as a context, which ends the threads."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the threads."""
        self._pool.shutdown()


def _cells(block: ImputedBlock, phased: bool) -> Cells:
    """(V, S) int32 cell codes of a block."""
    if not phased:
        return quantise(block.gp)
    if block.hds is None:
        raise ValueError("the engine gave no haplotype dosages for phased input")
    return quantise_haplotypes(block.hds)
