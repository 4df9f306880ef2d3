"""The panel's haplotypes as a bundle holds them: minor-allele carriers of every site, compressed, without names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.haplotypes.packing import index_type, pack
from models.haplotypes.panel_index import lists_of


class Haplotypes(Protocol):
    """What the engine needs of a library, wherever it lies."""

    @property
    def haplotypes(self) -> int:
        """K, their number."""
        ...

    def positions(self, rows: NDArray[np.int32]) -> NDArray[np.float64]:
        """(T,) cM of ascending rows."""
        ...

    def alleles(self, rows: NDArray[np.int32]) -> NDArray[np.uint8]:
        """(T, K) ALT alleles of ascending rows."""
        ...

    def part(self, first: int, end: int) -> Library:
        """The sites `first` to `end`, counted from the first of them."""
        ...

    def slopes(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """(T,) calibration slopes of ascending rows, between 0 and 1, see `models.haplotypes.slopes`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """Haplotypes of one chromosome.

    Attributes:
        haplotypes: K, their number.
        flipped: (V,) bool, REF is the minor allele.
        starts: (V + 1,) int64, where each site begins in `carriers`.
        carriers: (C,) int32 (uint16 where K allows), the haplotypes with the minor allele, ascending for each site.
        cm: (V,) float64 map positions.
    """

    haplotypes: int
    flipped: NDArray[np.bool_]
    starts: NDArray[np.int64]
    carriers: NDArray[Any]
    cm: NDArray[np.float64]

    @classmethod
    def of(cls, alleles: NDArray[np.int8], cm: NDArray[np.float64]) -> Self:
        """From (V, K) alleles, 0 or 1."""
        count = alleles.shape[1]
        flipped = alleles.mean(axis=1) > 0.5
        starts, carriers = lists_of(alleles.view(np.uint8), flipped)
        return cls(count, flipped, starts, carriers.astype(index_type(count)), np.asarray(cm, np.float64))

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Stretches of sites of the same haplotypes, at least one, one after another."""
        ends = np.cumsum([0] + [len(one.carriers) for one in parts])
        starts = [one.starts[:-1] + end for one, end in zip(parts, ends[:-1], strict=True)]
        return cls(
            parts[0].haplotypes,
            np.concatenate([one.flipped for one in parts]),
            np.concatenate([*starts, ends[-1:]]).astype(np.int64),
            np.concatenate([one.carriers for one in parts]),
            np.concatenate([one.cm for one in parts]),
        )

    def __len__(self) -> int:
        """V."""
        return len(self.flipped)

    @property
    def nbytes(self) -> int:
        """Of all arrays."""
        return sum(one.nbytes for one in (self.flipped, self.starts, self.carriers, self.cm))

    def positions(self, rows: NDArray[np.int32]) -> NDArray[np.float64]:
        """(T,) cM of some sites."""
        return self.cm[rows]

    def alleles(self, rows: NDArray[np.int32]) -> NDArray[np.uint8]:
        """(T, K) ALT alleles of some sites."""
        out = np.zeros((len(rows), self.haplotypes), np.uint8)
        for line, row in zip(out, rows.tolist(), strict=True):
            line[self.carriers[self.starts[row] : self.starts[row + 1]]] = 1
        out ^= self.flipped[rows][:, None]
        return out

    def slopes(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """(T,) ones: what is not measured is trusted."""
        return np.ones(len(rows), np.float32)

    def part(self, first: int, end: int) -> Self:
        """The sites `first` to `end`, counted from the first of them."""
        low, high = int(self.starts[first]), int(self.starts[end])
        starts = self.starts[first : end + 1] - low
        return type(self)(self.haplotypes, self.flipped[first:end], starts, self.carriers[low:high], self.cm[first:end])

    def write(self, path: Path, tiles: Sequence[dict[str, int]]) -> None:
        """Write as safetensors; `tiles` goes into the metadata."""
        bits, gaps = pack(self.starts, self.carriers, self.haplotypes)
        save_file(
            {
                "cm": self.cm,
                "flipped": self.flipped,
                "minor": np.diff(self.starts).astype(np.int32),
                "bits": np.frombuffer(bits, np.uint8),
                "gaps": np.frombuffer(gaps, np.uint8),
            },
            path,
            metadata={"haplotypes": str(self.haplotypes), "tiles": json.dumps(list(tiles))},
        )
        path.chmod(0o644)  # it is written as readable by its owner alone
