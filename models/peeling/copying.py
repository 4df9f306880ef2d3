"""The kernels of the copying model: a founder's two haplotypes as mosaics of other founders' haplotypes.

The hidden state of a locus is the pair of library haplotypes that the founder's paternal and maternal haplotypes copy
there. Each haplotype switches to a haplotype of the library drawn at random with probability rho between loci and
shows the other allele than it copies with a small probability (Li and Stephens 2003, Genetics 165:2213; the diploid
form and its sampling as Li et al. 2010, Genet Epidemiol 34:816, MaCH). What is known of the founder enters as a
likelihood of the four phased genotypes, so phase that the offspring tell is used as far as it goes.

Tables of pairs are flat, K rows of `width` numbers, K filled up to whole vectors with zeros. A step between loci is
stay * a[i, j] + column[j] + row[i], which the next pass over the table does on its way; so a table is gone through once
a locus in each direction. Tables are kept at every so manieth locus and made again from there (Wheeler and Hughey 2000,
Bioinformatics 16:217).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.peeling.lanes import aligned, fill, inlined, kernel, load, store, total
from models.peeling.matching import LANES, choose, match


@inlined
def _evidence(like: Any, x: Any) -> Any:
    """The evidence of a row that shows ALT with probability x: u + v times that of the column."""
    u, v = like[0] + (like[2] - like[0]) * x, like[1] + (like[3] - like[1]) * x
    return u, v - u


@inlined
def _step(rho: float, n: int, mass: float) -> Any:
    """Weights of no switch, of one and of both, of a table that sums to `mass`."""
    stay, one = (1.0 - rho) * (1.0 - rho) / mass, (1.0 - rho) * rho / (n * mass)
    return np.float32(stay), np.float32(one), np.float32(rho * rho / (n * n))


@kernel
def _forward(
    pairs: Any, rows: Any, cols: Any, mass: Any, source: int, target: int, n: int, x: Any, mask: Any, like: Any,
    rho: float, work: Any,
) -> None:  # fmt: skip
    """Filtered table `target` from that of the locus before, `source`; its sums of rows, columns and all."""
    width = len(mask)
    stay, one, both = _step(rho, n, mass[source])
    keep = fill(stay)
    for v in range(0, width, LANES):
        store(work, v, fill(one) * load(cols, source * width + v))
        store(cols, target * width + v, fill(np.float32(0)))
    at, to, top = source * n * width, target * n * width, np.float32(0)
    for i in range(0, n, 2):
        u0, w0 = _evidence(like, x[i])
        u1, w1 = _evidence(like, x[i + 1])
        base0 = fill(both + one * rows[source * width + i])
        base1 = fill(both + one * rows[source * width + i + 1])
        a0, b0, a1, b1 = fill(u0), fill(w0), fill(u1), fill(w1)
        add0, add1 = fill(np.float32(0)), fill(np.float32(0))
        for v in range(0, width, LANES):
            here, col, shown = load(mask, v), load(work, v), load(x, v)
            p = (load(pairs, at + i * width + v) * keep + (col + base0 * here)) * (a0 + b0 * shown)
            q = (load(pairs, at + (i + 1) * width + v) * keep + (col + base1 * here)) * (a1 + b1 * shown)
            store(pairs, to + i * width + v, p)
            store(pairs, to + (i + 1) * width + v, q)
            add0 = add0 + p
            add1 = add1 + q
            store(cols, target * width + v, load(cols, target * width + v) + p + q)
        first, second = total(add0), total(add1)
        rows[target * width + i], rows[target * width + i + 1] = first, second
        top += first + second
    mass[target] = top


@kernel
def _backward(
    pairs: Any, rows: Any, cols: Any, mass: Any, source: int, n: int, x: Any, mask: Any, like: Any, rho: float,
    back: Any, back_rows: Any, back_cols: Any, ways: Any, work: Any, prior: Any,
) -> None:  # fmt: skip
    """One locus: its prior from all others; what it and all after it say goes into `back`.

    `back` (n * width) with its sums is before the step to this locus, whose three weights `ways` (3,) holds; they are
    replaced by those of the step to the locus before, at the switch probability `rho` before this locus.
    """
    width = len(mask)
    stay, one, both = _step(rho, n, mass[source])
    keep, back_keep = fill(stay), fill(ways[0])
    back_one, back_both = ways[1], ways[2]
    nothing = fill(np.float32(0))
    for v in range(0, width, LANES):
        store(work, v, fill(one) * load(cols, source * width + v))
        store(work, width + v, fill(back_one) * load(back_cols, v))
        store(back_cols, v, nothing)
    at, top = source * n * width, np.float32(0)
    s, s1, s2, s12 = nothing, nothing, nothing, nothing
    for i in range(n):
        u, w = _evidence(like, x[i])
        a, b, mine = fill(u), fill(w), fill(x[i])
        base, back_base = fill(both + one * rows[source * width + i]), fill(back_both + back_one * back_rows[i])
        add = nothing
        for v in range(0, width, LANES):
            here, shown = load(mask, v), load(x, v)
            now = load(pairs, at + i * width + v) * keep + (load(work, v) + base * here)
            after = load(back, i * width + v) * back_keep + (load(work, width + v) + back_base * here)
            p = now * after
            alt = p * shown
            s, s1, s2, s12 = s + p, s1 + p * mine, s2 + alt, s12 + alt * mine
            q = after * (a + b * shown)
            store(back, i * width + v, q)
            add = add + q
            store(back_cols, v, load(back_cols, v) + q)
        back_rows[i] = total(add)
        top += back_rows[i]
    t, t1, t2, t12 = total(s), total(s1), total(s2), total(s12)
    prior[0] = max(t - t1 - t2 + t12, np.float32(0)) / t
    prior[1], prior[2], prior[3] = max(t2 - t12, np.float32(0)) / t, max(t1 - t12, np.float32(0)) / t, t12 / t
    ways[0], ways[1], ways[2] = _step(rho, n, top)
    for k in range(3):  # likelihoods need no prior of a state; their mean is kept at 1
        ways[k] *= np.float32(n * n)


@kernel
def _draw(weights: Any, first: int, apart: int, count: int, mass: float) -> int:
    """One of `count` numbers from place `first` on, by weight."""
    left, most = np.random.random() * mass, 0
    for k in range(count):
        weight = weights[first + k * apart]
        left -= weight
        if left < 0:
            return k
        if weight > weights[first + most * apart]:
            most = k
    return most


@kernel
def _sample(pairs: Any, rows: Any, cols: Any, mass: Any, slot: int, n: int, width: int, rho: float, state: Any,
            kinds: Any) -> None:  # fmt: skip
    """Draw the pair of a locus from its filtered table, given the pair of the next; `state` (2,) in and out."""
    at, i, j = slot * n * width, state[0], state[1]
    kinds[0] = (1 - rho) * (1 - rho) * pairs[at + i * width + j]
    kinds[1] = (1 - rho) * rho / n * rows[slot * width + i]
    kinds[2] = (1 - rho) * rho / n * cols[slot * width + j]
    kinds[3] = rho * rho / (n * n) * mass[slot]
    kind = _draw(kinds, 0, 1, 4, kinds[0] + kinds[1] + kinds[2] + kinds[3])
    if kind == 2:
        state[0] = _draw(pairs, at + j, width, n, cols[slot * width + j])
    elif kind == 3:
        state[0] = _draw(rows, slot * width, 1, n, mass[slot])
    if kind == 1 or kind == 3:
        state[1] = _draw(pairs, at + state[0] * width, 1, n, rows[slot * width + state[0]])


@kernel
def _shown(library: Any, m: int, choice: Any, locus: int, window: int, x: Any) -> None:
    row, w = library[locus * m : (locus + 1) * m], locus // window
    for k in range(choice.shape[1]):
        x[k] = row[choice[w, k]]


@kernel
def copy_pair(
    like: Any, library: Any, m: int, rho: Any, choice: Any, window: int, seed: int, prior: Any, drawn: Any,
) -> None:  # fmt: skip
    """Forward-backward of one founder.

    Args:
        like: (L, 4) float32 likelihood of its phased genotypes, largest 1.
        library: (L * M,) float32 P(ALT), error included.
        m: M.
        rho: (L,) probability of a switch before each locus.
        choice: (W, K) int32 library haplotypes that are states, by window; K is even.
        window: loci of a window.
        seed: of the draw.
        prior: (L, 4) float32 out: probabilities of the phased genotypes from all other loci.
        drawn: (L, 2) float32 out: P(ALT) of both haplotypes along one drawn path, the locus's own evidence included.
    """
    np.random.seed(seed)
    loci, n = len(like), choice.shape[1]
    width = (n + LANES - 1) // LANES * LANES
    size, step = n * width, int(np.sqrt(loci)) + 1
    parts = (loci + step - 1) // step
    kept = aligned(parts * size, np.float32)
    pairs, rows = aligned((step + 1) * size, np.float32), aligned((step + 1) * width, np.float32)
    cols, mass = aligned((step + 1) * width, np.float32), np.empty(step + 1, np.float32)
    kept_rows, kept_cols = np.empty((parts, width), np.float32), np.empty((parts, width), np.float32)
    kept_mass = np.empty(parts, np.float32)
    back, back_rows = aligned(size, np.float32), np.zeros(width, np.float32)
    back_cols, work = aligned(width, np.float32), aligned(2 * width, np.float32)
    x, mask = aligned(width, np.float32), aligned(width, np.float32)
    ways, kinds = np.array([1, 0, 0], np.float32), np.empty(4)
    state = np.zeros(2, np.int64)
    x[:] = 0
    mask[:n], mask[n:] = 1, 0
    back_cols[:] = 0
    pairs[:size], rows[:width], cols[:width], mass[0] = 0, 0, 0, 1
    for i in range(n):
        back[i * width : (i + 1) * width] = mask
    for part in range(parts):
        kept[part * size : (part + 1) * size] = pairs[:size]
        kept_rows[part], kept_cols[part], kept_mass[part] = rows[:width], cols[:width], mass[0]
        if part == parts - 1:
            break
        for locus in range(part * step, (part + 1) * step):
            _shown(library, m, choice, locus, window, x)
            here = (locus - part * step) % 2
            _forward(pairs, rows, cols, mass, here, 1 - here, n, x, mask, like[locus],
                     1.0 if locus == 0 else rho[locus], work)  # fmt: skip
        if step % 2:
            pairs[:size], rows[:width] = pairs[size : 2 * size], rows[width : 2 * width]
            cols[:width], mass[0] = cols[width : 2 * width], mass[1]
    for part in range(parts - 1, -1, -1):
        pairs[:size] = kept[part * size : (part + 1) * size]
        rows[:width], cols[:width], mass[0] = kept_rows[part], kept_cols[part], kept_mass[part]
        first, end = part * step, min(loci, (part + 1) * step)
        for locus in range(first, end):
            _shown(library, m, choice, locus, window, x)
            _forward(pairs, rows, cols, mass, locus - first, locus - first + 1, n, x, mask, like[locus],
                     1.0 if locus == 0 else rho[locus], work)  # fmt: skip
        for locus in range(end - 1, first - 1, -1):
            _shown(library, m, choice, locus, window, x)
            slot = locus - first + 1
            if locus == loci - 1:
                state[0] = _draw(rows, slot * width, 1, n, mass[slot])
                state[1] = _draw(pairs, slot * size + state[0] * width, 1, n, rows[slot * width + state[0]])
            else:
                _sample(pairs, rows, cols, mass, slot, n, width, rho[locus + 1], state, kinds)
            x1, x2, e = x[state[0]], x[state[1]], like[locus]
            p1, p2, p3 = e[1] * (1 - x1) * x2, e[2] * x1 * (1 - x2), e[3] * x1 * x2
            sum_of = e[0] * (1 - x1) * (1 - x2) + p1 + p2 + p3
            drawn[locus, 0], drawn[locus, 1] = (p2 + p3) / sum_of, (p1 + p3) / sum_of
            _backward(pairs, rows, cols, mass, slot - 1, n, x, mask, e, 1.0 if locus == 0 else rho[locus], back,
                      back_rows, back_cols, ways, work, prior[locus])  # fmt: skip


@kernel
def copy_some(
    like: Any, who: Any, own: Any, library: Any, m: int, rho: Any, freq: Any, states: int, window: int, seed: int,
    prior: Any, drawn: Any,
) -> None:  # fmt: skip
    """`copy_pair` of several founders.

    Args:
        like: (P, L, 4) float32.
        who: (T,) int64 founders to do, columns of `like`.
        own: (P,) int64 first library haplotype of each founder, the next is its other; -1 for none.
        library: (L * M,) float32, M a multiple of sixteen.
        m: number of haplotypes that are not there to fill up.
        rho: (L,).
        freq: (L,).
        states: K.
        window: loci of a window.
        seed: of this round.
        prior: (P, L, 4) float32 out.
        drawn: (P, L, 2) float32 out.
    """
    loci = like.shape[1]
    width = len(library) // loci
    windows = (loci + window - 1) // window
    mask, score = aligned(width, np.float32), aligned(windows * width, np.float32)
    for f in who:
        mask[:m], mask[m:] = 1, 0
        room = m
        if own[f] >= 0:
            mask[own[f] : own[f] + 2] = 0
            room -= 2
        score[:] = 0
        for side in range(2):
            match(like[f], library, rho, freq, side, mask, room, window, score)
        most = min(states, room) // 2 * 2
        choice = np.empty((windows, most), np.int32)
        choose(score, mask, most, choice)
        copy_pair(like[f], library, width, rho, choice, window, seed + f, prior[f], drawn[f])
