"""Numba kernels that turn the weights of states at typed sites into alleles at the sites between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel
from models.haplotypes.masks import add_where, fetch, item, store_sums
from models.haplotypes.scans import WORD
from models.haplotypes.states import LANES
from models.lanes import fill, load

BLOCK = 4  # slots between the same typed sites that are summed at once


@kernel()
def _sums(
    weights: NDArray[np.float32], left: int, right: int, size: int, masks: NDArray[np.uint16], row: int,
    rows: tuple[int, int, int], out: NDArray[np.float32],
) -> None:  # fmt: skip
    """out[4 * i:]: weight of slot i's carriers at the left, the right typed site, then the same of haplotype two.

    Slot 0 has its masks from `row` on, the others so many further on as `rows` says.
    """
    zero = fill(np.float32(0))
    a0, a1, a2, a3, b0, b1, b2, b3 = zero, zero, zero, zero, zero, zero, zero, zero
    c0, c1, c2, c3, d0, d1, d2, d3 = zero, zero, zero, zero, zero, zero, zero, zero
    for g in range(size // LANES):
        at = g * LANES
        x0, x1 = load(weights, left + at), load(weights, right + at)
        x2, x3 = load(weights, left + size + at), load(weights, right + size + at)
        mask = item(masks, row + g)
        a0, a1 = add_where(mask, a0, x0), add_where(mask, a1, x1)
        a2, a3 = add_where(mask, a2, x2), add_where(mask, a3, x3)
        mask = item(masks, row + rows[0] + g)
        b0, b1 = add_where(mask, b0, x0), add_where(mask, b1, x1)
        b2, b3 = add_where(mask, b2, x2), add_where(mask, b3, x3)
        mask = item(masks, row + rows[1] + g)
        c0, c1 = add_where(mask, c0, x0), add_where(mask, c1, x1)
        c2, c3 = add_where(mask, c2, x2), add_where(mask, c3, x3)
        mask = item(masks, row + rows[2] + g)
        d0, d1 = add_where(mask, d0, x0), add_where(mask, d1, x1)
        d2, d3 = add_where(mask, d2, x2), add_where(mask, d3, x3)
    store_sums((a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3), out, 0)


@kernel()
def emit_frequent(
    size: int,
    first: int,
    end: int,
    row: NDArray[np.int32],
    left: NDArray[np.int16],
    right_share: NDArray[np.float32],
    masks: NDArray[np.uint16],
    base: int,
    weights: NDArray[np.float32],
    scale: NDArray[np.float32],
    sums: NDArray[np.float32],
    minor: NDArray[np.float32],
) -> None:
    """Add one window's slots of frequent minor alleles.

    Args:
        size: S.
        first: the window's first slot.
        end: one past its last.
        row: see `Slots`.
        left: see `Slots`.
        right_share: see `Slots`.
        masks: the states that carry, S / 16 for each slot.
        base: first mask of the window.
        weights: see `backward`.
        scale: see `backward`.
        sums: (16,) scratch.
        minor: (2, V), added to.
    """
    groups = size // LANES
    n = first
    while n < end:
        many = 1
        while many < BLOCK and n + many < end and left[n + many] == left[n]:
            many += 1
        a = int(left[n])
        b = min(a + 1, WORD - 1)
        inside, near = np.float32(a >= 0), np.float32(a + 1 < WORD)
        a = max(a, 0)
        rows = (groups * min(1, many - 1), groups * min(2, many - 1), groups * min(3, many - 1))
        _sums(weights, a * 2 * size, b * 2 * size, size, masks, base + (n - first) * groups, rows, sums)
        l0, r0, l1, r1 = inside * scale[a, 0], near * scale[b, 0], inside * scale[a, 1], near * scale[b, 1]
        for i in range(many):
            share, v = right_share[n + i], row[n + i]
            rest = np.float32(1) - share
            minor[0, v] += rest * l0 * sums[4 * i] + share * r0 * sums[4 * i + 1]
            minor[1, v] += rest * l1 * sums[4 * i + 2] + share * r1 * sums[4 * i + 3]
        n += many


@kernel(allocates=True)
def find_carriers(
    lists: NDArray[np.int32],
    where: NDArray[np.int32],
    carriers: NDArray[np.int32],
    slots: NDArray[np.int32],
    counts: NDArray[np.int32],
    hits: NDArray[np.int32],
    found: NDArray[np.uint16],
) -> NDArray[np.uint16]:
    """The states that carry the minor allele of each rare slot.

    Args:
        lists: (W, S) haplotype of each state.
        where: (W, K + 1) where each window and haplotype begins in `carriers`.
        carriers: slots whose minor allele a haplotype carries.
        slots: (W + 1,) where each window's slots begin.
        counts: scratch for the slots of any one window.
        hits: (W + 1 + 2 * (N + 1),), filled: first where each window begins in what follows, then for each slot that a
            state carries a pair, the slot and where it begins in the result; a pair after the last ends it.
        found: used for the result if it is long enough.

    Returns:
        States by slot.
    """
    windows, size = lists.shape
    bounds = np.empty((size, 2), np.int32)
    total = 0
    to = windows + 1
    for w in range(windows):
        first, end = slots[w], slots[w + 1]
        counts[: end - first] = 0
        most = total
        for s in range(size):
            k = lists[w, s]
            bounds[s, 0], bounds[s, 1] = where[w, k], where[w, k + 1]
            fetch(carriers, bounds[s, 0])
            most += bounds[s, 1] - bounds[s, 0]
        if most > len(found):
            more = np.empty(2 * most, np.uint16)
            more[:total] = found[:total]
            found = more
        for s in range(size):
            for at in range(bounds[s, 0], bounds[s, 1]):
                counts[carriers[at] - first] += 1
        hits[w] = to
        for n in range(end - first):
            count = counts[n]
            counts[n] = total
            hits[to], hits[to + 1] = first + n, total
            to += 2 * (count > 0)
            total += count
        for s in range(size):
            for at in range(bounds[s, 0], bounds[s, 1]):
                n = carriers[at] - first
                found[counts[n]] = s
                counts[n] += 1
    hits[windows] = to
    hits[to + 1] = total
    return found


@kernel()
def emit_rare(
    size: int,
    first: int,
    end: int,
    row: NDArray[np.int32],
    left: NDArray[np.int16],
    right_share: NDArray[np.float32],
    hits: NDArray[np.int32],
    found: NDArray[np.uint16],
    weights: NDArray[np.float32],
    scale: NDArray[np.float32],
    minor: NDArray[np.float32],
) -> None:
    """Add one window's slots of rare minor alleles.

    Args:
        size: S.
        first: where the window begins in `hits`.
        end: one past its end.
        row: see `Slots`.
        left: see `Slots`.
        right_share: see `Slots`.
        hits: from `find_carriers`.
        found: from `find_carriers`.
        weights: see `backward`.
        scale: see `backward`.
        minor: (2, V), added to.
    """
    for hit in range(first, end, 2):
        n = hits[hit]
        a = int(left[n])
        b = min(a + 1, WORD - 1)
        near, far = np.float32(a + 1 < WORD) * right_share[n], np.float32(a >= 0) * (np.float32(1) - right_share[n])
        a = max(a, 0)
        x0 = x1 = y0 = y1 = np.float32(0)
        one, two = a * 2 * size, b * 2 * size
        for at in range(hits[hit + 1], hits[hit + 3]):
            s = int(item(found, at))
            x0 += item(weights, one + s)
            x1 += item(weights, one + size + s)
            y0 += item(weights, two + s)
            y1 += item(weights, two + size + s)
        v = row[n]
        minor[0, v] += far * scale[a, 0] * x0 + near * scale[b, 0] * y0
        minor[1, v] += far * scale[a, 1] * x1 + near * scale[b, 1] * y1
