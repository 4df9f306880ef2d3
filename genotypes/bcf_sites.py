"""Sites-only BCF by a kernel: the list of a chromosome's millions of sites is read at the start of every job.

Layout of a record: "The Variant Call Format Specification", VCFv4.3 and BCFv2.2, section 6.3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

from genotypes.kernels import genotype_kernel

_MAGIC: Final = b"BCF\x02\x02"
_FIXED: Final = 32  # bytes of a record before its ID: two lengths, then CHROM to the number of samples
_INT8, _INT16, _INT32, _FLOAT = 1, 2, 3, 5
_COMMA, _LINE, _DOT = 44, 10, 46
_LONG: Final = 15  # stands where a length does not fit and follows as a number of its own
_BEHIND: Final = 16  # bytes that announce a value, at most, and a whole number
_NONE: Final = np.int64(-(1 << 40))


class RawSites(NamedTuple):
    """Columns of V records in file order.

    Attributes:
        contigs: the header's, in order.
        contig: (V,) int32, index among them.
        pos: (V,) int32, 1-based.
        texts: ids, REF and ALT alleles as UTF-8, a line a record; "." where there is none, commas between several.
        af: (V,) float32, or None where a record has none.
        tile: (V,) int32, or None where a record has none.
    """

    contigs: list[str]
    contig: NDArray[np.int32]
    pos: NDArray[np.int32]
    texts: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
    af: NDArray[np.float32] | None
    tile: NDArray[np.int32] | None


@genotype_kernel
def _integer(data: Any, at: int, kind: int) -> Any:
    """A little-endian whole number of 1, 2 or 4 bytes; `_NONE` where it is missing."""
    if kind == _INT8:
        value = np.int64(data[at]) - ((np.int64(data[at]) >> 7) << 8)
        return _NONE if value == -128 else value
    if kind == _INT16:
        value = np.int64(data[at]) | np.int64(data[at + 1]) << 8
        value -= (value >> 15) << 16
        return _NONE if value == -32768 else value
    value = (
        np.int64(data[at]) | np.int64(data[at + 1]) << 8 | np.int64(data[at + 2]) << 16 | np.int64(data[at + 3]) << 24
    )
    value -= (value >> 31) << 32
    return _NONE if value == -(1 << 31) else value


@genotype_kernel
def _bytes_of(kind: int) -> int:
    if kind == _INT16:
        return 2
    return 4 if kind in (_INT32, _FLOAT) else 1


@genotype_kernel
def _typed(data: Any, at: int) -> Any:
    """Kind and number of the values that a typed value announces, and where they begin."""
    kind, count = data[at] & 15, np.int64(data[at] >> 4)
    at += 1
    if count == _LONG:
        size = data[at] & 15
        count = _integer(data, at + 1, size)
        at += 1 + _bytes_of(size)
    return kind, count, at


@genotype_kernel
def _put(data: Any, first: int, count: int, out: Any, at: int) -> int:
    """A text, or "." where it is empty, to place `at` of a column."""
    if count == 0:
        out[at] = _DOT
        return at + 1
    for k in range(count):
        out[at + k] = data[first + k]
    return at + count


@genotype_kernel
def _count(data: Any, end: int) -> int:
    """Whole records in the first `end` bytes; -1 when the last one is cut off."""
    records = at = 0
    while at < end:
        if at + _FIXED > end:
            return -1
        at += 8 + (_integer(data, at, _INT32) & 0xFFFFFFFF) + (_integer(data, at + 4, _INT32) & 0xFFFFFFFF)
        records += 1
    return records if at == end else -1


@genotype_kernel
def _read(
    data: Any, keys: Any, contig: Any, pos: Any, ids: Any, refs: Any, alts: Any, ends: Any, af: Any, tile: Any
) -> bool:
    """Fill the columns; `ends` (3,) receives the lengths of the texts, `keys` are the numbers of AF and TILE.

    False where a value reaches beyond its record. What announces a value is looked at before that is known, so that
    `data` must go on for some bytes behind the last record.
    """
    at = e_id = e_ref = e_alt = 0
    for v in range(len(pos)):
        shared = _integer(data, at, _INT32) & 0xFFFFFFFF
        following = at + 8 + shared + (_integer(data, at + 4, _INT32) & 0xFFFFFFFF)
        contig[v] = _integer(data, at + 8, _INT32)
        pos[v] = _integer(data, at + 12, _INT32) + 1
        infos = _integer(data, at + 24, _INT16) & 0xFFFF
        alleles = _integer(data, at + 26, _INT16) & 0xFFFF
        _, size, at = _typed(data, at + _FIXED)
        if not 0 <= size <= following - at:
            return False
        e_id = _put(data, at, size, ids, e_id)
        ids[e_id] = _LINE
        e_id, at = e_id + 1, at + size
        for a in range(max(alleles, 1)):
            size = 0
            if a < alleles:
                _, size, at = _typed(data, at)
            if not 0 <= size <= following - at:
                return False
            if a == 0:
                e_ref = _put(data, at, size, refs, e_ref)
            else:
                if a > 1:
                    alts[e_alt] = _COMMA
                    e_alt += 1
                e_alt = _put(data, at, size, alts, e_alt)
            at += size
        if alleles < 2:
            e_alt = _put(data, at, 0, alts, e_alt)
        refs[e_ref], alts[e_alt] = _LINE, _LINE
        e_ref, e_alt = e_ref + 1, e_alt + 1
        kind, size, at = _typed(data, at)
        if not 0 <= size * _bytes_of(kind) <= following - at:
            return False
        at += size * _bytes_of(kind)  # FILTER
        af[v], tile[v] = _NONE, _NONE
        for _ in range(infos):
            kind, size, at = _typed(data, at)
            key = _integer(data, at, kind)
            kind, size, at = _typed(data, at + _bytes_of(kind))
            if not 0 <= size * _bytes_of(kind) <= following - at:
                return False
            if size > 0 and key == keys[0] and kind == _FLOAT:
                af[v] = _integer(data, at, _INT32)
            elif size > 0 and key == keys[1] and kind <= _INT32:
                tile[v] = _integer(data, at, kind)
            at += size * _bytes_of(kind)
        at = following
    ends[0], ends[1], ends[2] = e_id, e_ref, e_alt
    return True


def read_raw(path: Path | str) -> RawSites:
    """All records of a BCF.

    Raises:
        OSError: it cannot be read.
        ValueError: it is cut off, damaged or no BCF.
    """
    with pysam.BGZFile(str(path), "rb", None) as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError(f"{path} is no BCF")
        size = int.from_bytes(file.read(4), "little")
        file.read(size)
        held = file.read()
    with pysam.VariantFile(str(path)) as opened:
        info: Any = opened.header.info
        contigs = [str(name) for name in opened.header.contigs]
        keys = np.array([info[name].id if name in info else -1 for name in ("AF", "TILE")], np.int64)
    data = np.frombuffer(held + bytes(_BEHIND), np.uint8)
    count = _count(data, len(held))
    if count < 0:
        raise ValueError(f"{path} is cut off")
    contig, pos = np.empty(count, np.int32), np.empty(count, np.int32)
    af, tile = np.empty(count, np.int64), np.empty(count, np.int64)
    ids, refs, alts = (np.empty(2 * len(data) + 2 * count, np.uint8) for _ in range(3))
    ends = np.zeros(3, np.int64)
    if not _read(data, keys, contig, pos, ids, refs, alts, ends, af, tile):
        raise ValueError(f"{path} has a record whose values do not fit into it")
    texts = (ids[: max(ends[0] - 1, 0)], refs[: max(ends[1] - 1, 0)], alts[: max(ends[2] - 1, 0)])
    return RawSites(
        contigs,
        contig,
        pos,
        texts,
        None if (af == _NONE).any() else af.astype(np.int32).view(np.float32),
        None if (tile == _NONE).any() else tile.astype(np.int32),
    )
