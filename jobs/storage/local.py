"""Objects as files below one folder: the embedded default, and a shared file system."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast
from urllib.parse import quote

from errors import Code, TesseraError
from jobs.storage.keys import check_key, check_prefix, check_range, is_key
from jobs.storage.protocol import ObjectStat

_INCOMING = ".incoming"  # no key can name it, as segments of keys do not start with a dot
_KEY_LETTERS = 200  # of a key in the name of its unfinished file, which may have 255
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV}


class LocalStorage:
    """A folder. Objects are written beside their place and renamed into it, so readers never see half of one."""

    def __init__(self, root: Path) -> None:
        """Use `root`, made if need be."""
        self.root = root.resolve()
        self._incoming = self.root / _INCOMING
        self._incoming.mkdir(parents=True, exist_ok=True)

    def create(self, key: str) -> LocalWriter:
        """Start writing an object."""
        return LocalWriter(self._part(key), self._path(key))

    def open(self, key: str, start: int = 0, end: int | None = None) -> BinaryIO:
        """A stream of the bytes [start, end) of an object. `KeyError` when absent."""
        check_range(start, end)
        with _absent_is_key_error(key):
            raw = io.FileIO(self._path(key))
        raw.seek(start)
        return raw if end is None else cast(BinaryIO, io.BufferedReader(_Slice(raw, end - start)))

    def stat(self, key: str) -> ObjectStat:
        """Size, etag and time of an object. `KeyError` when absent."""
        path = self._path(key)
        with _absent_is_key_error(key):
            if path.is_dir():
                raise IsADirectoryError(key)
            found = path.stat()
        etag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
        return ObjectStat(found.st_size, etag, datetime.fromtimestamp(found.st_mtime, UTC))

    def delete(self, prefix: str) -> int:
        """Delete everything below 'folder/', or one object; how many there were."""
        check_prefix(prefix)
        path = self.root / prefix
        if not prefix.endswith("/"):
            try:
                path.unlink()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                return 0
            self._prune(path.parent)
            return 1
        count = 0
        for folder, _, names in os.walk(path, topdown=False):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(folder, name))
                    count += 1
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        self._prune(path.parent)
        return count

    def copy(self, source: str, target: str) -> None:
        """A second name for the same bytes, as objects never change; a copy where the file system has no such thing."""
        path, part = self._path(source), self._part(target)
        goal = self._path(target)
        try:
            with _absent_is_key_error(source), _full_is_storage_full():
                if path.is_dir():
                    raise IsADirectoryError(source)
                try:
                    os.link(path, part)
                except OSError as error:
                    if error.errno not in _NO_LINKS:
                        raise
                    shutil.copyfile(path, part)
            _move(part, goal)
        finally:
            part.unlink(missing_ok=True)

    def folders(self, prefix: str) -> list[str]:
        """Names of the folders right below 'folder/'; empty ones are pruned as soon as they are."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._folder(prefix)) as found:
            return sorted(one.name for one in found if one.is_dir(follow_symlinks=False) and is_key(one.name))
        return []

    def written(self, prefix: str) -> datetime | None:
        """When anything below 'folder/' was last written to, unfinished files included."""
        files = (Path(at, name) for at, _, names in os.walk(self._folder(prefix)) for name in names)
        times = [when for path in (*files, *self._unfinished(prefix)) if (when := _written(path)) is not None]
        return max(times, default=None)

    def drop_unfinished(self, prefix: str, before: datetime) -> int:
        """Drop what writers that were killed have left."""
        count = 0
        for part in self._unfinished(prefix):
            if (when := _written(part)) is not None and when < before:
                part.unlink(missing_ok=True)
                count += 1
        return count

    def presign(self, key: str, filename: str, seconds: int) -> str | None:
        """None: a folder has no address of its own."""
        check_key(key)
        return None

    def _part(self, key: str) -> Path:
        """Where an object is written to before it is whole; named after its key, so that its folder can be told."""
        return self._incoming / f"{uuid.uuid4().hex}~{quote(check_key(key), safe='')[:_KEY_LETTERS]}"

    def _unfinished(self, prefix: str) -> list[Path]:
        """Files of objects below 'folder/' that are not whole, or of which nobody knows where they belong."""
        start = quote(check_prefix(prefix), safe="")[:_KEY_LETTERS]
        named = [(path, path.name.partition("~")[2]) for path in self._incoming.iterdir()]
        return [path for path, key in named if not key or key.startswith(start)]

    def _folder(self, prefix: str) -> Path:
        return self.root / check_prefix(prefix)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _prune(self, folder: Path) -> None:
        """Remove folders that have become empty, up to the root."""
        while folder != self.root and folder.is_relative_to(self.root):
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


class LocalWriter:
    """A file on its way in; see `protocol.Writer`."""

    def __init__(self, part: Path, target: Path) -> None:
        """Write to `part`, which becomes `target`."""
        self._part = part
        self._target = target
        self._file = part.open("wb", buffering=1 << 20)
        self._committed = False

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what was written unless it was committed."""
        if not self._committed:
            with contextlib.suppress(OSError):  # closing flushes, and a full disk must not hide the first error
                self._file.close()
            self._part.unlink(missing_ok=True)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Add bytes at the end; their number."""
        with _full_is_storage_full():
            return self._file.write(data)

    def commit(self) -> None:
        """Flush to the disk and rename into place, so that a committed object survives a power cut."""
        with _full_is_storage_full():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            _move(self._part, self._target)
        self._committed = True


class _Slice(io.RawIOBase):
    """The next `length` bytes of a file."""

    def __init__(self, source: io.FileIO, length: int) -> None:
        self._source = source
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        got = self._source.readinto(memoryview(buffer)[: self._left])
        self._left -= got
        return got

    def close(self) -> None:
        self._source.close()
        super().close()


def _written(path: Path) -> datetime | None:
    """When a file was last written to, or got a name: a copy's bytes are as old as its source's."""
    with contextlib.suppress(FileNotFoundError):
        found = path.stat()
        return datetime.fromtimestamp(max(found.st_mtime, found.st_ctime), UTC)
    return None


def _move(part: Path, target: Path) -> None:
    """Put a whole file into its place, so that it survives a power cut."""
    for _ in range(100):
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # a delete beside us pruned the folder again
            part.replace(target)
            break
    else:
        raise FileNotFoundError(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable."""
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _absent_is_key_error(key: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise KeyError(key) from error


@contextlib.contextmanager
def _full_is_storage_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TesseraError(Code.storage_full, "The server has no room left for the file.") from error
        raise
