"""BGZF: gzip in blocks of at most 64 KiB, which concatenate and can be indexed. Compressed by ISA-L."""

from __future__ import annotations

import shutil
import struct
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from isal import igzip_lib, isal_zlib
from numpy.typing import NDArray

BLOCK_BYTES: Final = 0xFF00  # of text in a block, as htslib packs them
EOF: Final = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
LEVEL: Final = 1  # ISA-L 1 is as small as 2 and three times faster than 3 on imputed genotypes
_HEAD: Final = bytes.fromhex("1f8b08040000000000ff060042430200")
_SLAB_BYTES: Final = 64 * BLOCK_BYTES  # handed to a thread at once

Buffer = bytes | bytearray | memoryview | NDArray[Any]


def compress_block(text: memoryview | bytes, level: int = LEVEL) -> bytes:
    """One BGZF block of at most `BLOCK_BYTES` bytes."""
    body: bytes = igzip_lib.compress(text, level, igzip_lib.COMP_DEFLATE)
    if len(body) > len(text) + 5:
        # Incompressible: a stored deflate block always fits.
        body = struct.pack("<BHH", 1, len(text), len(text) ^ 0xFFFF) + bytes(text)
    tail = struct.pack("<II", isal_zlib.crc32(text), len(text))
    return b"".join((_HEAD, struct.pack("<H", len(body) + 25), body, tail))


def compress_blocks(text: memoryview | bytearray | bytes, level: int = LEVEL) -> list[bytes]:
    """BGZF blocks of `text`, all but the last full, without the EOF block."""
    view = memoryview(text)
    return [compress_block(view[at : at + BLOCK_BYTES], level) for at in range(0, len(view), BLOCK_BYTES)]


def compress(text: memoryview | bytearray | bytes, level: int = LEVEL) -> bytes:
    """The blocks of `text` joined."""
    return b"".join(compress_blocks(text, level))


class BgzfWriter:
    """Writes a BGZF file or a piece of one."""

    def __init__(self, path: Path | str, level: int = LEVEL, eof: bool = True, threads: int = 1) -> None:
        """Open `path` for writing.

        Args:
            path: the file, replaced when it exists.
            level: ISA-L level, 0 (fastest) to 3 (smallest).
            eof: end the file with the EOF block; pieces to be concatenated go without.
            threads: above 1, blocks are compressed by that many threads while the caller goes on.
        """
        self._file = Path(path).open("wb")  # noqa: SIM115 (closed by close)
        self._level, self._eof = level, eof
        self._rest = bytearray()
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._waiting: deque[Future[list[bytes]]] = deque()
        self.blocks: list[int] = []  # bytes of each block that is in the file, full ones and then the last

    def write(self, data: Buffer) -> None:
        """Append bytes, or an array's memory in C order."""
        view = data.reshape(-1).view(np.uint8).data if isinstance(data, np.ndarray) else memoryview(data)
        if self._rest:
            taken = min(_SLAB_BYTES - len(self._rest), len(view))
            self._rest += view[:taken]
            view = view[taken:]
            if len(self._rest) < _SLAB_BYTES:
                return
            self._slab(self._rest)
            self._rest = bytearray()
        while len(view) >= _SLAB_BYTES:
            self._slab(view[:_SLAB_BYTES])
            view = view[_SLAB_BYTES:]
        self._rest += view

    def close(self) -> None:
        """Write what is left, and the EOF block where asked for."""
        try:
            if self._rest:
                self._slab(self._rest)
            self._drain(0)
            if self._eof:
                self._file.write(EOF)
        finally:
            self.abort()

    def abort(self) -> None:
        """Free the file and threads without finishing."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._file.close()

    def _slab(self, slab: bytearray | memoryview) -> None:
        if self._pool is None:
            self.put(compress_blocks(memoryview(slab), self._level))
            return
        # The caller may reuse its buffer, so a thread gets a copy unless the slab is our own.
        text = slab if isinstance(slab, bytearray) else bytes(slab)
        self._waiting.append(self._pool.submit(compress_blocks, text, self._level))
        self._drain(2 * self._threads)

    def _drain(self, keep: int) -> None:
        while len(self._waiting) > keep:
            self.put(self._waiting.popleft().result())

    def put(self, blocks: list[bytes]) -> None:
        """Append blocks that are compressed already; not to be mixed with `write`."""
        self._file.writelines(blocks)
        self.blocks += map(len, blocks)

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; after an error only free the file."""
        if kind is None:
            self.close()
        else:
            self.abort()


def concatenate(paths: Sequence[Path], out: Path) -> int:
    """Join BGZF pieces written without EOF into one file with it; returns its size in bytes."""
    with out.open("wb") as target:
        for path in paths:
            with path.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
        target.write(EOF)
        return target.tell()


def ends_with_eof(path: Path) -> bool:
    """True when a BGZF file ends with the EOF block, so that it was not cut off between blocks."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(EOF)))
        return file.read() == EOF
