"""The kernels of single-locus peeling: anterior and posterior messages over the full-sib families of one locus.

Every animal has an anterior message (from its parents), a penetrance (its own data) and posterior messages (one from
each family in which it is a parent). A family holds the exact joint of both parents' genotypes; a message to a parent
or child never contains what came from it. On a pedigree without loops sweeping up and down until nothing changes is
exact (Elston and Stewart 1971; Fernando, Stricker and Elston 1993); on others it is loopy belief propagation.

Given the segregation of a child, P(sp, sm) with sp, sm = 0 for the parent's paternal and 1 for its maternal haplotype,
the likelihood of parents (s0 s1) x (d0 d1) is the sum over sp and sm of P(sp, sm) q(s_sp, d_sm), q being the child's
own penetrance x posterior. It collapses for homozygous parents, which makes it half as dear as the 4x4x4 tensor.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-30
TINY = 1e-50  # products below are scaled up
LOCI = 8  # loci of one parallel task


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _likelihood(q: Any, s: Any, out: Any) -> None:
    """out[4 * sire + dam] = P(child's data | parents), from q (4,) and segregation s (4,)."""
    p0, p1, m0, m1 = s[0] + s[1], s[2] + s[3], s[0] + s[2], s[1] + s[3]
    q0, q1, q2, q3 = q[0], q[1], q[2], q[3]
    out[0], out[3], out[12], out[15] = q0, q1, q2, q3
    out[1], out[2] = m0 * q0 + m1 * q1, m1 * q0 + m0 * q1
    out[13], out[14] = m0 * q2 + m1 * q3, m1 * q2 + m0 * q3
    out[4], out[8] = p0 * q0 + p1 * q2, p1 * q0 + p0 * q2
    out[7], out[11] = p0 * q1 + p1 * q3, p1 * q1 + p0 * q3
    out[5] = s[0] * q0 + s[1] * q1 + s[2] * q2 + s[3] * q3
    out[6] = s[1] * q0 + s[0] * q1 + s[3] * q2 + s[2] * q3
    out[9] = s[2] * q0 + s[3] * q1 + s[0] * q2 + s[1] * q3
    out[10] = s[3] * q0 + s[2] * q1 + s[1] * q2 + s[0] * q3


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _to_child(w: Any, s: Any, out: Any) -> None:
    """Out (4,) = P(child's genotype | parents' weights w (16,), segregation s (4,))."""
    p0, p1, m0, m1 = s[0] + s[1], s[2] + s[3], s[0] + s[2], s[1] + s[3]
    out[0] = (w[0] + m0 * w[1] + m1 * w[2] + p0 * w[4] + p1 * w[8]
              + s[0] * w[5] + s[1] * w[6] + s[2] * w[9] + s[3] * w[10])  # fmt: skip
    out[1] = (w[3] + m1 * w[1] + m0 * w[2] + p0 * w[7] + p1 * w[11]
              + s[1] * w[5] + s[0] * w[6] + s[3] * w[9] + s[2] * w[10])  # fmt: skip
    out[2] = (w[12] + m0 * w[13] + m1 * w[14] + p1 * w[4] + p0 * w[8]
              + s[2] * w[5] + s[3] * w[6] + s[0] * w[9] + s[1] * w[10])  # fmt: skip
    out[3] = (w[15] + m1 * w[13] + m0 * w[14] + p1 * w[7] + p0 * w[11]
              + s[3] * w[5] + s[2] * w[6] + s[1] * w[9] + s[0] * w[10])  # fmt: skip
    total = out[0] + out[1] + out[2] + out[3]
    scale = 1.0 / total if total > 0.0 else 0.0
    for k in range(4):
        out[k] = out[k] * scale if total > 0.0 else 0.25


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _to_segregation(w: Any, q: Any, out: Any) -> None:
    """Out (4,) = P(child's data | segregation) under the parents' weights w (16,), summing to 1."""
    q0, q1, q2, q3 = q[0], q[1], q[2], q[3]
    both = w[0] * q0 + w[3] * q1 + w[12] * q2 + w[15] * q3
    mat0 = w[1] * q0 + w[2] * q1 + w[13] * q2 + w[14] * q3
    mat1 = w[1] * q1 + w[2] * q0 + w[13] * q3 + w[14] * q2
    pat0 = w[4] * q0 + w[8] * q2 + w[7] * q1 + w[11] * q3
    pat1 = w[4] * q2 + w[8] * q0 + w[7] * q3 + w[11] * q1
    x0 = both + mat0 + pat0 + w[5] * q0 + w[6] * q1 + w[9] * q2 + w[10] * q3
    x1 = both + mat1 + pat0 + w[5] * q1 + w[6] * q0 + w[9] * q3 + w[10] * q2
    x2 = both + mat0 + pat1 + w[5] * q2 + w[6] * q3 + w[9] * q0 + w[10] * q1
    x3 = both + mat1 + pat1 + w[5] * q3 + w[6] * q2 + w[9] * q1 + w[10] * q0
    total = x0 + x1 + x2 + x3
    if total <= 0.0:
        x0, x1, x2, x3, total = 1.0, 1.0, 1.0, 1.0, 4.0
    out[0], out[1], out[2], out[3] = x0 / total, x1 / total, x2 / total, x3 / total


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _parent(animal: int, here: Any, prior: Any, ant: Any, own: Any, post: Any, message: Any, out: Any) -> None:
    """Out (4,) = a parent's genotype as the family sees it: without the family's own message."""
    if animal < 0:
        for k in range(4):
            out[k] = prior[k]
        return
    total = 0.0
    for k in range(4):
        out[k] = ant[animal, k] * own[animal, k] * post[animal, k] / message[k]
        total += out[k]
    scale = 1.0 / total if total > 0.0 else 0.0
    for k in range(4):
        out[k] *= scale


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _replace(animal: int, message: Any, old: Any, post: Any) -> float:
    """Put a new message (4,) in place of an old one, in a parent's posterior; returns the largest change."""
    top = max(message[0], message[1], message[2], message[3])
    change, most = 0.0, 0.0
    for k in range(4):
        new = max(message[k] / top, FLOOR) if top > 0.0 else 1.0
        change = max(change, abs(new - old[k]))
        if animal >= 0:
            post[animal, k] *= new / old[k]
            most = max(most, post[animal, k])
        old[k] = new
    if animal >= 0:
        for k in range(4):
            post[animal, k] = max(post[animal, k] / most, FLOOR * FLOOR)
    return change


@numba.njit(cache=True, error_model="numpy", fastmath=True)
def _family(
    f: int, up: bool, last: bool, sire: Any, dam: Any, start: Any, child: Any, slot: Any, seg: Any, prior: Any,
    ant: Any, own: Any, post: Any, messages: Any, like: Any, work: Any,
) -> float:  # fmt: skip
    """One visit: messages to the parents (up), or to the children (down) and, the last time, to their segregation."""
    s, d = sire[f], dam[f]
    ps, pd, q, w, joint = work[0, :4], work[1, :4], work[2, :4], work[3], work[4]
    flat = work[5, :4]
    _parent(s, f, prior, ant, own, post, messages[f, 0], ps)
    _parent(d, f, prior, ant, own, post, messages[f, 1], pd)
    self = s == d
    for k in range(16):
        joint[k] = 1.0
    first, end = start[f], start[f + 1]
    for c in range(first, end):
        if slot[c] < 0:
            continue
        i = child[c]
        for k in range(4):
            q[k] = own[i, k] * post[i, k]
        _likelihood(q, seg[slot[c]], like[c - first])
        top = 0.0
        for k in range(16):
            joint[k] *= like[c - first, k]
            top = max(top, joint[k])
        if 0.0 < top < TINY:
            scale = 1.0 / top
            for k in range(16):
                joint[k] *= scale
    if up:
        change = 0.0
        if self:
            for k in range(4):
                q[k] = joint[5 * k]
            return _replace(s, q, messages[f, 0], post)
        for k in range(4):
            q[k] = joint[4 * k] * pd[0] + joint[4 * k + 1] * pd[1] + joint[4 * k + 2] * pd[2] + joint[4 * k + 3] * pd[3]
        change = _replace(s, q, messages[f, 0], post)
        for k in range(4):
            q[k] = joint[k] * ps[0] + joint[4 + k] * ps[1] + joint[8 + k] * ps[2] + joint[12 + k] * ps[3]
        return max(change, _replace(d, q, messages[f, 1], post))
    for k in range(16):
        joint[k] *= (ps[k >> 2] if k % 5 == 0 else 0.0) if self else ps[k >> 2] * pd[k & 3]
    for k in range(4):
        flat[k] = 0.25
    for c in range(first, end):
        i = child[c]
        if slot[c] < 0:
            _to_child(joint, flat, ant[i])
            continue
        for k in range(16):
            w[k] = joint[k] / max(like[c - first, k], 1e-200)
        _to_child(w, seg[slot[c]], ant[i])
        if last:
            for k in range(4):
                q[k] = own[i, k] * post[i, k]
            _to_segregation(w, q, seg[slot[c]])
    return 0.0


@numba.njit(cache=True, parallel=True, error_model="numpy", fastmath=True)
def peel_loci(
    index: NDArray[np.uint16], table: NDArray[np.float64], freq: NDArray[np.float64], seg: NDArray[np.float32],
    sire: NDArray[np.int32], dam: NDArray[np.int32], start: NDArray[np.int32], child: NDArray[np.int32],
    slot: NDArray[np.int32], founder: NDArray[np.bool_], sweeps: int, tolerance: float, learn: bool,
    out: NDArray[np.float32], counts: NDArray[np.float64], prior4: NDArray[np.float32], column: NDArray[np.int32],
) -> None:  # fmt: skip
    """Peel every locus on its own, given the segregation of every child.

    Args:
        index: (L, N) uint16 rows of `table`.
        table: (K, 4) penetrances.
        freq: (L,) ALT frequency of founders; with `learn` replaced by what the founders' posteriors say.
        seg: (L, C, 4) float32 segregation without the locus's own evidence; with `learn` replaced by that evidence.
        sire: (F,) see `Families`, as the following.
        dam: (F,).
        start: (F + 1,).
        child: (C,).
        slot: (C,).
        founder: (N,).
        sweeps: most rounds up and down.
        tolerance: a round that changes no message by more ends the sweeps.
        learn: a cycle of multi-locus peeling; otherwise genotypes are written.
        out: (L, N, 4) float32 genotype probabilities; (0, 0, 0) with `learn`.
        counts: (tasks, K, 4) sums of probabilities by what was observed.
        prior4: (L, P, 4) float32 prior probabilities of founders that have their own.
        column: (N,) int32 column of each animal in it, -1 for p and q.
    """
    loci, animals = index.shape
    families = len(sire)
    largest = 1
    for f in range(families):
        largest = max(largest, start[f + 1] - start[f])
    n_founders = founder.sum()
    for task in numba.prange((loci + LOCI - 1) // LOCI):
        ant = np.empty((animals, 4))
        own = np.empty((animals, 4))
        post = np.empty((animals, 4))
        messages = np.empty((families, 2, 4))
        like = np.empty((largest, 16))
        work = np.empty((6, 16))
        prior = np.empty(4)
        segs = np.empty((seg.shape[1], 4))
        for locus in range(task * LOCI, min(loci, (task + 1) * LOCI)):
            p = freq[locus]
            prior[0], prior[1], prior[2], prior[3] = (1 - p) * (1 - p), p * (1 - p), p * (1 - p), p * p
            for i in range(animals):
                row, mine = index[locus, i], column[i]
                for k in range(4):
                    own[i, k] = table[row, k]
                    ant[i, k] = prior[k] if mine < 0 else prior4[locus, mine, k]
                    post[i, k] = 1.0
            messages[:] = 1.0
            for c in range(seg.shape[1]):
                for k in range(4):
                    segs[c, k] = seg[locus, c, k]
            for _ in range(sweeps):
                change = 0.0
                for f in range(families):
                    _family(f, False, False, sire, dam, start, child, slot, segs, prior, ant, own, post, messages,
                            like, work)  # fmt: skip
                for f in range(families - 1, -1, -1):
                    change = max(change, _family(f, True, False, sire, dam, start, child, slot, segs, prior, ant, own,
                                                 post, messages, like, work))  # fmt: skip
                if change < tolerance:
                    break
            for f in range(families):
                _family(f, False, learn, sire, dam, start, child, slot, segs, prior, ant, own, post, messages, like,
                        work)  # fmt: skip
            if learn:
                for c in range(seg.shape[1]):
                    for k in range(4):
                        seg[locus, c, k] = segs[c, k]
            alleles = 0.0
            for i in range(animals):
                total = 0.0
                for k in range(4):
                    prior[k] = ant[i, k] * own[i, k] * post[i, k]
                    total += prior[k]
                row = index[locus, i]
                for k in range(4):
                    x = prior[k] / total if total > 0.0 else 0.25
                    counts[task, row, k] += x
                    if not learn:
                        out[locus, i, k] = x
                    elif founder[i]:
                        alleles += x * (0.0 if k == 0 else 2.0 if k == 3 else 1.0)
            if learn and n_founders > 0:
                # Half an allele of each kind keeps a frequency off the boundary, where EM could not leave it.
                freq[locus] = (alleles + 0.5) / (2 * n_founders + 1)
