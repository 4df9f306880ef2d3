"""The kernel that writes peeled genotypes as VCF text: GT, DS, GP and GQ of every animal of a row.

Rounding is that of `genotypes.cells`: probabilities once to thousandths that sum to 1.000, all else from those.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from genotypes.kernels import kernel as kernel_of
from models.peeling.compiled import SOURCES

WIDTH: Final = 31  # most characters of a cell: tab, a|b:D.DDD:P.PPP,P.PPP,P.PPP:QQ
_SURE: Final = 1.4e-10  # probability of an error below which GQ is the largest
_LARGEST: Final = 99
_DIGITS: Final = np.array([[48 + n // 100, 48 + n // 10 % 10, 48 + n % 10] for n in range(1000)], np.uint8)
_ZERO, _TAB, _BAR, _COLON, _COMMA, _POINT = 48, 9, 124, 58, 44, 46

kernel = kernel_of(SOURCES, nogil=True)


@kernel
def _thousandths(het: Any, alt: Any) -> Any:
    """Rounded P(1) and P(2), at most 1000 together."""
    one, two = int(np.rint(het * np.float32(1000))), int(np.rint(alt * np.float32(1000)))
    one, two = min(max(one, 0), 1000), min(max(two, 0), 1000)
    over = one + two - 1000
    if over > 0:  # both were rounded up from a half: the larger gives way
        if one > two:
            one -= over
        else:
            two -= over
    return one, two


@kernel
def _largest(one: int, two: int) -> int:
    zero = 1000 - one - two
    if zero >= one and zero >= two:
        return 0
    return 1 if one >= two else 2


@kernel
def _number(text: Any, at: int, number: int) -> None:
    """`number` thousandths as D.DDD."""
    whole = number // 1000
    rest = number - 1000 * whole
    text[at], text[at + 1] = _ZERO + whole, _POINT
    text[at + 2], text[at + 3], text[at + 4] = _DIGITS[rest, 0], _DIGITS[rest, 1], _DIGITS[rest, 2]


@kernel
def write_cells(gp4: Any, calls: Any, keep: bool, haploid: Any, first: int, last: int, text: Any, ends: Any) -> None:
    """Cells of the rows first to last - 1.

    Args:
        gp4: (V, S, 4) float32 probabilities of aa, aA, Aa, AA.
        calls: (V, S) int8 observed ALT alleles, -1 where there is no call.
        keep: observed calls stay as they are; otherwise every genotype is the most probable one.
        haploid: (S,) bool animals that are written with one allele, whose probabilities are those of aa and AA.
        first: row.
        last: row.
        text: (V, S * WIDTH) uint8 out.
        ends: (V,) int64 out: characters of each row.
    """
    zero = np.float32(0)
    for v in range(first, last):
        row, at = text[v], 0
        for s in range(gp4.shape[1]):
            p0, p1, p2, p3 = gp4[v, s, 0], gp4[v, s, 1], gp4[v, s, 2], gp4[v, s, 3]
            before0, before1, before2 = p0, p1 + p2, p3
            if keep:
                call = calls[v, s]
                if call >= 0:
                    p0, p3 = p0 if call == 0 else zero, p3 if call == 2 else zero
                    if call != 1:
                        p1, p2 = zero, zero
                total = ((p0 + p1) + p2) + p3
                if total > 1e-20:
                    p0, p1, p2, p3 = p0 / total, p1 / total, p2 / total, p3 / total
                else:
                    p0, p3 = np.float32(call == 0), np.float32(call == 2)
                    p1 = p2 = np.float32(0.5) if call == 1 else zero
            one, two = _thousandths(p1 + p2, p3)
            best = _largest(one, two)
            row[at], row[at + 1] = _TAB, _ZERO + (best == 2 or (best == 1 and p2 > p1))
            at += 2
            if not haploid[s]:
                row[at], row[at + 1] = _BAR, _ZERO + (best == 2 or (best == 1 and not p2 > p1))
                at += 2
            row[at] = _COLON
            _number(row, at + 1, two if haploid[s] else one + 2 * two)
            row[at + 6] = _COLON
            _number(row, at + 7, 1000 - one - two)
            at += 12
            if not haploid[s]:
                row[at] = _COMMA
                _number(row, at + 1, one)
                at += 6
            row[at] = _COMMA
            _number(row, at + 1, two)
            row[at + 6] = _COLON
            at += 7
            # Kept calls have the quality that the family gives them, not that of a certainty.
            wrong = 1.0 - np.float64(before2 if best == 2 else before1 if best == 1 else before0)
            quality = _LARGEST
            if wrong > _SURE:
                quality = min(max(int(np.rint(-10.0 * np.log10(wrong))), 0), _LARGEST)
            if quality > 9:
                row[at] = _ZERO + quality // 10
                at += 1
            row[at] = _ZERO + quality % 10
            at += 1
        ends[v] = at


@kernel
def find_contradictions(gp4: Any, calls: Any, found: Any) -> int:
    """Observed calls that are not the most probable genotype.

    Args:
        gp4: (V, S, 4) float32 probabilities.
        calls: (V, S) int8 observed ALT alleles or -1.
        found: (M, 3) int64 out: row, animal and most probable genotype of the first M, in order.

    Returns:
        How many there are.
    """
    many = 0
    for v in range(gp4.shape[0]):
        for s in range(gp4.shape[1]):
            if calls[v, s] >= 0:
                one, two = _thousandths(gp4[v, s, 1] + gp4[v, s, 2], gp4[v, s, 3])
                best = _largest(one, two)
                if best != calls[v, s]:
                    if many < len(found):
                        found[many, 0], found[many, 1], found[many, 2] = v, s, best
                    many += 1
    return many
