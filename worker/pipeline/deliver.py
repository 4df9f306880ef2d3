"""Checksums of what the user downloads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from worker.pipeline.types import ResultFile

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".gz": "application/gzip",
}
CHECKSUMS = "sha256sums.txt"


def describe(path: Path, chromosome: str | None = None) -> ResultFile:
    """Name, size, checksum and media type of one file, read in pieces."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    media_type = MEDIA_TYPES.get(path.suffix, "application/octet-stream")
    return ResultFile(path.name, path.stat().st_size, digest, media_type, chromosome)


def deliver(results: Sequence[ResultFile], out: Path) -> Path:
    """Write `sha256sums.txt`, which `sha256sum -c` reads, into `out` and return its path."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / CHECKSUMS
    others = sorted((one for one in results if one.name != CHECKSUMS), key=lambda one: one.name)
    path.write_text("".join(f"{one.sha256}  {one.name}\n" for one in others))
    return path
