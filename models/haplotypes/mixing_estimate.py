"""What synthetic haplotypes of a panel will cost, from those of a few centimorgans of it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.resample import Resampling, synthesise
from models.haplotypes.stored import StoredLibrary
from models.haplotypes.synthetic import persons_of
from models.haplotypes.writer import LibraryWriter

# Crossovers are rare within the first tenths of a centimorgan, where few haplotypes are due.
TIMED_CM: Final = 20.0
TIMED_CELLS: Final = 64_000_000  # alleles, at most; of a denser panel every n-th site is taken
_BLOCK: Final = 2048


def mixing_seconds(library: StoredLibrary, cm: NDArray[np.float64], people: int, how: Resampling) -> float:
    """Seconds of one process for each site.

    Reading, hashing and writing go by sites, crossovers by bins of the map: the sample is mixed as it shall be and
    without a crossover, and the difference counts for as many bins as all sites that were read have each.

    Args:
        library: the begin of a panel; what is written meanwhile lies beside it.
        cm: (V,) map positions of its first sites, which are of one chromosome.
        people: of the panel.
        how: as the training will do it.
    """
    sites = int(np.searchsorted(cm, cm[0] + TIMED_CM, "right"))
    step = max(1, -(-sites * library.haplotypes // TIMED_CELLS))
    rows = np.arange(0, sites, step, dtype=np.int32)
    alleles, at = library.alleles(rows).view(np.int8), cm[rows]
    persons, path = persons_of(library.haplotypes, people), Path(f"{library.path}.mixed")
    whole, bins = _timed(alleles, at, persons, how, path)
    calm, _ = _timed(alleles, at, persons, replace(how, generations=1e-9, longest_cm=1e9), path)
    crossing = max(0.0, whole - calm) / bins * _bins(cm, how.bin_cm) / len(cm)
    return _read(library) + calm / len(rows) + crossing


def _read(library: StoredLibrary) -> float:
    """Seconds of reading a site, from the file and not from blocks that stayed in memory."""
    library = StoredLibrary(library.path)
    start = time.monotonic()
    block = library.block(0)
    block.alleles(np.arange(len(block), dtype=np.int32))
    return (time.monotonic() - start) / len(block)


def _timed(
    alleles: NDArray[np.int8], cm: NDArray[np.float64], persons: NDArray[np.int64], how: Resampling, path: Path
) -> tuple[float, int]:
    """Seconds of mixing (V, K) alleles and writing them, and how many bins they had."""
    blocks = ((alleles[first : first + _BLOCK], cm[first : first + _BLOCK]) for first in range(0, len(cm), _BLOCK))
    start = time.monotonic()
    bins = 0
    with LibraryWriter(path, alleles.shape[1]) as writer:
        for made, _ in synthesise(blocks, persons, how):
            writer.add(made)
            bins += 1
        writer.close(cm, [])
    return time.monotonic() - start, bins


def _bins(cm: NDArray[np.float64], width: float) -> int:
    """Bins of a map that hold a site."""
    return len(np.unique(np.floor((cm - cm[0]) / width)))
