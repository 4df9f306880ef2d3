"""A number for every animal that follows from its data and its descendants' alone, whatever its name and place are.

Random draws are seeded by it and ties are broken by it, so that the order of lines and columns, names, and which allele
is called REF decide nothing.
"""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.pedigree import Pedigree
from models.peeling.penetrance import Penetrance

_COLUMNS: Final = 256  # looked at together


def keys(pedigree: Pedigree, penetrance: Penetrance, column: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) numbers below 2^32: a checksum of where the animal is observed and heterozygous, and of its offspring's.

    Args:
        pedigree: N animals.
        penetrance: (L, S) observations.
        column: (N,) column of each animal in it, -1 for those without.
    """
    seen, het = np.arange(len(penetrance.table)) % penetrance.size > 0, penetrance.heterozygous
    own = np.zeros(len(pedigree), np.int64)
    animals = np.flatnonzero(column >= 0)
    for first in range(0, len(animals), _COLUMNS):
        part = animals[first : first + _COLUMNS]
        index = penetrance.index[:, column[part]].T
        bits = np.packbits(np.concatenate([seen[index], het[index]], axis=1), axis=1)
        own[part] = [zlib.crc32(row.tobytes()) for row in bits]
    offspring: list[list[int]] = [[] for _ in range(len(pedigree))]
    for animal in pedigree.order[::-1].tolist():
        told = np.array([own[animal], *sorted(offspring[animal])], np.int64)
        own[animal] = zlib.crc32(told.tobytes())
        for parent in {int(pedigree.sire[animal]), int(pedigree.dam[animal])}:
            if parent >= 0:
                offspring[parent].append(int(own[animal]))
    return own


def coins(key: NDArray[np.int64], number: int) -> NDArray[np.bool_]:
    """(N,) throw `number` of each key's coin (Steele et al. 2014, SplitMix, OOPSLA 49:453)."""
    x = key.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(number * 0xBF58476D1CE4E5B9 % (1 << 64))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    heads: NDArray[np.bool_] = (x >> np.uint64(63)) == 1
    return heads
