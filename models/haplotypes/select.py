"""Numba kernels that choose, for every person and window, the panel haplotypes worth copying from.

A hidden Markov model over all haplotypes of a panel spends most of its time on states of no weight. As in Beagle 5.1
(Browning et al. 2021, Am J Hum Genet 108:1880, "composite reference haplotypes") a person gets a list of states of
fixed length, each a sequence of haplotypes that share long stretches with the person. Unlike there, a haplotype that
enters a list starts with the weight of a fresh switch, so that its entry is a recombination and not a continuation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel

WORD = 32  # typed sites of a window
LONGEST = 1023  # shared lengths are told apart up to this many sites

_first_bit = np.zeros(65536, np.int8)
for _value in range(1, 65536):
    _first_bit[_value] = (_value & -_value).bit_length() - 1
_FIRST = _first_bit
_LAST = np.array([0, *[int(v).bit_length() - 1 for v in range(1, 65536)]], np.int8)


@kernel()
def pack_columns(alleles: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(T, K) alleles 0 or 1 -> (K, ceil(T / 32)) words, site t in bit t % 32 of word t // 32."""
    sites, haplotypes = alleles.shape
    words = (sites + WORD - 1) // WORD
    out = np.zeros((haplotypes, words), np.uint32)
    for t in range(sites):
        for k in range(haplotypes):
            out[k, t // WORD] |= np.uint32(alleles[t, k]) << np.uint32(t % WORD)
    return out


@kernel()
def _low(x: np.uint32) -> int:
    """Sites before the first mismatch of a word that has one."""
    if x & np.uint32(0xFFFF):
        return int(_FIRST[x & np.uint32(0xFFFF)])
    return 16 + int(_FIRST[x >> np.uint32(16)])


@kernel()
def _high(x: np.uint32) -> int:
    """Sites after the last mismatch of a word that has one."""
    if x >> np.uint32(16):
        return 15 - int(_LAST[x >> np.uint32(16)])
    return 31 - int(_LAST[x])


@kernel()
def shared_lengths(
    words: NDArray[np.uint32], query: NDArray[np.uint32], known: NDArray[np.uint32], out: NDArray[np.int16]
) -> None:
    """Length of the stretch shared with each haplotype around each window.

    Args:
        words: (K, W) the panel.
        query: (W,) alleles of the person's haplotype, or of its homozygous genotypes.
        known: (W,) bits of the sites that count.
        out: (W, K) int16, filled with numbers of sites up to `LONGEST`: the whole stretch where the window holds no
            mismatch, else the longer of the stretches that enter it from either side.
    """
    haplotypes, windows = words.shape
    left = np.empty(windows + 1, np.int32)
    left[0] = 0
    for k in range(haplotypes):
        for w in range(windows):
            x = (words[k, w] ^ query[w]) & known[w]
            left[w + 1] = left[w] + WORD if x == 0 else _high(x)
        right = 0
        for w in range(windows - 1, -1, -1):
            x = (words[k, w] ^ query[w]) & known[w]
            if x == 0:
                right += WORD
                out[w, k] = min(LONGEST, left[w] + right)
            else:
                low = _low(x)
                out[w, k] = min(LONGEST, max(left[w] + low, _high(x) + right))
                right = low


@kernel()
def take_longest(
    lengths: NDArray[np.int16],
    want: int,
    taken: NDArray[np.bool_],
    start: int,
    out: NDArray[np.int32],
    filled: int,
) -> int:
    """Append the `want` haplotypes that share most and are not yet taken to out[filled:]; returns the new `filled`.

    Ties are broken by order from haplotype `start` on, which callers vary so that no part of the panel is preferred.
    """
    haplotypes = len(lengths)
    counts = np.zeros(LONGEST + 1, np.int32)
    for k in range(haplotypes):
        if not taken[k]:
            counts[lengths[k]] += 1
    limit, above = LONGEST + 1, 0
    while limit > 0 and above + counts[limit - 1] <= want:
        limit -= 1
        above += counts[limit]
    ties = want - above
    for step in range(haplotypes):
        k = step + start
        if k >= haplotypes:
            k -= haplotypes
        if taken[k]:
            continue
        if lengths[k] < limit:
            if lengths[k] != limit - 1 or ties == 0:
                continue
            ties -= 1
        taken[k] = True
        out[filled] = k
        filled += 1
    return filled


@kernel()
def align(lists: NDArray[np.int32], where: NDArray[np.int32]) -> None:
    """Reorder (W, S) lists in place so that a haplotype keeps its state from window to window.

    Args:
        lists: the haplotypes of each window, each once.
        where: (K,) scratch.
    """
    windows, states = lists.shape
    used = np.empty(states, np.bool_)
    row = np.empty(states, np.int32)
    for w in range(1, windows):
        where[:] = -1
        for s in range(states):
            where[lists[w - 1, s]] = s
        used[:] = False
        for s in range(states):
            at = where[lists[w, s]]
            if at >= 0:
                row[at] = lists[w, s]
                used[at] = True
        free = 0
        for s in range(states):
            if where[lists[w, s]] < 0:
                while used[free]:
                    free += 1
                row[free] = lists[w, s]
                used[free] = True
        lists[w] = row


@kernel()
def choose_states(
    words: NDArray[np.uint32],
    queries: NDArray[np.uint32],
    known: NDArray[np.uint32],
    start: int,
    lengths: NDArray[np.int16],
    lists: NDArray[np.int32],
) -> None:
    """Fill (W, S) `lists` with the states of one person; `queries`, `known` (Q, W): an equal share for each query.

    `lengths` is (Q, W, K) scratch.
    """
    haplotypes, windows = words.shape
    states = lists.shape[1]
    count = len(queries)
    for q in range(count):
        shared_lengths(words, queries[q], known[q], lengths[q])
    taken = np.empty(haplotypes, np.bool_)
    for w in range(windows):
        taken[:] = False
        filled = 0
        for q in range(count):
            want = states * (q + 1) // count - filled
            filled = take_longest(lengths[q, w], want, taken, (start + 97 * w) % haplotypes, lists[w], filled)
    align(lists, np.empty(haplotypes, np.int32))


@kernel()
def gather(alleles: NDArray[np.uint8], lists: NDArray[np.int32], out: NDArray[np.uint8]) -> None:
    """(T, K) panel, (W, S) states -> (T, S) alleles of the states."""
    for t in range(len(alleles)):
        row = lists[t // WORD]
        for s in range(len(row)):
            out[t, s] = alleles[t, row[s]]
