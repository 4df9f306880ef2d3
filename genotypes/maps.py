"""Genetic maps: base pairs to centimorgans."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.map_text import map_points

END_RATE = 1.0  # cM/Mb outside the map


@dataclass(frozen=True, slots=True, eq=False)
class GeneticMap:
    """A piecewise linear map of one chromosome.

    Attributes:
        pos: (N,) float64, bp, strictly ascending, at least one entry.
        centimorgans: (N,) float64, never descending.
        end_rate: cM/Mb before the first and after the last entry.
    """

    pos: NDArray[np.float64]
    centimorgans: NDArray[np.float64]
    end_rate: float = END_RATE

    @classmethod
    def uniform(cls, rate: float = 1.0) -> Self:
        """The same rate everywhere, in cM/Mb; position 0 is 0 cM."""
        return cls(np.zeros(1), np.zeros(1), rate)

    @classmethod
    def read(cls, path: Path | str, chrom: str | None = None) -> Self:
        """Read one chromosome's map in any layout of `map_text`.

        Args:
            path: the file.
            chrom: which chromosome to keep; needed when the file holds several. "20" and "chr20" are the same. A file
                without chromosomes is of this one.

        Raises:
            TesseraError: `setup_invalid` for anything that is not such a map.
        """
        found: dict[str, list[tuple[float, float]]] = {}
        try:
            for point in map_points(Path(path)):
                found.setdefault(point.contig.removeprefix("chr"), []).append((point.pos, point.centimorgans))
        except (OSError, TesseraError) as error:
            raise TesseraError(Code.setup_invalid, f"{Path(path).name} is not a genetic map: {error}") from error
        if not found:
            raise TesseraError(Code.setup_invalid, f"{Path(path).name} is not a genetic map: it is empty.")
        if chrom is None and len(found) > 1:
            raise TesseraError(Code.setup_invalid, f"{Path(path).name} maps several chromosomes: name one.")
        points = (
            next(iter(found.values()), None) if chrom is None else found.get(chrom.removeprefix("chr"), found.get(""))
        )
        if points is None:
            raise TesseraError(Code.setup_invalid, f"{Path(path).name} does not map chromosome {chrom or ''}.")
        table = np.array(sorted(points), np.float64)
        bases, first = np.unique(table[:, 0], return_index=True)
        centimorgans = table[first, 1]
        if (np.diff(centimorgans) < 0).any():
            raise TesseraError(Code.setup_invalid, f"{Path(path).name} has centimorgans that go backwards.")
        return cls(bases, centimorgans)

    def cm(self, pos: NDArray[Any]) -> NDArray[np.float64]:
        """Map positions (cM, float64) of `pos` (bp, any shape), never descending in `pos`."""
        at = np.asarray(pos, np.float64)
        inside: NDArray[np.float64] = np.interp(at, self.pos, self.centimorgans)
        before = np.minimum(at - self.pos[0], 0)
        after = np.maximum(at - self.pos[-1], 0)
        out: NDArray[np.float64] = inside + (before + after) * (self.end_rate / 1e6)
        return out
