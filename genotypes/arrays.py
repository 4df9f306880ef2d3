"""Genotyping-array manifests: which positions an array types."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_manifest(path: Path) -> NDArray[np.int32]:
    """Positions (bp, 1-based, ascending, unique) of a text file whose last column is the position; `.gz` or plain."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as lines:
        last = (line.rsplit(None, 1)[-1] for line in lines if line.strip())
        return np.unique(np.array([int(word) for word in last if word.isdigit()], np.int32))


def read_arrays(folder: Path, chrom: str) -> dict[str, NDArray[np.int32]]:
    """Every array under `folder/ARRAY/chrN.*`, by name, that has positions on the chromosome."""
    found: dict[str, NDArray[np.int32]] = {}
    for path in sorted(folder.glob(f"*/chr{chrom}.*")):
        positions = read_manifest(path)
        if len(positions):
            found[path.parent.name] = positions
    return found
