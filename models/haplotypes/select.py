"""Numba kernels that choose, for every person and window, the panel haplotypes worth copying from.

A hidden Markov model over all haplotypes of a panel spends most of its time on states of no weight. As in Beagle 5.1
(Browning et al. 2021, Am J Hum Genet 108:1880, "composite reference haplotypes") a person gets a list of states of
fixed length, each a sequence of haplotypes that share long stretches with the person. Unlike there, a haplotype that
enters a list starts with the weight of a fresh switch, so that its entry is a recombination and not a continuation.

Arrays over the panel's haplotypes are padded to a multiple of 32 (`padded`); padding shares nothing with anybody.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel
from models.haplotypes.masks import above, equal, set_bits, store_high, trailing
from models.haplotypes.scans import WORD, scan_left, scan_right
from models.lanes import fill, load

CHUNK = 32  # haplotypes that are compared at once
APART = 8  # chunks between two that are looked at to begin with
HIGHEST = (1 << 15) - 1  # no key is above
RARE, LOW = 0.02, 0.1  # minor-allele frequencies below which a shared allele says more
STEP = 97  # ties of the next window are broken from so many haplotypes further on


def padded(haplotypes: int) -> int:
    """Haplotypes with padding."""
    return -(-haplotypes // CHUNK) * CHUNK


@kernel(nogil=True, allocates=True)
def pack_columns(alleles: NDArray[np.uint8], width: int) -> NDArray[np.uint32]:
    """(T, K) alleles 0 or 1 -> (ceil(T / 32), width) words, site t in bit t % 32 of word t // 32."""
    sites, haplotypes = alleles.shape
    out = np.zeros(((sites + WORD - 1) // WORD, width), np.uint32)
    for t in range(sites):
        for k in range(haplotypes):
            out[t // WORD, k] |= np.uint32(alleles[t, k]) << np.uint32(t % WORD)
    return out


def classes_of(alleles: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(T, K) alleles -> (W, 3) words: where REF is the minor allele, the minor allele is rare, of low frequency."""
    sites = len(alleles)
    frequency = alleles.mean(axis=1)
    minor = np.minimum(frequency, 1 - frequency)
    kinds = (frequency > 0.5, minor < RARE, (minor >= RARE) & (minor < LOW))
    padding = -sites % WORD
    bits = np.packbits([np.pad(kind, (0, padding)) for kind in kinds], axis=1, bitorder="little")
    return np.ascontiguousarray(bits.view("<u4").T.astype(np.uint32))


@kernel()
def score_haplotypes(
    words: NDArray[np.uint32],
    classes: NDArray[np.uint32],
    query: NDArray[np.uint32],
    known: NDArray[np.uint32],
    run: NDArray[np.int32],
    haplotypes: int,
    out: NDArray[np.int16],
) -> None:
    """How well each haplotype fits a person around each window.

    The score is that of the best stretch through the window: shared alleles add to it, rare ones more, differing ones
    cost; a stretch that differs within the window may also end there.

    Args:
        words: (W * P,) the panel as `pack_columns` gives it, flat; P = `padded(haplotypes)`.
        classes: (W, 3), see `classes_of`.
        query: (W,) alleles of the person's haplotype, or of its homozygous genotypes.
        known: (W,) bits of the sites that count.
        run: (P,) scratch.
        haplotypes: K.
        out: (W * P,), filled with scores from 0 to `scans.HIGHEST`; -1 in padding.
    """
    width = len(run)
    windows = len(query)
    run[:] = 0
    for w in range(windows):
        window = (query[w], known[w], classes[w, 0], classes[w, 1], classes[w, 2])
        for k in range(0, width, 16):
            scan_left(words, w * width + k, window, run, k, out)
    run[:] = 0
    for w in range(windows - 1, -1, -1):
        window = (query[w], known[w], classes[w, 0], classes[w, 1], classes[w, 2])
        for k in range(0, width, 16):
            scan_right(words, w * width + k, window, run, k, out)
        for k in range(haplotypes, width):
            out[w * width + k] = -1


@kernel()
def _count(lengths: NDArray[np.int16], first: int, end: int, apart: int, limit: int) -> int:
    """How many numbers are above a limit, of every so manieth chunk."""
    found = 0
    for at in range(first, end, CHUNK * apart):
        found += int(set_bits(above(lengths, at, np.int16(limit))))
    return found


@kernel()
def _limit(lengths: NDArray[np.int16], first: int, end: int, want: int) -> tuple[np.int16, int]:
    """The least limit above which there are no more than wanted, and how many those are.

    It is sought among some of the numbers, and from there among all, in steps that double until a bracket is found.
    """
    low, high = -1, HIGHEST
    some = want // APART
    while low < high:
        middle = (low + high) >> 1
        if _count(lengths, first, end, APART, middle) <= some:
            high = middle
        else:
            low = middle + 1
    near, step, count = min(high, HIGHEST - 1), 8, 0
    low, high = -1, HIGHEST
    while low < high:
        found = _count(lengths, first, end, 1, near)
        if found <= want:
            high, count = near, found
            near -= step
        else:
            low = near + 1
            near += step
        step *= 2
        near = near if low <= near < high else (low + high) >> 1
    return np.int16(high), count


@kernel()
def take_longest(
    lengths: NDArray[np.int16], first: int, end: int, want: int, start: int, out: NDArray[np.int32], filled: int
) -> int:
    """Append the `want` haplotypes that share most, of lengths[first:end], to out[filled:]; returns the new `filled`.

    Ties are broken by order from haplotype `start`, a multiple of 32, on; callers vary it so that no part of the panel
    is preferred.
    """
    limit, count = _limit(lengths, first, end, want)
    ties = want - count
    width = end - first
    for step in range(0, width, CHUNK):
        k = start + step
        if k >= width:
            k -= width
        bits = above(lengths, first + k, limit)
        while bits:
            out[filled] = k + int(trailing(bits))
            filled += 1
            bits &= bits - np.uint32(1)
        if ties > 0 and limit >= 0:
            bits = equal(lengths, first + k, limit)
            while bits and ties > 0:
                out[filled] = k + int(trailing(bits))
                filled += 1
                ties -= 1
                bits &= bits - np.uint32(1)
    return filled


@kernel(allocates=True)
def align(lists: NDArray[np.int32], where: NDArray[np.int32]) -> None:
    """Reorder (W, S) lists in place so that a haplotype keeps its state from window to window.

    Args:
        lists: the haplotypes of each window, each once.
        where: (K,) scratch.
    """
    windows, states = lists.shape
    row = np.empty(states + 1, np.int32)  # the last place is for those that have none
    late = np.empty(states + 1, np.int32)
    where[:] = -1
    for s in range(states):
        where[lists[0, s]] = s
    for w in range(1, windows):
        base = (w - 1) * states  # what stands in `where` from before is less
        row[:] = -1
        count = 0
        for s in range(states):  # without branches, which nobody could foretell
            k = lists[w, s]
            at = where[k] - base
            row[at if at >= 0 else states] = k
            late[count] = k
            count += at < 0
        count = 0
        for s in range(states):
            k = row[s] if row[s] >= 0 else late[count]
            count += row[s] < 0
            lists[w, s] = k
            where[k] = base + states + s


@kernel()
def choose_states(
    words: NDArray[np.uint32],
    classes: NDArray[np.uint32],
    queries: NDArray[np.uint32],
    known: NDArray[np.uint32],
    haplotypes: int,
    start: int,
    run: NDArray[np.int32],
    lengths: NDArray[np.int16],
    where: NDArray[np.int32],
    lists: NDArray[np.int32],
) -> None:
    """Fill (W, S) `lists` with the states of one person; `queries`, `known` (Q, W): an equal share for each query.

    `run` (P,), `lengths` (Q, W * P) and `where` (P,) are scratch. A panel of fewer haplotypes than
    states is repeated.
    """
    windows, states = lists.shape
    if states > haplotypes:
        for w in range(windows):
            for s in range(states):
                lists[w, s] = s % haplotypes
        return
    count = len(queries)
    width = len(run)
    for q in range(count):
        score_haplotypes(words, classes, queries[q], known[q], run, haplotypes, lengths[q])
    for w in range(windows):
        filled = 0
        begin = (start + STEP * w) * CHUNK % width
        for q in range(count):
            for s in range(filled):
                lengths[q, w * width + lists[w, s]] = -1
            want = states * (q + 1) // count - filled
            filled = take_longest(lengths[q], w * width, (w + 1) * width, want, begin, lists[w], filled)
    align(lists, where)


@kernel()
def add_weights(
    size: int, sites: int, weights: NDArray[np.float32], scale: NDArray[np.float32], keys: NDArray[np.int16], at: int
) -> None:
    """Keys of a window's states by their weight, summed over its sites, for each haplotype.

    Args:
        size: S.
        sites: typed sites of the window.
        weights: see `backward`.
        scale: see `backward`.
        keys: flat; keys[at:] is filled with those of the first haplotype, each one padded to a multiple of 32, then
            with those of the second.
        at: place in `keys`.
    """
    for h in range(2):
        base = at + h * padded_size(size)
        for g in range(0, size, 16):
            found = fill(np.float32(0))
            for t in range(sites):
                found = found + load(weights, (2 * t + h) * size + g) * fill(scale[t, h])
            store_high(found, keys, base + g)
        for s in range(size, padded_size(size)):
            keys[base + s] = -1


@kernel()
def padded_size(size: int) -> int:
    """States with padding."""
    return (size + CHUNK - 1) // CHUNK * CHUNK


@kernel(allocates=True)
def keep_heaviest(
    lists: NDArray[np.int32], keys: NDArray[np.int16], where: NDArray[np.int32], out: NDArray[np.int32]
) -> None:
    """The states of most weight, an equal share for each haplotype.

    Args:
        lists: (W, S) all states.
        keys: (W * 2 * padded_size(S),) see `add_weights`; used up.
        where: (P,) scratch.
        out: (W, Q), filled; Q not above S.
    """
    windows, size = lists.shape
    want = out.shape[1]
    if want == size:
        out[:] = lists
        return
    width = padded_size(size)
    for w in range(windows):
        first = 2 * w * width
        filled = take_longest(keys, first, first + width, want // 2, 0, out[w], 0)
        for s in range(filled):
            keys[first + width + out[w, s]] = -1
        take_longest(keys, first + width, first + 2 * width, want - filled, 0, out[w], filled)
        for s in range(want):
            out[w, s] = lists[w, out[w, s]]
    align(out, where)
