"""The kernels of the copying model: a founder's two haplotypes as mosaics of other founders' haplotypes.

The hidden state of a locus is the pair of library haplotypes that the founder's paternal and maternal haplotypes copy
there. Each haplotype switches to a haplotype of the library drawn at random with probability rho between loci and
shows the other allele than it copies with a small probability (Li and Stephens 2003, Genetics 165:2213; the diploid
form and its sampling as Li et al. 2010, Genet Epidemiol 34:816, MaCH). What is known of the founder enters as a
likelihood of the four phased genotypes, so phase that the offspring tell is used as far as it goes.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _side(like: Any, freq: float, side: int) -> tuple[float, float]:
    """Likelihood of allele 0 and 1 on one haplotype, the other drawn from the population."""
    p, q = freq, 1.0 - freq
    if side == 0:
        return like[0] * q + like[1] * p, like[2] * q + like[3] * p
    return like[0] * q + like[2] * p, like[1] * q + like[3] * p


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def match(like: Any, library: Any, rho: Any, freq: Any, side: int, skip: int, window: int, out: Any) -> None:
    """How much of one haplotype each library haplotype explains, window by window.

    Args:
        like: (L, 4) likelihood of the founder's phased genotypes.
        library: (L, M) float32 P(ALT) of the library, error included.
        rho: (L,) probability of a switch before each locus.
        freq: (L,) ALT frequency.
        side: 0 paternal, 1 maternal.
        skip: number of the founder's own first haplotype in the library, -1 when it has none; the next is its other.
        window: loci of a window.
        out: (W, M) sums of posterior probabilities, added to.
    """
    loci, m = library.shape
    own = 0.0 if skip < 0 else 2.0
    ahead = np.empty((loci, m), np.float32)
    now = np.empty(m, np.float32)
    for k in range(m):
        now[k] = 1.0
    if skip >= 0:
        now[skip] = now[skip + 1] = 0.0
    for locus in range(loci):
        total = np.float32(0)
        for k in range(m):
            total += now[k]
        stay, jump = np.float32((1 - rho[locus]) / total), np.float32(rho[locus] / (m - own))
        e0, e1 = _side(like[locus], freq[locus], side)
        f0, f1 = np.float32(e0), np.float32(e1 - e0)
        for k in range(m):
            now[k] = (now[k] * stay + jump) * (f0 + f1 * library[locus, k])
        if skip >= 0:
            now[skip] = now[skip + 1] = 0.0
        top = np.float32(1e-37)
        for k in range(m):
            top += now[k]
        top = np.float32(1) / top
        for k in range(m):
            now[k] *= top
            ahead[locus, k] = now[k]
    for k in range(m):
        now[k] = 1.0
    for locus in range(loci - 1, -1, -1):
        total = np.float32(1e-37)
        for k in range(m):
            total += ahead[locus, k] * now[k]
        total = np.float32(1) / total
        row = locus // window
        for k in range(m):
            out[row, k] += ahead[locus, k] * now[k] * total
        e0, e1 = _side(like[locus], freq[locus], side)
        f0, f1 = np.float32(e0), np.float32(e1 - e0)
        mean = np.float32(0)
        for k in range(m):
            now[k] *= f0 + f1 * library[locus, k]
            mean += now[k]
        if skip >= 0:
            mean -= now[skip] + now[skip + 1]
        mean /= np.float32(m - own)
        stay, jump = np.float32((1 - rho[locus]) / mean), np.float32(rho[locus])
        for k in range(m):
            now[k] = now[k] * stay + jump


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def choose(score: Any, skip: int, states: int, out: Any) -> None:
    """Library haplotypes of each window's states; one that stays chosen keeps its place.

    Args:
        score: (W, M) from `match`; spoilt.
        skip: as in `match`.
        states: K.
        out: (W, K) int32 rows of the library.
    """
    windows, m = score.shape
    chosen = np.empty(m, np.bool_)
    for w in range(windows):
        if skip >= 0:
            score[w, skip] = score[w, skip + 1] = -1.0
        chosen[:] = False
        for k in np.argsort(-score[w])[:states]:
            chosen[k] = True
        for k in range(states):
            out[w, k] = -1
            if w > 0 and chosen[out[w - 1, k]]:
                out[w, k] = out[w - 1, k]
                chosen[out[w, k]] = False
        place = 0
        for k in range(m):
            if chosen[k]:
                while out[w, place] >= 0:
                    place += 1
                out[w, place] = k


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _forward(a: Any, x: Any, like: Any, rho: float, first: bool, ahead: Any) -> None:
    """One locus: `a` (K, K) filtered at the locus before becomes that of this one; `ahead` is before its evidence."""
    n = a.shape[0]
    rows, cols = np.zeros(n, np.float32), np.zeros(n, np.float32)
    total = np.float32(0)
    for i in range(n):
        add = np.float32(0)
        for j in range(n):
            add += a[i, j]
            cols[j] += a[i, j]
        rows[i] = add
        total += add
    scale = np.float32(1) / total
    r = np.float32(1.0 if first else rho)
    stay = (1 - r) * (1 - r) * scale
    one = (1 - r) * r / np.float32(n) * scale
    both = r * r / np.float32(n * n)
    e0, e1, e2, e3 = np.float32(like[0]), np.float32(like[1]), np.float32(like[2]), np.float32(like[3])
    for i in range(n):
        u = e0 * (1 - x[i]) + e2 * x[i]
        v = (e1 - e0) * (1 - x[i]) + (e3 - e2) * x[i]
        base = both + one * rows[i]
        for j in range(n):
            p = a[i, j] * stay + one * cols[j] + base
            ahead[i, j] = p
            a[i, j] = p * (u + v * x[j])


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _backward(b: Any, x: Any, like: Any, rho: float) -> None:
    """`b` (K, K), likelihood of what follows a locus, becomes that of what follows the locus before."""
    n = b.shape[0]
    rows, cols = np.zeros(n, np.float32), np.zeros(n, np.float32)
    e0, e1, e2, e3 = np.float32(like[0]), np.float32(like[1]), np.float32(like[2]), np.float32(like[3])
    total = np.float32(0)
    for i in range(n):
        u = e0 * (1 - x[i]) + e2 * x[i]
        v = (e1 - e0) * (1 - x[i]) + (e3 - e2) * x[i]
        add = np.float32(0)
        for j in range(n):
            p = b[i, j] * (u + v * x[j])
            b[i, j] = p
            add += p
            cols[j] += p
        rows[i] = add
        total += add
    scale = np.float32(n) * np.float32(n) / total
    r = np.float32(rho)
    stay = (1 - r) * (1 - r) * scale
    one = (1 - r) * r / np.float32(n) * scale
    both = r * r
    for i in range(n):
        base = both + one * rows[i]
        for j in range(n):
            b[i, j] = b[i, j] * stay + one * cols[j] + base


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _draw(weights: Any, total: float) -> int:
    left = np.random.random() * total
    for k in range(len(weights)):
        left -= weights[k]
        if left < 0:
            return k
    return int(np.argmax(weights))


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _sample(a: Any, state: Any, rho: float) -> None:
    """Draw the pair of a locus from its filtered `a` (K, K), given the pair of the next; `state` (2,) in and out."""
    n = a.shape[0]
    i, j = state[0], state[1]
    rows = np.zeros(n)
    total, column = 0.0, 0.0
    for k in range(n):
        for m in range(n):
            rows[k] += a[k, m]
        total += rows[k]
        column += a[k, j]
    kinds = np.empty(4)
    kinds[0] = (1 - rho) * (1 - rho) * a[i, j]
    kinds[1] = (1 - rho) * rho / n * rows[i]
    kinds[2] = (1 - rho) * rho / n * column
    kinds[3] = rho * rho / (n * n) * total
    kind = _draw(kinds, kinds.sum())
    if kind == 1:
        state[1] = _draw(a[i], rows[i])
    elif kind == 2:
        state[0] = _draw(a[:, j].copy(), column)
    elif kind == 3:
        state[0] = _draw(rows, total)
        state[1] = _draw(a[state[0]], rows[state[0]])


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def copy_pair(
    like: Any, library: Any, rho: Any, choice: Any, window: int, seed: int, prior: Any, drawn: Any,
) -> None:  # fmt: skip
    """Forward-backward of one founder.

    Args:
        like: (L, 4) likelihood of its phased genotypes, largest 1.
        library: (L, M) float32 P(ALT), error included.
        rho: (L,) probability of a switch before each locus.
        choice: (W, K) int32 library haplotypes that are states, by window.
        window: loci of a window.
        seed: of the draw.
        prior: (L, 4) float32 out: probabilities of the phased genotypes from all other loci.
        drawn: (L, 2) float32 out: P(ALT) of both haplotypes along one drawn path, the locus's own evidence included.
    """
    np.random.seed(seed)
    loci, n = len(like), choice.shape[1]
    step = int(np.sqrt(loci)) + 1
    kept = np.empty(((loci + step - 1) // step, n, n), np.float32)
    filtered, ahead = np.empty((step, n, n), np.float32), np.empty((step, n, n), np.float32)
    a, b = np.ones((n, n), np.float32), np.ones((n, n), np.float32)
    x = np.empty(n, np.float32)
    state = np.zeros(2, np.int64)
    for locus in range(loci):
        if locus % step == 0:
            kept[locus // step] = a
        for k in range(n):
            x[k] = library[locus, choice[locus // window, k]]
        _forward(a, x, like[locus], rho[locus], locus == 0, ahead[0])
    for part in range(len(kept) - 1, -1, -1):
        a[:] = kept[part]
        first, end = part * step, min(loci, (part + 1) * step)
        for locus in range(first, end):
            for k in range(n):
                x[k] = library[locus, choice[locus // window, k]]
            _forward(a, x, like[locus], rho[locus], locus == 0, ahead[locus - first])
            filtered[locus - first] = a
        for locus in range(end - 1, first - 1, -1):
            for k in range(n):
                x[k] = library[locus, choice[locus // window, k]]
            now = ahead[locus - first]
            s, s1, s2, s12 = 0.0, 0.0, 0.0, 0.0
            for i in range(n):
                t, t2 = np.float32(0), np.float32(0)
                for j in range(n):
                    p = now[i, j] * b[i, j]
                    t += p
                    t2 += p * x[j]
                s += float(t)
                s1 += t * x[i]
                s2 += float(t2)
                s12 += t2 * x[i]
            prior[locus, 3] = s12 / s
            prior[locus, 2] = (s1 - s12) / s
            prior[locus, 1] = (s2 - s12) / s
            prior[locus, 0] = (s - s1 - s2 + s12) / s
            if locus == loci - 1:
                flat = filtered[locus - first].copy().reshape(-1)
                state[0], state[1] = divmod(_draw(flat, flat.sum()), n)
            else:
                _sample(filtered[locus - first], state, rho[locus + 1])
            x1, x2, e = x[state[0]], x[state[1]], like[locus]
            p1, p2, p3 = e[1] * (1 - x1) * x2, e[2] * x1 * (1 - x2), e[3] * x1 * x2
            total = e[0] * (1 - x1) * (1 - x2) + p1 + p2 + p3
            drawn[locus, 0], drawn[locus, 1] = (p2 + p3) / total, (p1 + p3) / total
            _backward(b, x, like[locus], rho[locus])


@numba.njit(cache=True, parallel=True, error_model="numpy", fastmath=True)
def copy_all(
    like: Any, who: Any, own: Any, library: Any, rho: Any, freq: Any, states: int, window: int, seed: int,
    prior: Any, drawn: Any,
) -> None:  # fmt: skip
    """`copy_pair` of several founders.

    Args:
        like: (P, L, 4) float32.
        who: (T,) int64 founders to do, columns of `like`.
        own: (P,) int64 first library haplotype of each founder, -1 for none.
        library: (L, M) float32.
        rho: (L,).
        freq: (L,).
        states: K.
        window: loci of a window.
        seed: of this round.
        prior: (P, L, 4) float32 out.
        drawn: (P, L, 2) float32 out.
    """
    loci, m = library.shape
    windows = (loci + window - 1) // window
    for t in numba.prange(len(who)):
        f = who[t]
        score = np.zeros((windows, m), np.float32)
        match(like[f], library, rho, freq, 0, own[f], window, score)
        match(like[f], library, rho, freq, 1, own[f], window, score)
        room = m if own[f] < 0 else m - 2
        choice = np.empty((windows, min(states, room)), np.int32)
        choose(score, own[f], min(states, room), choice)
        copy_pair(like[f], library, rho, choice, window, seed + f, prior[f], drawn[f])
