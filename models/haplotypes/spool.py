"""Where the results of all people for one tile wait to be given out by site."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from threading import Lock
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from genotypes.packed_pairs import PackedPairs


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Some people's results for one block, in memory or in the file."""

    first: int
    people: int
    held: PackedPairs | None
    offset: int = 0
    values: int = 0


class Spool:
    """(S, V, 2) uint16, filled person by person from several threads and read block by block of sites.

    In memory or, where there are many people, in a temporary file. Most pairs are nought, so they wait packed.
    """

    def __init__(self, rows: int, people: int, block: int, *, on_disk: bool) -> None:
        """Room for `rows` sites, read in blocks of `block`, the last perhaps shorter."""
        self._rows, self._people, self._block = rows, people, block
        self._file: IO[bytes] | None = tempfile.TemporaryFile() if on_disk else None  # noqa: SIM115
        self._parts: dict[int, list[_Part]] = {start: [] for start in range(0, rows, block)}
        self._length = 0
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.clear()
        if self._file:
            self._file.close()

    def put(self, first: int, out: NDArray[np.uint16]) -> None:
        """Put (N, V, 2) of people from `first` on; safe from several threads for different people."""
        for start, parts in self._parts.items():
            packed = PackedPairs.of(out, start, min(self._rows, start + self._block))
            if self._file is None:
                parts.append(_Part(first, len(out), packed))
                continue
            size = packed.masks.nbytes + packed.values.nbytes
            with self._lock:
                offset = self._length
                self._length += size
            for array in (packed.masks, packed.values):
                self._write(array.data.cast("B"), offset)
                offset += array.nbytes
            parts.append(_Part(first, len(out), None, offset - size, len(packed.values)))

    def get(self, start: int) -> PackedPairs:
        """(S, B, 2) of everybody for the block that begins at site `start`, a multiple of the block."""
        parts = sorted(self._parts[start], key=lambda part: part.first)
        if sum(part.people for part in parts) != self._people:
            raise EOFError("not everybody's results were put here")
        sites = min(self._rows, start + self._block) - start
        return PackedPairs.beside([part.held or self._read(part, sites) for part in parts])

    def _write(self, waiting: memoryview, offset: int) -> None:
        assert self._file is not None
        while waiting:
            written = os.pwrite(self._file.fileno(), waiting, offset)
            waiting, offset = waiting[written:], offset + written

    def _read(self, part: _Part, sites: int) -> PackedPairs:
        assert self._file is not None
        masks = np.empty((part.people, PackedPairs.words(sites)), np.uint64)
        values = np.empty(part.values, np.uint32)
        offset = part.offset
        for array in (masks, values):
            waiting = array.data.cast("B")
            while waiting:
                got = os.preadv(self._file.fileno(), [waiting], offset)
                if not got:
                    raise EOFError("the temporary file is shorter than what was put there")
                waiting, offset = waiting[got:], offset + got
        return PackedPairs(sites, masks, values)
