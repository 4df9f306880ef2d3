"""A library that stays in its file: a stretch of sites is read when it is asked for, however long the chromosome."""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from errors import Code, TesseraError
from models.haplotypes.library import Library
from models.haplotypes.packing import unpack
from models.protocol import Tile

Found = TypeVar("Found")
SLOPES: Final = "slopes.safetensors"  # beside the haplotypes
SLOPE: Final = "slope"  # (V,) uint8, 255ths
KEEP_BYTES: Final = 32 << 20  # of blocks of all libraries of a process


class _Kept:
    """The blocks that were asked for last; threads may share it."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._held: OrderedDict[tuple[object, int], Library] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[object, int]) -> Library | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: tuple[object, int], block: Library) -> None:
        with self._lock:
            if key not in self._held:
                self._held[key] = block
                self._bytes += block.nbytes
            while self._bytes > self._most:
                self._bytes -= self._held.popitem(last=False)[1].nbytes


_KEPT: Final = _Kept(KEEP_BYTES)


class StoredLibrary:
    """Haplotypes of one chromosome, in blocks of some thousand sites; what it gives is as of `Library`.

    Attributes:
        path: the file.
        haplotypes: K.
        blocks: (B + 1, 3) int64, where each block begins: its first site, its bytes among the bits and the gaps.
        tiles: rows of the tile table: index, first, end, low, high.
    """

    def __init__(self, path: Path) -> None:
        """Read what stands before the blocks.

        Raises:
            TesseraError: `bundle_invalid`.
        """
        self.path = path
        self._mark = object()

        def head(file: Any) -> tuple[int, NDArray[np.int64], list[dict[str, int]]]:
            facts = file.metadata()
            count = int(facts["haplotypes"])
            sizes = [file.get_slice(name).get_shape()[0] for name in ("minor", "bits", "gaps")]
            whole = np.array([[0, 0, 0], sizes], np.int64)
            # Libraries of few sites, and all those made before there were blocks, are one block.
            blocks = file.get_tensor("blocks") if "blocks" in file.keys() else whole  # noqa: SIM118
            if (np.diff(blocks, axis=0) < 0).any() or blocks[0].any() or (blocks[-1] != whole[1]).any():
                raise ValueError("blocks do not cover the file")
            return count, blocks, json.loads(facts["tiles"])

        self.haplotypes, self.blocks, self.tiles = self._from_file(head)

    def __len__(self) -> int:
        """V."""
        return int(self.blocks[-1, 0])

    def positions(self, rows: NDArray[np.int32]) -> NDArray[np.float64]:
        """(T,) cM of ascending rows."""
        if len(rows) == 0:
            return np.empty(0)
        first, end = int(rows[0]), int(rows[-1]) + 1
        held: NDArray[np.float64] = self._from_file(lambda file: file.get_slice("cm")[first:end])
        return held[rows - first]

    def slopes(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """(T,) calibration slopes of ascending rows; 1 where the bundle holds none."""
        path = self.path.with_name(SLOPES)
        if len(rows) == 0 or not path.exists():
            return np.ones(len(rows), np.float32)
        first, end = int(rows[0]), int(rows[-1]) + 1

        def read(file: Any) -> NDArray[np.uint8]:
            held = file.get_slice(SLOPE)
            if held.get_shape() != [len(self)]:
                raise ValueError("slopes of another chromosome")
            part: NDArray[np.uint8] = held[first:end]
            return part

        return self._from_file(read, path)[rows - first].astype(np.float32) / np.float32(255)

    def counts(self, first: int = 0, end: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """(V,) carriers of the minor allele and (V,) whether REF is it, of the sites `first` to `end`."""
        end = len(self) if end is None else end

        def read(file: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
            minor, flipped = (file.get_slice(name)[first:end] for name in ("minor", "flipped"))
            return minor.astype(np.int64), flipped.astype(bool)

        return self._from_file(read)

    def block(self, number: int) -> Library:
        """The sites of a block, counted from its first; a tile's context is read again for the tiles beside it."""
        found = _KEPT.get((self._mark, number))
        if found is None:
            found = self._read_block(number)
            _KEPT.put((self._mark, number), found)
        return found

    def _read_block(self, number: int) -> Library:
        (first, bits, gaps), (end, bits_end, gaps_end) = self.blocks[number : number + 2].tolist()

        def read(file: Any) -> Library:
            minor, flipped = self.counts(first, end)
            held = (
                file.get_slice(n)[a:b].tobytes() for n, a, b in (("bits", bits, bits_end), ("gaps", gaps, gaps_end))
            )
            carriers = unpack(minor, self.haplotypes, *held)
            starts = np.concatenate([[0], np.cumsum(minor)])
            return Library(self.haplotypes, flipped, starts, carriers, file.get_slice("cm")[first:end])

        return self._from_file(read)

    def part(self, first: int, end: int) -> Library:
        """The sites `first` to `end`, counted from the first of them."""
        parts = []
        for number in self.blocks_of(first, end):
            low, high = self.blocks[number : number + 2, 0].tolist()
            parts.append(self.block(number).part(max(first, low) - low, min(end, high) - low))
        return Library.concatenate(parts)

    def alleles(self, rows: NDArray[np.int32]) -> NDArray[np.uint8]:
        """(T, K) ALT alleles of ascending rows."""
        out = np.empty((len(rows), self.haplotypes), np.uint8)
        for number in self.blocks_of(int(rows[0]), int(rows[-1]) + 1) if len(rows) else ():
            low, high = self.blocks[number : number + 2, 0].tolist()
            a, b = np.searchsorted(rows, (low, high)).tolist()
            if a < b:
                out[a:b] = self.block(number).alleles(rows[a:b] - np.int32(low))
        return out

    def cut(self) -> list[Tile]:
        """The tiles, in order; each reads every site from the first to the last of its context."""
        rows = np.arange(len(self), dtype=np.int32)  # one for all tiles, of which each has a view
        return [Tile(one["index"], one["first"], one["end"], rows[one["low"] : one["high"]]) for one in self.tiles]

    def blocks_of(self, first: int, end: int) -> range:
        """The blocks in which the sites `first` to `end` lie."""
        edges = self.blocks[:, 0]
        return range(int(np.searchsorted(edges, first, "right")) - 1, int(np.searchsorted(edges, end, "left")))

    def _from_file(self, read: Callable[[Any], Found], path: Path | None = None) -> Found:
        # Opened for every stretch: a file that stays mapped keeps all pages that were ever read.
        try:
            with safe_open(path or self.path, "np") as file:
                return read(file)
        except (OSError, SafetensorError, zlib.error, KeyError, ValueError, TypeError, IndexError) as error:
            message = f"{(path or self.path).name} of the bundle cannot be read."
            raise TesseraError(Code.bundle_invalid, message) from error
