"""Genotype calls as files write them, turned into codes by look-up tables.

Between a file's bytes and a genotype code stands a *call state*: one uint8 that keeps what the code forgets (half
calls, the separator of homozygotes). With respect to one ALT allele:

    state = 8 * first + 4 * phased + second
    first:  0 missing, 1 any other allele, 2 the ALT allele
    second: 0 no second allele (haploid), 1 missing, 2 any other allele, 3 the ALT allele

Other ALT alleles of a multiallelic record count as REF, as `bcftools norm -m-` splits them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt

MISSING_STATE: Final = 0  # the state of "."
BAD: Final = 64  # added to a state by anything that is not a plain call
N_STATES: Final = 24

States = NDArray[np.uint8]


def _tables() -> tuple[NDArray[np.int8], NDArray[np.uint8], NDArray[np.uint8]]:
    code = np.full(N_STATES, gt.MISSING, np.int8)
    half = np.zeros(N_STATES, np.uint8)
    unphased = np.zeros(N_STATES, np.uint8)
    pairs = {
        (0, 0): (gt.HOM_REF, gt.HOM_REF),
        (0, 1): (gt.HET, gt.PHASED_01),
        (1, 0): (gt.HET, gt.PHASED_10),
        (1, 1): (gt.HOM_ALT, gt.HOM_ALT),
    }
    for phased in (0, 1):
        code[8 + 4 * phased] = gt.HAP_REF
        code[16 + 4 * phased] = gt.HAP_ALT
        for (first, second), both in pairs.items():
            state = 8 * (first + 1) + 4 * phased + second + 2
            code[state] = both[phased]
            unphased[state] = 1 - phased
        for state in (8 + 4 * phased + 1, 16 + 4 * phased + 1, 4 * phased + 2, 4 * phased + 3):
            half[state] = 1
    return code, half, unphased


_CODE, _HALF, _UNPHASED = _tables()
_CODE_BYTES: Final = _CODE.tobytes().ljust(256, b"\xff")


def codes_of(states: States) -> gt.Codes:
    """Genotype codes of call states, same shape."""
    # bytes.translate looks up a byte without widening it to an index first, which np.take does: three times as fast.
    return np.frombuffer(states.tobytes().translate(_CODE_BYTES), np.int8).reshape(states.shape)


def half_calls(states: States) -> NDArray[np.int32]:
    """(V,) how many diploid calls of each row (V, S) have one missing allele."""
    found = np.zeros(len(states), np.int32)
    for state in _present(states, _HALF):
        found += (states == state).sum(axis=1, dtype=np.int32)
    return found


def all_phased(states: States) -> bool:
    """True when no called diploid genotype was written with '/'."""
    return not _present(states, _UNPHASED)


def _present(states: States, flags: NDArray[np.uint8]) -> list[int]:
    """Which of the flagged states occur; a memchr each, for most files have none of them."""
    data = states.tobytes()
    return [state for state in np.flatnonzero(flags).tolist() if data.find(state) >= 0]


def states_of_alleles(
    first: NDArray[np.int16], second: NDArray[np.int16], phased: NDArray[np.bool_], alt: int
) -> States:
    """Call states from allele numbers: -1 missing, -2 in `second` for a haploid call."""
    one = np.where(first < 0, 0, np.where(first == alt, 2, 1))
    two = np.where(second < 0, second + 2, np.where(second == alt, 3, 2))
    states: States = (8 * one + 4 * phased + two).astype(np.uint8)
    return states


@lru_cache(maxsize=128)
def text_tables(alt: int, n_alts: int, ends: bytes = b"\t") -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Look-up tables for "0/1" and one of `ends`, read as two little-endian uint16.

    The first is for (allele, separator), the second for (allele, end).
    The sum of both entries is the call state; it is `BAD` or more for anything else.
    """
    first = np.full((256, 256), BAD, np.uint8)  # [separator, allele]
    second = np.full((256, 256), BAD, np.uint8)  # [end, allele]
    for allele in range(-1, min(n_alts, 9) + 1):
        letter = ord(".") if allele < 0 else ord("0") + allele
        state = 0 if allele < 0 else 2 if allele == alt else 1
        first[ord("/"), letter] = 8 * state
        first[ord("|"), letter] = 8 * state + 4
        second[list(ends), letter] = state + 1
    return first.ravel(), second.ravel()


@lru_cache(maxsize=128)
def bcf_table(alt: int, n_alts: int, ploidy: int) -> NDArray[np.uint8]:
    """Look-up table for int8 GT values of a BCF: of one byte (ploidy 1) or a little-endian pair (ploidy 2)."""
    alleles = np.full(256, -9, np.int16)
    alleles[[0, 1]] = -1
    for allele in range(min(n_alts, 62) + 1):
        alleles[[(allele + 1) << 1, (allele + 1) << 1 | 1]] = allele
    one = np.where(alleles == -9, BAD // 8, np.where(alleles < 0, 0, np.where(alleles == alt, 2, 1)))
    if ploidy == 1:
        table: NDArray[np.uint8] = (8 * one).astype(np.uint8)
        return table
    two = np.where(alleles == -9, BAD, np.where(alleles < 0, 1, np.where(alleles == alt, 3, 2)))
    two += 4 * (np.arange(256) & 1) * (two < BAD)
    two[0x81] = 0  # end of vector: a haploid call
    table = (two[:, None] + 8 * one[None, :]).astype(np.uint8).ravel()
    return table
