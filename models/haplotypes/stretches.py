"""Stretches of the panel on which rates are learned and accuracy is measured: a few, however long the genome is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.arrays import read_arrays
from genotypes.codes import HOM_ALT, HOM_REF, PHASED_01, PHASED_10
from genotypes.sites import SiteTable
from models.haplotypes.chromosome import Chromosome
from models.haplotypes.engine import CopyingImputer, CopyingOptions
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.library import Library
from models.haplotypes.resample import Block, Stretches
from models.haplotypes.synthetic import persons_of
from models.protocol import ImputedBlock, PairBlock, Tile, TypedGenotypes

EVERY: Final = 5  # without arrays every so-manieth common site stands for a typed one
COMMON: Final = 0.05  # minor-allele frequency from which a site is common
EVERY_NAME: Final = "every fifth common site"
_PHASED: Final = np.array([[HOM_REF, PHASED_01], [PHASED_10, HOM_ALT]], np.int8)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive sites of a chromosome, with the context that is read to impute them."""

    chromosome: Chromosome
    tile: Tile


def choose_stretches(
    o: GenomeOptions, chromosomes: Sequence[Chromosome], most_sites: int, most_stretches: int
) -> list[Stretch]:
    """All tiles where they have at most so many sites together, else stretches evenly over the chromosomes.

    Args:
        o: the context.
        chromosomes: where from.
        most_sites: of all stretches.
        most_stretches: where not all tiles are taken.
    """
    total = sum(one.sites for one in chromosomes)
    if total <= most_sites:
        return [Stretch(one, tile) for one in chromosomes for tile in one.library.cut()]
    ends = np.cumsum([one.sites for one in chromosomes])
    size = most_sites // most_stretches
    found = []
    for number in range(most_stretches):
        middle = int((number + 0.5) / most_stretches * total)
        one = chromosomes[int(np.searchsorted(ends, middle, "right"))]
        local = middle - int(ends[chromosomes.index(one)] - one.sites)
        first = max(0, min(local - size // 2, one.sites - size))
        end = min(one.sites, first + size)
        rows = np.arange(one.sites, dtype=np.int32)
        cm = one.library.positions(rows)
        low = int(np.searchsorted(cm, cm[first] - o.context))
        high = int(np.searchsorted(cm, cm[end - 1] + o.context, side="right"))
        found.append(Stretch(one, Tile(0, first, end, rows[low:high].copy())))
    return found


def arrays_of(o: GenomeOptions, one: Chromosome) -> dict[str, NDArray[np.int32]]:
    """Ascending rows of the chromosome that each array types, of arrays with at least two; none may be left."""
    if o.arrays:
        pos = np.asarray(one.positions)
        found = {}
        for name, positions in read_arrays(o.arrays, one.name).items():
            left, right = np.searchsorted(pos, positions), np.searchsorted(pos, positions, "right")
            found[name] = np.concatenate([np.arange(a, b) for a, b in zip(left, right, strict=True)] or [np.arange(0)])
    else:
        af = one.frequencies()
        found = {EVERY_NAME: np.flatnonzero(np.minimum(af, 1 - af) >= COMMON)[::EVERY]}
    return {name: rows.astype(np.int32) for name, rows in found.items() if len(rows) >= 2}


def refuse_no_arrays(arrays: Sequence[dict[str, NDArray[np.int32]]]) -> None:
    """Raise `setup_invalid` when no chromosome has an array."""
    if not any(arrays):
        raise TesseraError(Code.setup_invalid, "Fewer than two sites of the panel are on the arrays given.")


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """A stretch as a library without the held-out people, and these people; what the engine needs of it.

    Attributes:
        stretch: what it is of.
        core: the stretch's sites.
        rows: (U,) rows that an array types, context included.
        bits: (U, ceil(K / 8)) packed alleles there.
        cm: (U,) of them.
        seen: (U, B, 2) int8 alleles of the held-out people there.
        true: (V, B, 2) int8 their alleles at the stretch's sites.
        af: (V,) ALT frequency among the others.
        haplotypes: K, of the others.
        trust: (V',) calibration slopes of all the chromosome's sites; None: they are not measured yet.
    """

    stretch: Stretch
    core: Library
    rows: NDArray[np.int32]
    bits: NDArray[np.uint8]
    cm: NDArray[np.float64]
    seen: NDArray[np.int8]
    true: NDArray[np.int8]
    af: NDArray[np.float32]
    haplotypes: int
    trust: NDArray[np.float32] | None

    @classmethod
    def open(
        cls,
        o: GenomeOptions,
        stretch: Stretch,
        arrays: Sequence[NDArray[np.int32]],
        left_out: NDArray[np.int64],
        people: int,
        trust: NDArray[np.float32] | None = None,
    ) -> Self:
        """Read the stretch.

        Args:
            o: how the library is disguised.
            stretch: which.
            arrays: rows that each of some arrays types.
            left_out: ascending numbers of the people whom the library shall not hold. Haplotypes side by side are taken
                for a person's, also those of haploid people on X.
            people: of them, at most, who are imputed.
            trust: see the attribute.
        """
        one, tile, library = stretch.chromosome, stretch.tile, stretch.chromosome.library
        columns = np.stack([2 * left_out, 2 * left_out + 1], axis=1)
        kept = np.setdiff1d(np.arange(one.haplotypes), columns)
        columns = columns[:people]
        low, high = int(tile.inputs[0]), int(tile.inputs[-1]) + 1
        every = np.unique(np.concatenate(arrays))
        rows = every[(every >= low) & (every < high)].astype(np.int32)
        cores: list[Library] = []
        true, seen, bits = [], [], []

        def others() -> Iterator[Block]:
            """What the library is made of, while the held-out people are set aside."""
            for number in library.blocks_of(low, high):
                start, stop = library.blocks[number : number + 2, 0].tolist()
                a, b = max(low, start) - start, min(high, stop) - start
                block = library.block(number)
                alleles = block.alleles(np.arange(a, b, dtype=np.int32)).view(np.int8)
                theirs = alleles.take(columns, axis=1)
                seen.append(theirs[rows[slice(*np.searchsorted(rows, (start + a, start + b)))] - (start + a)])
                true.append(theirs[slice(*np.clip((tile.first, tile.end), start + a, start + b) - (start + a))])
                yield alleles.take(kept, axis=1), block.cm[a:b]

        persons = persons_of(one.haplotypes, len(one.samples))[kept]
        at = low
        for held, cm in o.disguise.mixed(others(), persons, Stretches()):
            typed = rows[slice(*np.searchsorted(rows, (at, at + len(held))))] - at
            bits.append(np.packbits(held[typed], axis=1))
            a, b = np.clip((tile.first, tile.end), at, at + len(held)) - at
            if a < b:
                cores.append(Library.of(np.ascontiguousarray(held[a:b]), cm[a:b]))
            at += len(held)
        core = Library.concatenate(cores)
        minor = np.diff(core.starts) / core.haplotypes
        af = np.where(core.flipped, 1 - minor, minor).astype(np.float32)
        parts = (np.concatenate(one) for one in (bits, seen, true))
        packed, at_typed, at_core = parts
        return cls(stretch, core, rows, packed, library.positions(rows), at_typed, at_core, af, core.haplotypes, trust)

    def positions(self, rows: NDArray[np.int32]) -> NDArray[np.float64]:
        """See `Haplotypes`; of rows that an array types."""
        return self.cm[np.searchsorted(self.rows, rows)]

    def alleles(self, rows: NDArray[np.int32]) -> NDArray[np.uint8]:
        """See `Haplotypes`; of rows that an array types."""
        return np.unpackbits(self.bits[np.searchsorted(self.rows, rows)], axis=1, count=self.haplotypes)

    def part(self, first: int, end: int) -> Library:
        """See `Haplotypes`; within the stretch."""
        start = self.stretch.tile.first
        return self.core.part(first - start, end - start)

    def slopes(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """See `Haplotypes`."""
        return np.ones(len(rows), np.float32) if self.trust is None else self.trust[rows]

    @property
    def truth(self) -> NDArray[np.int8]:
        """(V, B) dosages of the held-out people at the stretch's sites."""
        return self.true[..., 0] + self.true[..., 1]

    def imputed(self, array: NDArray[np.int32], model: CopyingOptions) -> NDArray[np.float32]:
        """(V, B, 3) genotype probabilities of the held-out people seen unphased through an array, given by its rows."""
        blocks = self._impute(array, model, self.seen[..., 0] + self.seen[..., 1], phased=False)
        return np.concatenate([block.gp for block in blocks])

    def haplotypes_imputed(
        self, array: NDArray[np.int32], model: CopyingOptions
    ) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.int8], NDArray[np.float32]]]:
        """The same people with their phase known, a block at a time.

        Yields:
            The block's first site, counted from the stretch's first, its (V, B, 2) expected and true alleles, and the
            (V, B) dosages that typed sites have while hidden, NaN elsewhere.
        """
        for block in self._impute(array, model, _PHASED[self.seen[..., 0], self.seen[..., 1]], phased=True):
            first, found, hidden = block.first - self.stretch.tile.first, block.hds, block.hidden_ds
            assert found is not None
            assert hidden is not None
            yield first, found, self.true[first : first + len(found)], hidden

    def _impute(
        self, array: NDArray[np.int32], model: CopyingOptions, seen: NDArray[np.int8], *, phased: bool
    ) -> Iterator[ImputedBlock | PairBlock]:
        empty = SiteTable.empty(self.stretch.chromosome.name)
        tile = self.stretch.tile
        typed = array[(array >= tile.inputs[0]) & (array <= tile.inputs[-1])]
        codes = seen[np.searchsorted(self.rows, typed)]
        shown = TypedGenotypes(typed, codes, np.full(codes.shape[1], 2, np.int8), phased)
        return CopyingImputer(empty, [tile], self, model).impute(range(1), shown)

    def untyped(self, array: NDArray[np.int32]) -> NDArray[np.bool_]:
        """(V,) the stretch's sites that the array does not type."""
        tile = self.stretch.tile
        return ~np.isin(np.arange(tile.first, tile.end), array)
