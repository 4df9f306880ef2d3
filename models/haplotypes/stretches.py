"""Stretches of the panel on which rates are learned and accuracy is measured: a few, however long the genome is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.arrays import read_arrays
from genotypes.sites import SiteTable
from models.dae.plan import split_people
from models.haplotypes.chromosome import Chromosome
from models.haplotypes.engine import CopyingImputer, CopyingOptions
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.library import Library
from models.haplotypes.resample import Block, Stretches
from models.haplotypes.synthetic import persons_of
from models.protocol import Tile, TypedGenotypes

EVERY: Final = 5  # without arrays every so-manieth common site stands for a typed one
COMMON: Final = 0.05  # minor-allele frequency from which a site is common
EVERY_NAME: Final = "every fifth common site"


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
        seen: (U, B) int8 dosages of the held-out people there.
        truth: (V, B) int8 their dosages at the stretch's sites.
        af: (V,) ALT frequency among the others.
        haplotypes: K, of the others.
    """

    stretch: Stretch
    core: Library
    rows: NDArray[np.int32]
    bits: NDArray[np.uint8]
    cm: NDArray[np.float64]
    seen: NDArray[np.int8]
    truth: NDArray[np.int8]
    af: NDArray[np.float32]
    haplotypes: int

    @classmethod
    def open(cls, o: GenomeOptions, stretch: Stretch, arrays: Sequence[NDArray[np.int32]], people: int) -> Self:
        """Read the stretch.

        Args:
            o: who is held out.
            stretch: which.
            arrays: rows that each of some arrays types.
            people: held-out people, at most.
        """
        one, tile, library = stretch.chromosome, stretch.tile, stretch.chromosome.library
        held_out, kept = split_people(one.haplotypes // 2, o.held_out, o.seed)
        if one.haplotypes % 2:  # of haploid people on X, who make no pairs
            kept = np.append(kept, one.haplotypes - 1)
        first, second = 2 * held_out[:people], 2 * held_out[:people] + 1
        low, high = int(tile.inputs[0]), int(tile.inputs[-1]) + 1
        every = np.unique(np.concatenate(arrays))
        rows = every[(every >= low) & (every < high)].astype(np.int32)
        cores: list[Library] = []
        truth, seen, bits = [], [], []

        def others() -> Iterator[Block]:
            """What the library is made of, while the held-out people are set aside."""
            for number in library.blocks_of(low, high):
                start, stop = library.blocks[number : number + 2, 0].tolist()
                a, b = max(low, start) - start, min(high, stop) - start
                block = library.block(number)
                alleles = block.alleles(np.arange(a, b, dtype=np.int32)).view(np.int8)
                dosages = alleles[:, first] + alleles[:, second]
                seen.append(dosages[rows[slice(*np.searchsorted(rows, (start + a, start + b)))] - (start + a)])
                truth.append(dosages[slice(*np.clip((tile.first, tile.end), start + a, start + b) - (start + a))])
                yield np.ascontiguousarray(alleles[:, kept]), block.cm[a:b]

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
        parts = (np.concatenate(one) for one in (bits, seen, truth))
        packed, at_typed, at_core = parts
        return cls(stretch, core, rows, packed, library.positions(rows), at_typed, at_core, af, core.haplotypes)

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

    def imputed(self, array: NDArray[np.int32], model: CopyingOptions) -> NDArray[np.float32]:
        """(V, B, 3) genotype probabilities of the held-out people seen through an array, given by its rows."""
        empty = SiteTable.empty(self.stretch.chromosome.name)
        tile = self.stretch.tile
        typed = array[(array >= tile.inputs[0]) & (array <= tile.inputs[-1])]
        codes = self.seen[np.searchsorted(self.rows, typed)]
        shown = TypedGenotypes(typed, codes, np.full(codes.shape[1], 2, np.int8), phased=False)
        imputer = CopyingImputer(empty, [tile], self, model)
        return np.concatenate([block.gp for block in imputer.impute(range(1), shown)])

    def untyped(self, array: NDArray[np.int32]) -> NDArray[np.bool_]:
        """(V,) the stretch's sites that the array does not type."""
        tile = self.stretch.tile
        return ~np.isin(np.arange(tile.first, tile.end), array)
