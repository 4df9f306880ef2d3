"""Rows of alleles that wait in a file, an eighth of their size, until it is known which of them are wanted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class PackedRows:
    """Rows of 0 and 1, added in blocks."""

    def __init__(self, path: Path, width: int) -> None:
        """Begin a file of rows of `width` alleles; its owner removes it."""
        self._path, self._width, self._count = path, width, 0
        path.write_bytes(b"")

    def __len__(self) -> int:
        """How many rows there are."""
        return self._count

    def add(self, alleles: NDArray[np.int8]) -> None:
        """The next rows: (V, K) int8."""
        self._count += len(alleles)
        with self._path.open("ab") as file:
            file.write(np.packbits(alleles.astype(bool), axis=1).data)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.int8]:
        """(T, K) int8 of any rows, in any order."""
        if len(rows) == 0:
            return np.empty((0, self._width), np.int8)
        held = np.memmap(self._path, np.uint8, "r", shape=(self._count, -(-self._width // 8)))
        found: NDArray[np.int8] = np.unpackbits(held[rows], axis=1, count=self._width).view(np.int8)
        return found
