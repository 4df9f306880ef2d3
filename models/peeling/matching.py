"""Which haplotypes of the library a founder may copy: the best of each window, by haploid forward-backward.

Each of the founder's haplotypes by itself copies a mosaic of all the library's (Li and Stephens 2003, Genetics
165:2213), the other being drawn from allele frequencies; this is linear in the size of the library, while the pair of
both haplotypes (`copying`) is quadratic and so needs few states.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from models.lanes import fill, inlined, load, store, total
from models.peeling.compiled import kernel

LANES: Final = 16  # float32 numbers of a vector
_TELLS: Final = 1e-3  # difference of likelihoods that makes a locus worth a look
_GRAIN: Final = 1024.0  # steps of a score in one locus
_APART: Final = 4  # loci between two at which posteriors are taken, where a window has many


@inlined
def _sides(like: Any, freq: float, side: int) -> Any:
    """Likelihood of allele 0 and 1 on one haplotype, the other drawn from the population."""
    p, q = freq, 1.0 - freq
    if side == 0:
        return np.float32(like[0] * q + like[1] * p), np.float32(like[2] * q + like[3] * p)
    return np.float32(like[0] * q + like[2] * p), np.float32(like[1] * q + like[3] * p)


@inlined
def _apart(window: int) -> Any:
    """Loci between two at which posteriors are taken."""
    return int(max(1, min(_APART, window // 8)))


@kernel
def kept_rows(loci: int, window: int) -> Any:
    """Rows of the scratch `ahead` of `match`."""
    return (loci + _apart(window) - 1) // _apart(window)


@kernel
def match(
    like: Any, library: Any, rho: Any, freq: Any, side: int, mask: Any, room: int, window: int, ahead: Any, now: Any,
    out: Any,
) -> None:  # fmt: skip
    """How much of one haplotype each library haplotype explains, window by window.

    Args:
        like: (L, 4) likelihood of the founder's phased genotypes.
        library: (L * M,) float32 P(ALT) of the library, error included; M is a multiple of sixteen.
        rho: (L,) probability of a switch before each locus.
        freq: (L,) ALT frequency.
        side: 0 paternal, 1 maternal.
        mask: (M,) float32, 1 for haplotypes that may be copied, 0 for the founder's own and those that fill up.
        room: number of ones in it.
        window: loci of a window.
        ahead: (`kept_rows` * M,) float32 scratch.
        now: (M,) float32 scratch.
        out: (W * M,) float32 sums of posterior probabilities, added to.
    """
    loci, m = len(like), len(mask)
    apart = _apart(window)
    for v in range(0, m, LANES):
        store(now, v, load(mask, v))
    mass, keep = np.float32(room), 1.0
    for locus in range(loci):
        keep *= 1.0 - rho[locus]
        e0, e1 = _sides(like[locus], freq[locus], side)
        taken = locus % apart == 0
        if not taken and abs(e1 - e0) < _TELLS * max(e0, e1):
            continue
        stay, jump = fill(np.float32(keep) / mass), fill(np.float32((1.0 - keep) / room))
        keep = 1.0
        f0, f1, add = fill(e0), fill(e1 - e0), fill(np.float32(0))
        for v in range(0, m, LANES):
            x = (load(now, v) * stay + jump * load(mask, v)) * (f0 + f1 * load(library, locus * m + v))
            store(now, v, x)
            if taken:
                store(ahead, (locus // apart) * m + v, x)
            add = add + x
        mass = max(total(add), np.float32(1e-37))
    for v in range(0, m, LANES):
        store(now, v, load(mask, v))
    mass, keep = np.float32(room), 1.0
    for locus in range(loci - 1, -1, -1):
        e0, e1 = _sides(like[locus], freq[locus], side)
        taken = locus % apart == 0
        tells = abs(e1 - e0) >= _TELLS * max(e0, e1)
        if taken or tells:
            stay, jump = fill(np.float32(keep * room) / mass), fill(np.float32(1.0 - keep))
            keep = 1.0
            f0, f1 = fill(e0), fill(e1 - e0)
            add, both = fill(np.float32(0)), fill(np.float32(0))
            for v in range(0, m, LANES):
                x = load(now, v) * stay + jump * load(mask, v)
                if taken:
                    both = both + x * load(ahead, (locus // apart) * m + v)
                    store(now, v, x)
                else:
                    x = x * (f0 + f1 * load(library, locus * m + v))
                    store(now, v, x)
                    add = add + x
            if taken:
                share = fill(np.float32(1) / max(total(both), np.float32(1e-37)))
                row = (locus // window) * m
                for v in range(0, m, LANES):
                    x = load(now, v)
                    posterior = x * load(ahead, (locus // apart) * m + v) * share
                    store(out, row + v, load(out, row + v) + posterior)
                    x = x * (f0 + f1 * load(library, locus * m + v))
                    store(now, v, x)
                    add = add + x
            mass = max(total(add), np.float32(1e-37))
        keep *= 1.0 - rho[locus]


@kernel
def _limit(row: Any, states: int) -> int:
    """The least score that no more than `states` of the (M,) scores, whole numbers, are above."""
    low, high = -1, 0
    for k in range(len(row)):
        high = max(high, int(row[k]))
    while low < high:
        middle = (low + high) >> 1
        above = 0
        for k in range(len(row)):
            above += row[k] > middle
        if above <= states:
            high = middle
        else:
            low = middle + 1
    return high


@kernel
def choose(score: Any, mask: Any, states: int, chosen: Any, out: Any) -> None:
    """Library haplotypes of each window's states; one that stays chosen keeps its place.

    Args:
        score: (W * M,) from `match`; spoilt.
        mask: (M,) as in `match`.
        states: K, no more than the ones in `mask`.
        chosen: (M,) bool scratch.
        out: (W, K) int32 columns of the library.
    """
    m = len(mask)
    for w in range(len(out)):
        row = score[w * m : (w + 1) * m]
        for k in range(m):
            # Rounded, as haplotypes that are alike must not be chosen by the last digit.
            row[k] = np.rint(row[k] * _GRAIN) if mask[k] > 0 else -1.0
        limit, ties = _limit(row, states), states
        for k in range(m):
            chosen[k] = row[k] > limit
            ties -= chosen[k]
        for k in range(m):
            if ties > 0 and row[k] == limit:
                chosen[k] = True
                ties -= 1
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
