"""A file that tells how much of it was read, so that an upload can show its progress."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO


class CountedFile(io.RawIOBase):
    """Read-only view of an open file that reports the size of every piece it hands out.

    httpx asks `fileno` for the length, so that the request has a Content-Length and the server can refuse it at once.
    """

    def __init__(self, source: BinaryIO, on_bytes: Callable[[int], None]) -> None:
        """Watch `source`, which stays the caller's to close."""
        super().__init__()
        self._source = source
        self._on_bytes = on_bytes

    def read(self, size: int = -1) -> bytes:
        """The next piece, at most `size` bytes."""
        piece = self._source.read(size)
        self._on_bytes(len(piece))
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        """Where it is."""
        return self._source.tell()

    def fileno(self) -> int:
        """The operating system's handle."""
        return self._source.fileno()

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always: uploads are files on disk."""
        return True
