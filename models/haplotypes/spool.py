"""Where the results of all people for one tile wait to be given out by site."""

from __future__ import annotations

import os
import tempfile
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray


class Spool:
    """(S, V, 2) uint16, filled person by person from several threads and read block by block of sites.

    In memory or, where there are many people, in a temporary file, each block's people together.
    """

    def __init__(self, rows: int, people: int, block: int, *, on_disk: bool) -> None:
        """Room for `rows` sites, read in blocks of `block`, the last perhaps shorter."""
        self._rows, self._people, self._block = rows, people, block
        self._file: IO[bytes] | None = tempfile.TemporaryFile() if on_disk else None  # noqa: SIM115
        self._held = np.empty((0 if on_disk else people, rows, 2), np.uint16)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def _end(self, start: int) -> int:
        return min(self._rows, start + self._block)

    def put(self, first: int, out: NDArray[np.uint16]) -> None:
        """Put (N, V, 2) of people from `first` on; safe from several threads for different people."""
        if not self._file:
            self._held[first : first + len(out)] = out
            return
        for start in range(0, self._rows, self._block):
            end = self._end(start)
            waiting = np.ascontiguousarray(out[:, start:end]).data.cast("B")
            offset = 4 * (self._people * start + first * (end - start))
            while waiting:
                written = os.pwrite(self._file.fileno(), waiting, offset)
                waiting, offset = waiting[written:], offset + written

    def get(self, start: int) -> NDArray[np.uint16]:
        """(S, B, 2) of everybody for the block that begins at site `start`, a multiple of the block."""
        end = self._end(start)
        if not self._file:
            return np.ascontiguousarray(self._held[:, start:end])
        found = np.empty((self._people, end - start, 2), np.uint16)
        waiting, offset = found.data.cast("B"), 4 * self._people * start
        while waiting:
            got = os.preadv(self._file.fileno(), [waiting], offset)
            if not got:
                raise EOFError("the temporary file is shorter than what was put there")
            waiting, offset = waiting[got:], offset + got
        return found
