"""A library written block by block, so that a chromosome of any length is made in little memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from genotypes.tensor_stream import Stream, write_tensors
from models.haplotypes.packing import pack
from models.haplotypes.panel_index import lists_of

BLOCK_SITES: Final = 2048
BLOCK_CELLS: Final = 16 << 20  # alleles of a block, at most


class LibraryWriter:
    """Takes sites in order; what is compressed waits in two files beside the one to be written."""

    def __init__(self, path: Path, haplotypes: int) -> None:
        """Begin a library of K haplotypes that will lie at `path`."""
        self._path, self._haplotypes = path, haplotypes
        self._parts = [path.with_name(f"{path.name}.{name}") for name in ("bits", "gaps")]
        self._files = [part.open("wb") for part in self._parts]
        self._size = max(1, min(BLOCK_SITES, BLOCK_CELLS // max(1, haplotypes)))
        self._waiting: list[NDArray[np.int8]] = []
        self._blocks = [[0, 0, 0]]
        self._minor: list[NDArray[np.int32]] = []
        self._flipped: list[NDArray[np.bool_]] = []

    def add(self, alleles: NDArray[np.int8]) -> None:
        """The next sites: (V, K) alleles, 0 or 1."""
        self._waiting.append(alleles)
        held = sum(map(len, self._waiting))
        if held < self._size:
            return
        whole = np.concatenate(self._waiting)
        full = held // self._size * self._size
        for first in range(0, full, self._size):
            self._write(whole[first : first + self._size])
        self._waiting = [whole[full:].copy()] if full < held else []

    def close(self, cm: NDArray[np.float64], tiles: Sequence[dict[str, int]]) -> None:
        """Write the library; (V,) `cm` of all sites, and the tile table."""
        if rest := self._waiting:
            self._write(np.concatenate(rest))
        for file in self._files:
            file.close()
        tensors = {
            "cm": Stream.of(np.asarray(cm, np.float64)),
            "blocks": Stream.of(np.array(self._blocks, np.int64)),
            "minor": Stream.of(np.concatenate(self._minor)),
            "flipped": Stream.of(np.concatenate(self._flipped)),
            "bits": Stream.of_file(self._parts[0]),
            "gaps": Stream.of_file(self._parts[1]),
        }
        write_tensors(self._path, tensors, {"haplotypes": str(self._haplotypes), "tiles": json.dumps(list(tiles))})
        for part in self._parts:
            part.unlink()

    def _write(self, alleles: NDArray[Any]) -> None:
        flipped = alleles.mean(axis=1) > 0.5
        starts, carriers = lists_of(np.ascontiguousarray(alleles).view(np.uint8), flipped)
        ends = [
            file.write(data) for file, data in zip(self._files, pack(starts, carriers, self._haplotypes), strict=True)
        ]
        site, *at = self._blocks[-1]
        self._blocks.append([site + len(alleles), *(a + b for a, b in zip(at, ends, strict=True))])
        self._minor.append(np.diff(starts).astype(np.int32))
        self._flipped.append(flipped)

    def __enter__(self) -> Self:
        """Use as a context, which leaves no file open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files."""
        for file in self._files:
            file.close()
