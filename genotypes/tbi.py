"""A tabix index from where records are known to lie, so that a file need not be read again to be indexed.

The format is "The Tabix index file format" (Heng Li; samtools/hts-specs, tabix.pdf): bins of UCSC, from 16 kb
to 512 Mb, and a linear index of 16-kb windows.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from genotypes.bgzf import BLOCK_BYTES, EOF, compress

_LEVELS: Final = ((14, 4681), (17, 585), (20, 73), (23, 9), (26, 1))  # bits of a bin, number of the level's first
_STATISTICS: Final = 37450  # a bin that no record can have: first and last offset, number of records


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where the N records of a BGZF piece lie.

    Attributes:
        pos: (N,) int32 bp, 1-based.
        span: (N,) int32 bp that REF covers.
        begin: (N,) uint64 virtual offsets within the piece: place of the block << 16 | place in its text.
        end: (N,) uint64, the same of what follows each record.
    """

    pos: NDArray[np.int32]
    span: NDArray[np.int32]
    begin: NDArray[np.uint64]
    end: NDArray[np.uint64]

    @classmethod
    def of(
        cls, pos: NDArray[np.int32], span: NDArray[np.int32], ends: NDArray[np.int64], blocks: Sequence[int]
    ) -> Self:
        """From where each record ends in the text, and the size of each compressed block, all but the last full."""
        starts = np.concatenate([[0], np.cumsum(np.asarray(blocks, np.int64))])

        def offset(text: NDArray[np.int64]) -> NDArray[np.uint64]:
            block, within = np.divmod(text, BLOCK_BYTES)
            return (starts[block] << 16 | within).astype(np.uint64)

        return cls(pos, span, offset(np.concatenate([[0], ends])[:-1]), offset(ends))

    def moved(self, by: int) -> Self:
        """The places when the piece begins `by` bytes into a file."""
        shift = np.uint64(by << 16)
        return type(self)(self.pos, self.span, self.begin + shift, self.end + shift)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Records one after another."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))

    def save(self, path: Path) -> None:
        """Write an .npz."""
        arrays: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        np.savez(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(*(data[one.name] for one in fields(cls)))


def places_of(piece: Path) -> Path:
    """The file beside a piece that says where its records lie."""
    return piece.with_name(piece.name + ".places.npz")


def write_tbi(path: Path, contigs: Sequence[tuple[str, Places]]) -> None:
    """Write the index of a VCF.

    Args:
        path: of the index.
        contigs: names with the places in the whole file of their records, in the file's order.
    """
    names = b"".join(name.encode() + b"\0" for name, _ in contigs)
    head = struct.pack("<4s8i", b"TBI\1", len(contigs), 2, 1, 2, 0, ord("#"), 0, len(names))
    body = b"".join([head, names, *(_contig(places) for _, places in contigs), struct.pack("<Q", 0)])
    path.write_bytes(compress(body) + EOF)


def index_pieces(path: Path, at: int, pieces: Sequence[tuple[str, Path]]) -> Path:
    """Write the index of a text file that pieces were joined to, and return its path.

    Args:
        path: of the file.
        at: bytes before the first piece.
        pieces: contig and path of each, beside which lies where its records are (`places_of`).
    """
    held: dict[str, list[Places]] = {}
    for contig, piece in pieces:
        held.setdefault(contig, []).append(Places.load(places_of(piece)).moved(at))
        at += piece.stat().st_size
    index = path.with_name(path.name + ".tbi")
    write_tbi(index, [(contig, Places.joined(parts)) for contig, parts in held.items()])
    return index


def _contig(places: Places) -> bytes:
    """Bins and windows of one contig."""
    first = places.pos.astype(np.int64) - 1
    last = first + np.maximum(places.span, 1) - 1
    bins = np.zeros(len(first), np.int64)
    for bits, number in reversed(_LEVELS):
        bins = np.where(first >> bits == last >> bits, number + (first >> bits), bins)
    edges = np.flatnonzero(np.diff(bins, prepend=-1))  # consecutive records of one bin are one chunk
    ends = np.append(edges[1:], len(bins)) - 1
    chunks: dict[int, list[bytes]] = {}
    for number, begin, end in zip(
        bins[edges].tolist(), places.begin[edges].tolist(), places.end[ends].tolist(), strict=True
    ):
        chunks.setdefault(number, []).append(struct.pack("<QQ", begin, end))
    around = (int(places.begin[0]), int(places.end[-1]), len(bins), 0) if len(bins) else (0, 0, 0, 0)
    chunks[_STATISTICS] = [struct.pack("<QQ", *around[:2]), struct.pack("<QQ", *around[2:])]
    parts = [struct.pack("<i", len(chunks))]
    for number, held in chunks.items():
        parts += [struct.pack("<Ii", number, len(held)), *held]
    windows = np.zeros(int(last.max(initial=-1) >> 14) + 1, np.uint64)
    # Backwards, so that the first record that reaches into a window is the one that stays.
    for low, high, begin in zip(
        (first >> 14)[::-1].tolist(), (last >> 14)[::-1].tolist(), places.begin[::-1].tolist(), strict=True
    ):
        windows[low : high + 1] = begin
    filled = np.maximum.accumulate(windows)  # an empty window begins where the one before it does
    return b"".join([*parts, struct.pack("<i", len(filled)), filled.astype("<u8").tobytes()])
