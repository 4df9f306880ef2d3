"""How carriers are compressed: common sites as bits, sparse ones as gaps between carriers, both deflated."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.panel_index import carriers_of, gaps_of

DENSE = 1 / 16  # sites with a higher minor-allele frequency are written as bits, the others as gaps between carriers


def pack(starts: NDArray[np.int64], carriers: NDArray[Any], haplotypes: int) -> tuple[bytes, bytes]:
    """The compressed bits and gaps of some sites.

    Args:
        starts: (V + 1,) where each site begins in `carriers`, the first at 0.
        carriers: (C,) the haplotypes with the minor allele, ascending for each site.
        haplotypes: K.
    """
    minor = np.diff(starts)
    dense = minor > DENSE * haplotypes
    wide = np.repeat(dense, minor)
    bits = np.zeros((int(dense.sum()), haplotypes), np.uint8)
    site = np.repeat(np.arange(len(bits)), minor[dense])
    bits[site, carriers[wide]] = 1
    gaps = gaps_of(np.concatenate([[0], np.cumsum(minor[~dense])]), carriers[~wide].astype(np.int32))
    return _squeeze(np.packbits(bits, axis=1)), _squeeze(gaps.astype(index_type(haplotypes)))


def unpack(minor: NDArray[np.int64], haplotypes: int, bits: bytes, gaps: bytes) -> NDArray[Any]:
    """The carriers of sites that `pack` wrote.

    Args:
        minor: (V,) carriers of each site.
        haplotypes: K.
        bits: of the common sites.
        gaps: of the others.

    Raises:
        ValueError: they do not agree with their counts.
        zlib.error: they are no deflated bytes.
    """
    dense = minor > DENSE * haplotypes
    kind = index_type(haplotypes)
    carriers = np.empty(int(minor.sum()), kind)
    packed = np.frombuffer(zlib.decompress(bits), np.uint8).reshape(int(dense.sum()), (haplotypes + 7) // 8)
    between = np.frombuffer(zlib.decompress(gaps), kind)
    if len(between) != int(minor[~dense].sum()) or not carriers_of(minor, dense, packed, between, carriers):
        raise ValueError("carriers do not agree with their counts")
    if len(carriers) and int(carriers.max()) >= haplotypes:
        raise ValueError("a carrier is not among the haplotypes")
    return carriers


def index_type(haplotypes: int) -> type[np.uint16] | type[np.int32]:
    """The narrowest type that numbers so many haplotypes."""
    return np.uint16 if haplotypes <= 1 << 16 else np.int32


def _squeeze(values: NDArray[Any]) -> bytes:
    return zlib.compress(values.tobytes(), 9)
