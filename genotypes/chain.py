"""UCSC chain files: which stretches of one genome build lie where on another.

Format: https://genome.ucsc.edu/goldenPath/help/chain.html. Positions in here are 0-based, as in the file.
"""

from __future__ import annotations

import gzip
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.contigs import chromosome_name


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Stretches of one source chromosome without gaps, sorted by `start`; 0-based, B of them.

    Attributes:
        start: (B,) int64, first base on the source.
        size: (B,) int64, bp.
        target: (B,) int32, index into `names`.
        first: (B,) int64, where the first base lies on the target's forward strand.
        step: (B,) int8, 1 on the forward strand, -1 on the reverse one.
        names: names (`contigs.chromosome_name`) of target contigs.
    """

    start: NDArray[np.int64]
    size: NDArray[np.int64]
    target: NDArray[np.int32]
    first: NDArray[np.int64]
    step: NDArray[np.int8]
    names: list[str]

    def find(self, pos: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For (V,) source positions: (V,) block of each, -1 where there is none; (V,) how many blocks hold it."""
        ends = np.sort(self.start + self.size)
        begun = np.searchsorted(self.start, pos, "right")
        count = begun - np.searchsorted(ends, pos, "right")
        block = np.where(count > 0, begun - 1, -1)
        # Blocks of different chains may lie inside each other: the last one begun need not be the one that holds.
        for row in np.flatnonzero((block >= 0) & (pos >= self.start[block] + self.size[block])).tolist():
            earlier = np.flatnonzero(self.start[: block[row]] + self.size[: block[row]] > pos[row])
            block[row] = int(earlier[-1])
        return block, count


def read_chain(path: Path, chromosomes: Collection[str]) -> dict[str, Blocks]:
    """Blocks of source chromosomes.

    Args:
        path: the chain file, plain or gzip.
        chromosomes: names (`contigs.chromosome_name`) of the source chromosomes to keep.

    Raises:
        TesseraError: `setup_invalid` for a file that is no chain file.
    """
    wanted = set(chromosomes)
    rows: dict[str, list[tuple[int, int, int, int, int]]] = {name: [] for name in wanted}
    names: dict[str, int] = {}
    try:
        with gzip.open(path, "rt") if path.name.endswith(".gz") else path.open() as file:
            for chromosome, block in _blocks(file, wanted, names):
                rows[chromosome].append(block)
    except (OSError, ValueError, EOFError, IndexError) as error:
        message = f"The chain file {path.name} cannot be read."
        raise TesseraError(Code.setup_invalid, message, action="Fetch the chain file again.") from error
    return {chromosome: _table(found, list(names)) for chromosome, found in rows.items() if found}


def _blocks(
    lines: Iterable[str], wanted: Collection[str], names: dict[str, int]
) -> Iterator[tuple[str, tuple[int, int, int, int, int]]]:
    """Source chromosome and (start, size, target, first, step) of every block."""
    chromosome, at, on, target, length, step, keep = "", 0, 0, 0, 0, 1, False
    for line in lines:
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if words[0] == "chain":
            chromosome, at = chromosome_name(words[2], people=False), int(words[5])
            keep = chromosome in wanted
            length, on = int(words[8]), int(words[10])
            step = 1 if words[9] == "+" else -1
            target = names.setdefault(chromosome_name(words[7], people=False), len(names))
        elif keep:
            size = int(words[0])
            yield chromosome, (at, size, target, on if step == 1 else length - 1 - on, step)
            if len(words) == 3:
                at, on = at + size + int(words[1]), on + size + int(words[2])


def _table(rows: list[tuple[int, int, int, int, int]], names: list[str]) -> Blocks:
    start, size, target, first, step = np.array(sorted(rows), np.int64).T
    return Blocks(start, size, target.astype(np.int32), first, step.astype(np.int8), names)
