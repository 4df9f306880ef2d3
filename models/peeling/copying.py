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

from typing import Any, Final, NamedTuple

import numpy as np

from models.lanes import aligned, fill, inlined, load, store, total
from models.peeling.compiled import kernel, making_kernel
from models.peeling.matching import LANES, choose, kept_rows, match

ROWS: Final = 4  # of a table that are done together, as their sums by column would wait for each other


@inlined
def _evidence(like: Any, x: Any, width: int, terms: Any) -> None:
    """Evidence of a pair that shows ALT with probabilities x, y: terms[row] + terms[width + row] * y."""
    u0, u1 = fill(like[0]), fill(like[2] - like[0])
    w0, w1 = fill(like[1] - like[0]), fill(like[3] - like[1] - like[2] + like[0])
    for v in range(0, width, LANES):
        shown = load(x, v)
        store(terms, v, u0 + u1 * shown)
        store(terms, width + v, w0 + w1 * shown)


@inlined
def _bases(rows: Any, first: int, one: Any, both: Any, width: int, terms: Any, to: int) -> None:
    """What a pair gets from its row and from all pairs in a step."""
    a, b = fill(one), fill(both)
    for v in range(0, width, LANES):
        store(terms, to + v, a * load(rows, first + v) + b)


@inlined
def _row(terms: Any, width: int, i: int) -> Any:
    return fill(terms[i]), fill(terms[width + i]), fill(terms[2 * width + i])


@inlined
def _sums(a: Any, b: Any, c: Any, d: Any, out: Any, at: int) -> Any:
    out[at], out[at + 1], out[at + 2], out[at + 3] = total(a), total(b), total(c), total(d)
    return out[at] + out[at + 1] + out[at + 2] + out[at + 3]


@inlined
def _step(rho: float, n: int, mass: float) -> Any:
    """Weights of no switch, of one and of both, of a table that sums to `mass`."""
    stay, one = (1.0 - rho) * (1.0 - rho) / mass, (1.0 - rho) * rho / (n * mass)
    return np.float32(stay), np.float32(one), np.float32(rho * rho / (n * n))


@kernel
def _forward(
    pairs: Any, rows: Any, cols: Any, mass: Any, source: int, target: int, n: int, x: Any, mask: Any, like: Any,
    rho: float, work: Any, terms: Any,
) -> None:  # fmt: skip
    """Filtered table `target` from that of the locus before, `source`; its sums of rows, columns and all."""
    width = len(mask)
    stay, one, both = _step(rho, n, mass[source])
    keep, nothing = fill(stay), fill(np.float32(0))
    for v in range(0, width, LANES):
        store(work, v, fill(one) * load(cols, source * width + v))
        store(cols, target * width + v, nothing)
    _evidence(like, x, width, terms)
    _bases(rows, source * width, one, both, width, terms, 2 * width)
    at, to, top = source * n * width, target * n * width, np.float32(0)
    for i in range(0, n, ROWS):
        r0, r1 = _row(terms, width, i), _row(terms, width, i + 1)
        r2, r3 = _row(terms, width, i + 2), _row(terms, width, i + 3)
        t0, t1, t2, t3 = nothing, nothing, nothing, nothing
        for v in range(0, width, LANES):
            here, col, shown, k = load(mask, v), load(work, v), load(x, v), at + i * width + v
            p0 = (load(pairs, k) * keep + (col + r0[2] * here)) * (r0[0] + r0[1] * shown)
            p1 = (load(pairs, k + width) * keep + (col + r1[2] * here)) * (r1[0] + r1[1] * shown)
            p2 = (load(pairs, k + 2 * width) * keep + (col + r2[2] * here)) * (r2[0] + r2[1] * shown)
            p3 = (load(pairs, k + 3 * width) * keep + (col + r3[2] * here)) * (r3[0] + r3[1] * shown)
            t0, t1, t2, t3 = t0 + p0, t1 + p1, t2 + p2, t3 + p3
            k += to - at
            store(pairs, k, p0)
            store(pairs, k + width, p1)
            store(pairs, k + 2 * width, p2)
            store(pairs, k + 3 * width, p3)
            store(cols, target * width + v, load(cols, target * width + v) + ((p0 + p1) + (p2 + p3)))
        top += _sums(t0, t1, t2, t3, rows, target * width + i)
    mass[target] = top


@kernel
def _backward(
    pairs: Any, rows: Any, cols: Any, mass: Any, source: int, n: int, x: Any, mask: Any, like: Any, rho: float,
    back: Any, back_rows: Any, back_cols: Any, ways: Any, work: Any, terms: Any, prior: Any,
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
    _evidence(like, x, width, terms)
    _bases(rows, source * width, one, both, width, terms, 2 * width)
    _bases(back_rows, 0, back_one, back_both, width, terms, 3 * width)
    at, top = source * n * width, np.float32(0)
    s, s1, s2, s12 = nothing, nothing, nothing, nothing
    for i in range(0, n, 2):
        r0, r1 = _row(terms, width, i), _row(terms, width, i + 1)
        from0, from1 = fill(terms[3 * width + i]), fill(terms[3 * width + i + 1])
        mine0, mine1, t0, t1 = fill(x[i]), fill(x[i + 1]), nothing, nothing
        for v in range(0, width, LANES):
            here, shown, k = load(mask, v), load(x, v), i * width + v
            col, back_col = load(work, v), load(work, width + v)
            after0 = load(back, k) * back_keep + (back_col + from0 * here)
            after1 = load(back, k + width) * back_keep + (back_col + from1 * here)
            p0 = (load(pairs, at + k) * keep + (col + r0[2] * here)) * after0
            p1 = (load(pairs, at + k + width) * keep + (col + r1[2] * here)) * after1
            both_p, alt = p0 + p1, p0 * mine0 + p1 * mine1
            s, s1, s2, s12 = s + both_p, s1 + alt, s2 + both_p * shown, s12 + alt * shown
            q0, q1 = after0 * (r0[0] + r0[1] * shown), after1 * (r1[0] + r1[1] * shown)
            store(back, k, q0)
            store(back, k + width, q1)
            t0, t1 = t0 + q0, t1 + q1
            store(back_cols, v, load(back_cols, v) + (q0 + q1))
        back_rows[i], back_rows[i + 1] = total(t0), total(t1)
        top += back_rows[i] + back_rows[i + 1]
    mean, alt1, alt2, alts = total(s), total(s1), total(s2), total(s12)
    prior[0] = max(mean - alt1 - alt2 + alts, np.float32(0)) / mean
    prior[1], prior[2] = max(alt2 - alts, np.float32(0)) / mean, max(alt1 - alts, np.float32(0)) / mean
    prior[3] = alts / mean
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


@inlined
def _copy(source: Any, first: int, count: int, target: Any, to: int) -> None:
    for k in range(count):
        target[to + k] = source[first + k]


class Scratch(NamedTuple):
    """Arrays of `copy_pair`, made once for many founders: memory that is new to the process is slow."""

    kept: Any
    kept_rows: Any
    kept_cols: Any
    kept_mass: Any
    pairs: Any
    rows: Any
    cols: Any
    mass: Any
    back: Any
    back_rows: Any
    back_cols: Any
    work: Any
    x: Any
    mask: Any
    terms: Any
    ways: Any
    kinds: Any
    state: Any


@making_kernel
def scratch_of(loci: int, n: int) -> Any:
    """Scratch for so many loci and at most `n` states."""
    width = (n + LANES - 1) // LANES * LANES
    size, step = n * width, int(np.sqrt(loci)) + 1
    parts = (loci + step - 1) // step
    return Scratch(
        aligned(parts * size, np.float32), aligned(parts * width, np.float32), aligned(parts * width, np.float32),
        np.empty(parts, np.float32), aligned((step + 1) * size, np.float32), aligned((step + 1) * width, np.float32),
        aligned((step + 1) * width, np.float32), np.empty(step + 1, np.float32), aligned(size, np.float32),
        aligned(width, np.float32), aligned(width, np.float32), aligned(2 * width, np.float32),
        aligned(width, np.float32), aligned(width, np.float32), aligned(4 * width, np.float32),
        np.empty(3, np.float32), np.empty(4), np.empty(2, np.int64),
    )  # fmt: skip


@kernel
def copy_pair(
    like: Any, library: Any, m: int, rho: Any, choice: Any, window: int, seed: int, scratch: Any, prior: Any,
    drawn: Any,
) -> None:  # fmt: skip
    """Forward-backward of one founder.

    Args:
        like: (L, 4) float32 likelihood of its phased genotypes, largest 1.
        library: (L * M,) float32 P(ALT), error included.
        m: M.
        rho: (L,) probability of a switch before each locus.
        choice: (W, K) int32 library haplotypes that are states, by window; K is a multiple of four.
        window: loci of a window.
        seed: of the draw.
        scratch: see `scratch_of`.
        prior: (L, 4) float32 out: probabilities of the phased genotypes from all other loci.
        drawn: (L, 2) float32 out: P(ALT) of both haplotypes along one drawn path, the locus's own evidence included.
    """
    np.random.seed(seed)
    loci, n = len(like), choice.shape[1]
    width = (n + LANES - 1) // LANES * LANES
    size, step = n * width, int(np.sqrt(loci)) + 1
    parts = (loci + step - 1) // step
    kept, pairs, rows, cols, mass = scratch.kept, scratch.pairs, scratch.rows, scratch.cols, scratch.mass
    back, back_rows, back_cols = scratch.back, scratch.back_rows, scratch.back_cols
    work, x, mask, terms = scratch.work, scratch.x[:width], scratch.mask[:width], scratch.terms
    ways, kinds, state = scratch.ways, scratch.kinds, scratch.state
    ways[0], ways[1], ways[2] = 1, 0, 0
    x[:] = 0
    mask[:n], mask[n:] = 1, 0
    back_cols[:], back_rows[:], rows[:] = 0, 0, 0
    pairs[:size], rows[:width], cols[:width], mass[0] = 0, 0, 0, 1
    for i in range(n):
        _copy(mask, 0, width, back, i * width)
    for part in range(parts):
        _copy(pairs, 0, size, kept, part * size)
        _copy(rows, 0, width, scratch.kept_rows, part * width)
        _copy(cols, 0, width, scratch.kept_cols, part * width)
        scratch.kept_mass[part] = mass[0]
        if part == parts - 1:
            break
        for locus in range(part * step, (part + 1) * step):
            _shown(library, m, choice, locus, window, x)
            here = (locus - part * step) % 2
            _forward(pairs, rows, cols, mass, here, 1 - here, n, x, mask, like[locus],
                     1.0 if locus == 0 else rho[locus], work, terms)  # fmt: skip
        if step % 2:
            _copy(pairs, size, size, pairs, 0)
            _copy(rows, width, width, rows, 0)
            _copy(cols, width, width, cols, 0)
            mass[0] = mass[1]
    for part in range(parts - 1, -1, -1):
        _copy(kept, part * size, size, pairs, 0)
        _copy(scratch.kept_rows, part * width, width, rows, 0)
        _copy(scratch.kept_cols, part * width, width, cols, 0)
        mass[0] = scratch.kept_mass[part]
        first, end = part * step, min(loci, (part + 1) * step)
        for locus in range(first, end):
            _shown(library, m, choice, locus, window, x)
            _forward(pairs, rows, cols, mass, locus - first, locus - first + 1, n, x, mask, like[locus],
                     1.0 if locus == 0 else rho[locus], work, terms)  # fmt: skip
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
                      back_rows, back_cols, ways, work, terms, prior[locus])  # fmt: skip


@making_kernel
def copy_some(
    like: Any, who: Any, own: Any, library: Any, m: int, rho: Any, freq: Any, states: int, window: int, seeds: Any,
    prior: Any, drawn: Any,
) -> None:  # fmt: skip
    """`copy_pair` of several founders.

    Args:
        like: (P, L, 4) float32.
        who: (T,) int64 founders to do, columns of `like`.
        own: (P, 2) int64 first library haplotype of each founder and the first that is not its own any more.
        library: (L * M,) float32, M a multiple of sixteen.
        m: number of haplotypes that are not there to fill up.
        rho: (L,).
        freq: (L,).
        states: K.
        window: loci of a window.
        seeds: (P,) int64 of the draws of this round.
        prior: (P, L, 4) float32 out.
        drawn: (P, L, 2) float32 out.
    """
    loci = like.shape[1]
    width = len(library) // loci
    windows = (loci + window - 1) // window
    mask, score = aligned(width, np.float32), aligned(windows * width, np.float32)
    ahead, now = aligned(kept_rows(loci, window) * width, np.float32), aligned(width, np.float32)
    chosen, choices = np.empty(width, np.bool_), np.empty(windows * states, np.int32)
    scratch = scratch_of(loci, max(ROWS, min(states, m) // ROWS * ROWS))
    for f in who:
        mask[:m], mask[m:] = 1, 0
        room = m
        mask[own[f, 0] : own[f, 1]] = 0
        room -= own[f, 1] - own[f, 0]
        score[:] = 0
        for side in range(2):
            match(like[f], library, rho, freq, side, mask, room, window, ahead, now, score)
        most = min(states, room) // ROWS * ROWS
        choice = choices[: windows * most].reshape((windows, most))
        choose(score, mask, most, chosen, choice)
        copy_pair(like[f], library, width, rho, choice, window, seeds[f], scratch, prior[f], drawn[f])
