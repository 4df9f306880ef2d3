"""Segregation along the chromosome: which grandparental haplotype each gamete carries.

Four values a child and locus, P(pp), P(pm), P(mp), P(mm): the first letter is the sire's haplotype (his paternal or
maternal) that the child inherited, the second the dam's. Between loci both meioses switch independently with
recombination fraction r, so the transition is (1-r)^2, r(1-r), r(1-r), r^2 (Whalen et al. 2018). Haldane's map.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.lanes import aligned, fill, inlined, load, store, swap_1, swap_2
from models.peeling.compiled import making_kernel

CHILDREN: Final = 4  # of one vector: sixteen float32
TASK: Final = 8  # vectors of one task, whose independent chains keep the processor busy
_ROWS: Final = 64  # loci done together, which bounds memory


def haldane(centimorgans: NDArray[Any]) -> NDArray[np.float64]:
    """(L - 1,) recombination fractions between loci at (L,) map positions in cM: r = (1 - exp(-2 d)) / 2."""
    morgans = np.diff(np.asarray(centimorgans, np.float64)) / 100
    fraction: NDArray[np.float64] = -np.expm1(-2 * np.maximum(morgans, 0)) / 2
    return fraction


def interpolated(seg: NDArray[np.float32], at: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float32]:
    """Segregation between loci, linear in map distance (Whalen et al. 2018).

    Args:
        seg: (L, C, 4) segregation at loci.
        at: (L,) their map positions.
        wanted: (V,) other positions; outside the loci the nearest one holds.

    Returns:
        (V, C, 4) float32.
    """
    right = np.clip(np.searchsorted(at, wanted), 1, max(1, len(at) - 1))
    left = right - 1
    right = np.minimum(right, len(at) - 1)
    gap = at[right] - at[left]
    share = np.clip(np.where(gap > 0, (wanted - at[left]) / np.where(gap > 0, gap, 1), 0), 0, 1)
    part = share.astype(np.float32)[:, None, None]
    return seg[left] * (1 - part) + seg[right] * part


def whole(seg: NDArray[np.float32]) -> NDArray[np.complex128]:
    """(L, C, 4) -> (L, C), the same memory: a child's four values as one number, good for copying alone."""
    found: NDArray[np.complex128] = seg.view(np.complex128)[..., 0]
    return found


def tempered(evidence: NDArray[np.float32], quarters: int) -> None:
    """Raise (L, C, 4) evidence to the power of so many quarters (1 to 4), in place; see `engine.Peeling.run`."""
    for first in range(0, len(evidence) if quarters < 4 else 0, _ROWS):
        part = evidence[first : first + _ROWS]
        np.sqrt(part, out=part)
        if quarters == 1:
            np.sqrt(part, out=part)
        elif quarters == 3:
            part *= np.sqrt(part)


@inlined
def _across(x: Any, r: Any) -> Any:
    """Both meioses through an interval, the result scaled to sum to one."""
    stay, rec = fill(np.float32(1) - r), fill(r)
    total = x + swap_1(x)
    x = x / (total + swap_2(total))
    y = stay * x + rec * swap_2(x)
    return stay * y + rec * swap_1(y)


@making_kernel
def smooth(seg: Any, children: int, first: int, r: Any) -> None:
    """Replace each locus's evidence by what all other loci say about segregation there (forward-backward).

    Args:
        seg: (L * children * 4,) float32, flat (L, children, 4): evidence in, segregation without the locus's own
            evidence out, summing to one.
        children: of the array, a multiple of four.
        first: child of the task, which has up to TASK * CHILDREN.
        r: (L - 1,) float32 recombination fractions.
    """
    loci = len(seg) // (4 * children)
    n = min(TASK, (children - first) // CHILDREN)
    after = aligned(loci * n * 16, np.float32)
    now = aligned(n * 16, np.float32)
    quarter, tiny = fill(np.float32(0.25)), fill(np.float32(1e-12))
    for v in range(n):
        store(after, ((loci - 1) * n + v) * 16, quarter)
        store(now, v * 16, quarter)
    for locus in range(loci - 2, -1, -1):
        for v in range(n):
            evidence = load(seg, ((locus + 1) * children + first) * 4 + v * 16)
            x = load(after, ((locus + 1) * n + v) * 16) * evidence + tiny
            store(after, (locus * n + v) * 16, _across(x, r[locus]))
    for locus in range(loci):
        for v in range(n):
            at = (locus * children + first) * 4 + v * 16
            x, evidence = load(now, v * 16), load(seg, at)
            z = x * load(after, (locus * n + v) * 16) + tiny
            total = z + swap_1(z)
            store(seg, at, z / (total + swap_2(total)))
            if locus < loci - 1:
                store(now, v * 16, _across(x * evidence + tiny, r[locus]))
