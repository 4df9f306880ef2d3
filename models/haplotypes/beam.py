"""Numba kernel: a first phase by beam search over pairs of haplotypes.

Like Eagle2 (Loh et al. 2016, Nat Genet 48:1443) it keeps the likeliest partial phasings, each with the exact forward
probabilities of both haplotypes under the Li-Stephens model; two that agree at the last heterozygotes, but for which
haplotype is called the first, are one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel
from models.haplotypes.select import WORD

MEMORY = 10  # heterozygotes after which two partial phasings are the same
FAR = 25.0  # log likelihood ratio beyond which a partial phasing is dropped


@kernel()
def _canonical(register: int) -> int:
    """The last heterozygotes' choices, the same for a phasing and its mirror image."""
    mask = (1 << MEMORY) - 1
    return ~register & mask if (register >> (MEMORY - 1)) & 1 else register


@kernel(fastmath=True)
def _step(f: NDArray[np.float32], keep: float, enter: float, fresh: NDArray[np.bool_], border: bool) -> None:
    """Transition of one haplotype's forward probabilities, in place; `fresh` states of a new window only enter."""
    q, c = np.float32(keep), np.float32(enter)
    if border:
        for s in range(len(f)):
            f[s] = c if fresh[s] else f[s] * q + c
    else:
        for s in range(len(f)):
            f[s] = f[s] * q + c


@kernel(fastmath=True)
def first_phase(
    states: NDArray[np.uint8],
    lists: NDArray[np.int32],
    genotype: NDArray[np.int8],
    switch: NDArray[np.float32],
    error: float,
    width: int,
    phase: NDArray[np.int8],
) -> None:
    """Phase one person.

    Args:
        states: (T, S) alleles of the states.
        lists: (W, S) haplotype of each state in each window.
        genotype: (T,) ALT alleles 0-2, -1 missing.
        switch: (T,) probability of a switch before each site.
        error: probability that an allele differs from the copied one.
        width: partial phasings that are kept.
        phase: (T,) filled at heterozygotes with the first haplotype's allele.
    """
    sites, size = states.shape
    now = np.empty((width, 2, size), np.float32)
    then = np.empty((width, 2, size), np.float32)
    now[0] = np.float32(1.0 / size)
    alive = 1
    weight = np.zeros(width)
    register = np.zeros(width, np.int64)
    back = np.zeros((sites, width), np.int16)
    choice = np.zeros((sites, width), np.int8)
    alt = np.zeros((width, 2))
    ref = np.zeros((width, 2))
    new_weight = np.zeros(2 * width)
    new_register = np.zeros(2 * width, np.int64)
    canonical = np.zeros(2 * width, np.int64)
    right, wrong = np.float32(1 - error), np.float32(error)
    fresh = np.zeros(size, np.bool_)
    for t in range(sites):
        border = t % WORD == 0 and t > 0
        if border:
            for s in range(size):
                fresh[s] = lists[t // WORD, s] != lists[t // WORD - 1, s]
        keep, enter = 1.0 - switch[t], switch[t] / size
        row = states[t]
        g = genotype[t]
        for b in range(alive):
            for h in range(2):
                f = now[b, h]
                if t > 0:
                    _step(f, keep, enter, fresh, border)
                one, total = np.float32(0), np.float32(0)
                for s in range(size):
                    total += f[s]
                    one += f[s] * np.float32(row[s])
                alt[b, h] = one * (1 - error) + (total - one) * error
                ref[b, h] = one * error + (total - one) * (1 - error)
        if g != 1:
            for b in range(alive):
                back[t, b] = b
                for h in range(2):
                    f = now[b, h]
                    if g < 0:
                        scale = np.float32(1.0 / (alt[b, h] + ref[b, h]))
                        on, off = scale, scale
                    else:
                        found = alt[b, h] if g == 2 else ref[b, h]
                        weight[b] += np.log(found)
                        scale = np.float32(1.0 / found)
                        on = (right if g == 2 else wrong) * scale
                        off = (wrong if g == 2 else right) * scale
                    for s in range(size):
                        f[s] *= on if row[s] else off
            continue
        for b in range(alive):
            for a in range(2):
                p = ref[b, 0] * alt[b, 1] if a == 0 else alt[b, 0] * ref[b, 1]
                new_weight[2 * b + a] = weight[b] + np.log(p)
                new_register[2 * b + a] = ((register[b] << 1) | a) & ((1 << MEMORY) - 1)
                canonical[2 * b + a] = _canonical(new_register[2 * b + a])
        for i in range(2 * alive):
            for j in range(i):
                if canonical[j] == canonical[i] and new_weight[j] > -1e29:
                    if new_weight[i] > new_weight[j]:
                        new_weight[j] = -1e30
                    else:
                        new_weight[i] = -1e30
                    break
        order = np.argsort(-new_weight[: 2 * alive])
        best = new_weight[order[0]]
        kept = 0
        for i in order:
            if kept == width or new_weight[i] < best - FAR:
                break
            b, a = i // 2, i % 2
            for h in range(2):
                allele = a if h == 0 else 1 - a
                scale = np.float32(1.0 / (alt[b, h] if allele else ref[b, h]))
                on = (right if allele else wrong) * scale
                off = (wrong if allele else right) * scale
                for s in range(size):
                    then[kept, h, s] = now[b, h, s] * (on if row[s] else off)
            back[t, kept] = b
            choice[t, kept] = a
            kept += 1
        for i in range(kept):
            weight[i] = new_weight[order[i]] - best
            register[i] = new_register[order[i]]
        alive = kept
        now, then = then, now
    b = 0
    for i in range(alive):
        if weight[i] > weight[b]:
            b = i
    for t in range(sites - 1, -1, -1):
        if genotype[t] == 1:
            phase[t] = choice[t, b]
        b = back[t, b]
