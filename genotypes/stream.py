"""A file as the bytes inside its compression."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from pathlib import Path
from typing import IO, Final, cast

from isal import igzip, isal_zlib

from errors import Code, TesseraError
from genotypes.sniff import is_gzip

_IsalError = cast("type[Exception]", isal_zlib.error)
PIECE_BYTES: Final = 1 << 20


class Inflated:
    """Reads a file that is plain, gzip of any number of members, or BGZF; memory is bounded by the piece asked for."""

    def __init__(self, raw: IO[bytes]) -> None:
        """Read `raw`, which stands at its start."""
        self._raw = raw
        self.compressed = is_gzip(raw.read(2))
        raw.seek(0)
        self._ahead = b""
        self._file = cast("IO[bytes]", igzip.open(raw, "rb") if self.compressed else raw)  # type: ignore[no-untyped-call]

    @property
    def taken(self) -> int:
        """Bytes of the file read so far."""
        return self._raw.tell()

    def read(self, size: int = PIECE_BYTES) -> bytes:
        """At most `size` bytes; empty at the end.

        Raises:
            TesseraError: `truncated_file`, `corrupt_file`.
        """
        if self._ahead:
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
            return piece
        return self._inflate(size)

    def _inflate(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except EOFError as error:
            raise TesseraError(Code.truncated_file, "The file ends inside a compressed block.", field="vcf") from error
        except (BadGzipFile, _IsalError, zlib.error) as error:
            raise TesseraError(Code.corrupt_file, "The compressed data is damaged.", field="vcf") from error

    def peek(self, size: int) -> bytes:
        """The next `size` bytes (fewer at the end), which stay to be read."""
        self._ahead += self._inflate(size - len(self._ahead)) if size > len(self._ahead) else b""
        return self._ahead[:size]

    def exactly(self, size: int) -> bytes:
        """`size` bytes, or fewer at the end of the file."""
        piece = self.read(size)
        if len(piece) == size or not piece:
            return piece
        parts, left = [piece], size - len(piece)
        while left and (piece := self.read(left)):
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of at most `PIECE_BYTES`, none empty."""
        while piece := self.read(PIECE_BYTES):
            yield piece


@contextmanager
def open_inflated(path: Path) -> Iterator[Inflated]:
    """`Inflated` over a file."""
    with path.open("rb") as raw:
        yield Inflated(raw)
