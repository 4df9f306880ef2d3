"""Numba kernel: what one genotype looks like in text, composed straight into a buffer.

Numbers are as short as they can be without loss ("0", "0.5", "0.125"): the text that bcftools writes of the same record
in BCF. See `genotypes.cells` for the items.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.cells import BASE, HAPLOID, OBSERVED
from genotypes.kernels import genotype_kernel

_intrinsic: Any = intrinsic  # its own types know nothing of the first argument, which numba fills in

WIDEST: Final = 48  # bytes of the longest cell, and what the last stores may write beyond it
_SHORTEST: Final = 8  # bytes written at once


def _words(texts: list[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Texts of at most eight characters as words, and their lengths."""
    joined = b"".join(text.encode().ljust(_SHORTEST, b"\0") for text in texts)
    return np.frombuffer(joined, "<u8").copy(), np.array([len(text) for text in texts], np.uint8)


# Thousandths 0-2000 as text, followed by what follows a number in a cell.
_COLON, _COLON_N = _words([f"{x / 1000:g}:" for x in range(2001)])
_COMMA, _COMMA_N = _words([f"{x / 1000:g}," for x in range(1001)])
_TAB, _TAB_N = _words([f"{x / 1000:g}\t" for x in range(1001)])
# Genotypes by 2 x first allele + second, unphased and phased, then those of haploids.
_GT, _GT_N = _words(["0/0:", "0/1:", "1/0:", "1/1:", "0|0:", "0|1:", "1|0:", "1|1:", "0:", "1:"])
# Cells of item 0, as many as are written at once.
_AT_ONCE: Final = 48
_SURE, _SURE_PHASED = np.frombuffer(b"0/0:0:1,0,0\t" * 4 + b"0|0:0:1,0,0:0,0\t" * 3, "<u8").reshape(2, 6).copy()
_MISSING, _MISSING_N = _words(["./.:.:.\t", ".:.:.\t", ".|.:.:.:", ".:.:.:.\t"])


@_intrinsic  # type: ignore[untyped-decorator]
def _store(typing: Any, out: Any, at: Any, word: Any) -> Any:
    """Write eight bytes at any place of a contiguous uint8 array."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        place = builder.gep(array.data, [values[1]])
        place = builder.bitcast(place, ir.IntType(64).as_pointer())
        builder.store(values[2], place).align = 1
        return context.get_dummy_value()

    return types.void(out, types.intp, types.uint64), code


@genotype_kernel
def _put(out: NDArray[np.uint8], at: int, words: NDArray[np.uint64], lengths: NDArray[np.uint8], which: int) -> int:
    """Write a text; where the next one begins."""
    _store(out, at, words[which])
    return int(at + lengths[which])


@genotype_kernel
def _diploid(out: NDArray[np.uint8], at: int, genotype: int, p1: int, p2: int) -> int:
    """GT, DS and GP of an unphased cell."""
    at = _put(out, at, _GT, _GT_N, genotype)
    at = _put(out, at, _COLON, _COLON_N, min(p1 + 2 * p2, 2000))
    at = _put(out, at, _COMMA, _COMMA_N, max(1000 - p1 - p2, 0))
    at = _put(out, at, _COMMA, _COMMA_N, p1)
    return _put(out, at, _TAB, _TAB_N, p2)


@genotype_kernel
def _phased(out: NDArray[np.uint8], at: int, genotype: int, one: int, two: int, het: bool) -> int:
    """GT, DS, GP and HDS; an observed heterozygote's GP is its own."""
    p1 = 1000 if het else int(np.rint((one * (1000 - two) + two * (1000 - one)) / 1000))
    p2 = 0 if het else int(np.rint(one * two / 1000))
    at = _put(out, at, _GT, _GT_N, genotype)
    at = _put(out, at, _COLON, _COLON_N, min(one + two, 2000))
    at = _put(out, at, _COMMA, _COMMA_N, max(1000 - p1 - p2, 0))
    at = _put(out, at, _COMMA, _COMMA_N, p1)
    at = _put(out, at, _COLON, _COLON_N, p2)
    at = _put(out, at, _COMMA, _COMMA_N, one)
    return _put(out, at, _TAB, _TAB_N, two)


@genotype_kernel
def _haploid(out: NDArray[np.uint8], at: int, alt: int, phased: bool) -> int:
    """GT, DS, GP and, of phased input, HDS of a haploid."""
    at = _put(out, at, _GT, _GT_N, 9 if alt > 500 else 8)
    at = _put(out, at, _COLON, _COLON_N, alt)
    at = _put(out, at, _COMMA, _COMMA_N, 1000 - alt)
    if phased:
        at = _put(out, at, _COLON, _COLON_N, alt)
    return _put(out, at, _TAB, _TAB_N, alt)


@genotype_kernel
def _observed(out: NDArray[np.uint8], at: int, code: int, phased: bool) -> int:
    """An observed genotype by its code; 7 is a missing diploid, 8 a missing haploid."""
    if code == gt.HAP_REF or code == gt.HAP_ALT:
        return _haploid(out, at, 1000 if code == gt.HAP_ALT else 0, phased)
    if code >= 7:
        which = code - 7 + (2 if phased else 0)
        at = _put(out, at, _MISSING, _MISSING_N, which)
        if which == 2:  # the only one that is longer than a word
            out[at] = 46
            out[at + 1] = 9
            at += 2
        return at
    het = code == gt.HET or code == gt.PHASED_01 or code == gt.PHASED_10
    genotype = 3 if code == gt.HOM_ALT else (2 if code == gt.PHASED_10 else (1 if het else 0))
    if code == gt.PHASED_01 or code == gt.PHASED_10 or (phased and code != gt.HET):
        genotype += 4  # an observed unphased heterozygote stays unphased, observed phase is kept
    if not phased:
        return _diploid(out, at, genotype, 1000 if het else 0, 1000 if code == gt.HOM_ALT else 0)
    one, two = 0, 0
    if code == gt.HET:
        one, two = 500, 500
    elif code == gt.HOM_ALT:
        one, two = 1000, 1000
    elif code == gt.PHASED_01:
        two = 1000
    elif code == gt.PHASED_10:
        one = 1000
    return _phased(out, at, genotype, one, two, het)


@genotype_kernel
def put_cell(out: NDArray[np.uint8], at: int, item: int, phased: bool) -> int:
    """Write one cell and a tab; where the next one begins. Up to `WIDEST` bytes are touched."""
    if item >= OBSERVED:
        return _observed(out, at, item - OBSERVED, phased)
    if item >= HAPLOID:
        return _haploid(out, at, item - HAPLOID, phased)
    high = item // BASE
    low = item - high * BASE
    if phased:
        return _phased(out, at, 4 + 2 * (high > 500) + (low > 500), high, low, False)
    ref = max(1000 - low - high, 0)
    genotype = 0
    if low > ref or high > ref:
        genotype = 3 if high > low else 1
    return _diploid(out, at, genotype, low, high)


@genotype_kernel
def put_lines(
    items: NDArray[np.int32],
    phased: bool,
    heads: NDArray[np.uint8],
    starts: NDArray[np.int64],
    out: NDArray[np.uint8],
    ends: NDArray[np.int64],
) -> None:
    """Text of V records over S samples.

    Args:
        items: (V, S).
        phased: HDS is written.
        heads: what stands before the samples, of all records together.
        starts: (V + 1,) where each begins in it.
        out: at least as many bytes as `heads` and `WIDEST` for every genotype together.
        ends: (V,) is filled with where each record ends.
    """
    at = 0
    length = 16 if phased else 12
    sure = _SURE_PHASED if phased else _SURE
    for v in range(items.shape[0]):
        for one in range(starts[v], starts[v + 1]):
            out[at] = heads[one]
            at += 1
        s = 0
        while s < items.shape[1]:
            item = items[v, s]
            s += 1
            if item != 0:
                at = put_cell(out, at, item, phased)
                continue
            run = 1  # most genotypes are without doubt and so are their neighbours
            while s < items.shape[1] and items[v, s] == 0:
                s += 1
                run += 1
            for place in range(at, at + run * length, _AT_ONCE):
                for k in range(0, _AT_ONCE, _SHORTEST):
                    _store(out, place + k, sure[k // _SHORTEST])
            at += run * length
        out[at - 1] = 10
        ends[v] = at


def cell_text(item: int, phased: bool) -> bytes:
    """Text of one item, without what follows it."""
    out = np.zeros(WIDEST, np.uint8)
    return out[: put_cell(out, 0, item, phased) - 1].tobytes()
