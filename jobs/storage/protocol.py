"""What the service asks of object storage: nine methods over keys such as `jobs/ID/uploads/0-x.vcf.gz`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import BinaryIO, Protocol, Self


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What is known of an object without reading it."""

    size: int  # bytes
    etag: str  # changes when the content does; without quotes
    modified: datetime  # aware, UTC


class Writer(Protocol):
    """An object on its way in. Nothing is visible under the key before `commit`, everything after it.

    Leaving the `with` block without a commit drops what was written.
    """

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what was written unless it was committed."""
        ...

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Add bytes at the end; memory held stays below two parts. Returns their number."""
        ...

    def commit(self) -> None:
        """Make the object visible, replacing an older one of the key at one stroke."""
        ...


class Storage(Protocol):
    """A flat store of immutable objects, safe to share between threads.

    Keys are relative paths of plain segments; `ValueError` for others.
    """

    def create(self, key: str) -> Writer:
        """Start writing an object. `write` and `commit` raise `TesseraError(storage_full)` when there is no room."""
        ...

    def open(self, key: str, start: int = 0, end: int | None = None) -> BinaryIO:
        """A stream of the bytes [start, end) of an object, to be closed by the caller. `KeyError` when absent."""
        ...

    def stat(self, key: str) -> ObjectStat:
        """Size, etag and time of an object. `KeyError` when absent."""
        ...

    def delete(self, prefix: str) -> int:
        """Delete all below `prefix` when it ends in '/', else the one object of that key; how many there were."""
        ...

    def copy(self, source: str, target: str) -> None:
        """A second object with the same bytes, made by the store itself; it outlives the first. `KeyError` when absent.

        Raises `TesseraError(storage_full)` when there is no room.
        """
        ...

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders right below 'folder/' that hold objects, sorted."""
        ...

    def written(self, prefix: str) -> datetime | None:
        """When anything below 'folder/' was last written to, unfinished objects included (aware, UTC); None if empty.

        A writer that still runs is seen with its last part, so by up to a part too early.
        """
        ...

    def drop_unfinished(self, prefix: str, before: datetime) -> int:
        """Drop what writers below 'folder/' that were killed have left: last written to before a time; how many."""
        ...

    def presign(self, key: str, filename: str, seconds: int) -> str | None:
        """A URL from which anybody can download the object as `filename` for `seconds`; None if there is none."""
        ...
