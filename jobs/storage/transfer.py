"""Between storage and local files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from jobs.storage.protocol import Storage

_BLOCK = 1 << 20
_TRIES = 4


def fetch(storage: Storage, key: str, path: Path) -> int:
    """Copy an object to a local file, which appears only when whole; its size in bytes.

    A connection that breaks on the way is taken up again where it broke.

    Raises:
        KeyError: no such object.
        OSError: the object could not be read to its end, or the disk is full.
    """
    stat = storage.stat(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    done = 0
    with part.open("wb") as out:
        for attempt in range(1, _TRIES + 1):
            try:
                done += _copy(storage, key, done, stat.size, out.fileno())
            except OSError:
                if attempt == _TRIES:
                    raise
                done = os.fstat(out.fileno()).st_size
            if done == stat.size:
                break
    if done != stat.size:
        raise OSError(f"{key}: {done} of {stat.size} bytes could be read")
    part.replace(path)
    return done


def _copy(storage: Storage, key: str, start: int, end: int, target: int) -> int:
    """Append the bytes [start, end) of an object to an open file; how many came."""
    copied = 0
    with storage.open(key, start, end) as source:
        while block := source.read(_BLOCK):
            view = memoryview(block)
            while view:
                view = view[os.write(target, view) :]
            copied += len(block)
    return copied


def publish(storage: Storage, path: Path, key: str) -> tuple[int, str]:
    """Copy a local file to storage; its size in bytes and its sha256 in hex."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as source, storage.create(key) as writer:
        while block := source.read(_BLOCK):
            digest.update(block)
            size += len(block)
            writer.write(block)
        writer.commit()
    return size, digest.hexdigest()
