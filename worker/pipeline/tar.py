"""Reading a tar archive from a stream, gzip around it or not, in bounded memory.

Headers are parsed by the standard library (`tarfile.TarInfo.frombuf`); its own loop over members is not used, as it
holds extended headers of any size in memory and takes an archive that was cut between two members for a whole one.
Format: POSIX.1-2001, pax Interchange Format; GNU tar's long names.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from errors import Code, TesseraError
from genotypes.stream import PIECE_BYTES, Inflated, open_inflated

_BLOCK: Final = tarfile.BLOCKSIZE
_MAX_EXTENDED: Final = 1 << 20  # bytes of a long name or of a member's pax records
_PAX: Final = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)


@dataclass(frozen=True, slots=True)
class TarMember:
    """One entry of an archive that is no folder; `regular` is False for links, devices and sparse files."""

    name: str
    regular: bool


class TarReader:
    """Iterates once over the entries; `content` gives the current one's bytes."""

    def __init__(self, source: Inflated) -> None:
        """Read `source`, which stands at the archive's start."""
        self._source = source
        self._left = 0  # bytes of the current member
        self._padding = 0

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """A reader over a file."""
        with open_inflated(path) as source:
            yield cls(source)

    def __iter__(self) -> Iterator[TarMember]:
        """The entries, whose names may be anything.

        Raises:
            TesseraError: `truncated_file`, `corrupt_file`, and what the compression around it raises.
        """
        name, told = "", {}
        while (info := self._header()) is not None:
            if info.type == tarfile.GNUTYPE_LONGNAME:
                name = self._extended(info).rstrip(b"\0").decode(errors="replace")
                continue
            if info.type in _PAX:
                told = _records(self._extended(info))
                continue
            size = int(told["size"]) if told.get("size", "").isdecimal() else info.size
            # A link has no content whatever its header says; every other kind is skipped by its size.
            self._left = 0 if info.islnk() or info.issym() else size
            self._padding = -self._left % _BLOCK
            shown = told.get("path") or name or info.name
            sparse = info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in told)
            name, told = "", {}
            if not (info.isdir() or info.type in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK)):
                yield TarMember(shown, info.isreg() and not sparse)
            for _ in self.content():
                pass

    def content(self) -> Iterator[bytes]:
        """What is left of the current member, in pieces.

        Raises:
            TesseraError: `truncated_file`.
        """
        while self._left:
            piece = self._source.read(min(PIECE_BYTES, self._left))
            if not piece:
                raise _cut()
            self._left -= len(piece)
            yield piece
        if len(self._source.exactly(self._padding)) < self._padding:
            raise _cut()
        self._padding = 0

    def _header(self) -> tarfile.TarInfo | None:
        """The next header, None at the block of zeros that ends an archive."""
        block = self._source.exactly(_BLOCK)
        if len(block) < _BLOCK:
            raise _cut()
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed lacks it
            return None
        except (tarfile.HeaderError, ValueError) as error:
            raise _damaged() from error
        if info.size < 0:
            raise _damaged()
        return info

    def _extended(self, info: tarfile.TarInfo) -> bytes:
        if info.size > _MAX_EXTENDED:
            raise _damaged()
        self._left, self._padding = info.size, -info.size % _BLOCK
        return b"".join(self.content())


def _records(data: bytes) -> dict[str, str]:
    """Pax records `LENGTH KEY=VALUE` and a line end."""
    found = {}
    while data.strip(b"\0"):
        length, _, rest = data.partition(b" ")
        if not length.isdigit() or not len(length) + 3 <= int(length) <= len(data):
            raise _damaged()
        key, _, value = rest[: int(length) - len(length) - 2].partition(b"=")
        found[key.decode(errors="replace")] = value.decode(errors="replace")
        data = data[int(length) :]
    return found


def _cut() -> TesseraError:
    return TesseraError(Code.truncated_file, "The archive ends early.", field="vcf")


def _damaged() -> TesseraError:
    return TesseraError(Code.corrupt_file, "A header of the archive is damaged.", field="vcf")
