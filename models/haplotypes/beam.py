"""Numba kernel: a first phase by beam search over pairs of haplotypes.

Like Eagle2 (Loh et al. 2016, Nat Genet 48:1443) it keeps the likeliest partial phasings, each with the exact forward
probabilities of both haplotypes under the Li-Stephens model; two that agree at the last heterozygotes, but for which
haplotype is called the first, are one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel
from models.haplotypes.masks import add_unless, add_where, choose, item
from models.haplotypes.scans import WORD
from models.haplotypes.states import LANES
from models.lanes import fill, inlined, load, store, total

MEMORY = 10  # heterozygotes after which two partial phasings are the same
FAR = 1.4e-11  # likelihood ratio to the best below which a partial phasing is dropped
SMALL = 1e-150  # likelihoods are scaled before the best one is less


@kernel()
def _canonical(register: int) -> int:
    """The last heterozygotes' choices, the same for a phasing and its mirror image."""
    mask = (1 << MEMORY) - 1
    return ~register & mask if (register >> (MEMORY - 1)) & 1 else register


@inlined
def _best(weight: NDArray[np.float64], count: int) -> int:
    """Number of the largest of the first `count`."""
    best = 0
    for i in range(1, count):
        best = i if weight[i] > weight[best] else best
    return best


@inlined
def _enter(now: NDArray[np.float32], at: int, size: int, stay: NDArray[np.uint16], row: int) -> None:
    """At a new window the states that take another haplotype lose what they had."""
    zero = fill(np.float32(0))
    for g in range(size // LANES):
        place = at + g * LANES
        store(now, place, choose(item(stay, row + g), load(now, place), zero))


@inlined
def _known(
    now: NDArray[np.float32], at: int, size: int, q: float, c: float, on: float, off: float,
    masks: NDArray[np.uint16], row: int,
) -> float:  # fmt: skip
    """Transition and emission of one haplotype's forward probabilities, in place; returns their sum."""
    keep, enter, alt, ref = fill(np.float32(q)), fill(np.float32(c)), fill(np.float32(on)), fill(np.float32(off))
    found = fill(np.float32(0))
    for g in range(size // LANES):
        place = at + g * LANES
        x = (load(now, place) * keep + enter) * choose(item(masks, row + g), alt, ref)
        store(now, place, x)
        found = found + x
    result: float = total(found)
    return result


@inlined
def _open(
    now: NDArray[np.float32], at: int, size: int, q: float, c: float, masks: NDArray[np.uint16], row: int
) -> tuple[float, float]:
    """Transition alone; returns the weight of the states with ALT and with REF."""
    keep, enter, zero = fill(np.float32(q)), fill(np.float32(c)), fill(np.float32(0))
    one, none = zero, zero
    for g in range(size // LANES):
        place = at + g * LANES
        x = load(now, place) * keep + enter
        store(now, place, x)
        one = add_where(item(masks, row + g), one, x)
        none = add_unless(item(masks, row + g), none, x)
    return total(one), total(none)


@inlined
def _emit(
    now: NDArray[np.float32], at: int, then: NDArray[np.float32], to: int, size: int, on: float, off: float,
    masks: NDArray[np.uint16], row: int,
) -> None:  # fmt: skip
    alt, ref = fill(np.float32(on)), fill(np.float32(off))
    for g in range(size // LANES):
        store(then, to + g * LANES, load(now, at + g * LANES) * choose(item(masks, row + g), alt, ref))


@kernel(allocates=True)
def first_phase(
    size: int,
    masks: NDArray[np.uint16],
    stay: NDArray[np.uint16],
    genotype: NDArray[np.int8],
    plain: NDArray[np.int8],
    switch: NDArray[np.float32],
    errors: NDArray[np.float64],
    width: int,
    phase: NDArray[np.int8],
) -> None:
    """Phase one person.

    Where the haplotypes are known to differ they have names, and the phase goes by these names. Up to the first such
    site a partial phasing and its mirror image are one; there it is either of them.

    Args:
        size: S, states.
        masks: see `states.typed_masks`.
        stay: see `states.continued`.
        genotype: (T,) 1 at heterozygotes whose phase is sought.
        plain: (2, T) alleles of both haplotypes at the other sites, -1 missing.
        switch: (T,) probability of a switch before each site.
        errors: (T,) probability that an allele differs from the copied one.
        width: partial phasings that are kept.
        phase: (T,) filled at heterozygotes with the first haplotype's allele.
    """
    sites, groups = len(genotype), size // LANES
    now = np.zeros(width * 2 * size, np.float32)
    then = np.empty(width * 2 * size, np.float32)
    sums = np.ones((width, 2))
    new_sums = np.ones((width, 2))
    alive = 1
    weight = np.ones(width)
    register = np.zeros(width, np.int64)
    back = np.zeros((sites, width), np.int16)
    choice = np.zeros((sites, width), np.int8)
    alt = np.zeros((width, 2))
    ref = np.zeros((width, 2))
    whole = np.zeros((width, 2))
    kept_weight = np.ones(width)
    kept_register = np.zeros(width, np.int64)
    new_weight = np.zeros(2 * width)
    new_register = np.zeros(2 * width, np.int64)
    canonical = np.zeros(2 * width, np.int64)
    turned = np.zeros((sites, width), np.int8)  # the haplotypes change names before the site
    named = False
    for t in range(sites):
        keep, error = 1.0 - switch[t] if t > 0 else 0.0, errors[t]
        c = (switch[t] if t > 0 else 1.0) / size
        row = t * groups
        naming = genotype[t] != 1 and plain[0, t] != plain[1, t] and not named
        if t % WORD == 0 and t > 0:
            for at in range(0, 2 * alive * size, size):
                _enter(now, at, size, stay, t // WORD * groups)
        if genotype[t] != 1 and not naming:
            for b in range(alive):
                back[t, b] = b
                for h in range(2):
                    x = plain[h, t]
                    on = 1.0 if x < 0 else (1 - error if x == 1 else error)
                    off = 1.0 if x < 0 else (error if x == 1 else 1 - error)
                    found = _known(now, (2 * b + h) * size, size, keep / sums[b, h], c, on, off, masks, row)
                    sums[b, h] = found
                weight[b] *= sums[b, 0] * sums[b, 1]
            best = weight[_best(weight, alive)]
            if best < SMALL:
                for b in range(alive):
                    weight[b] /= best
            continue
        for b in range(alive):
            for h in range(2):
                one, none = _open(now, (2 * b + h) * size, size, keep / sums[b, h], c, masks, row)
                alt[b, h] = one * (1 - error) + none * error
                ref[b, h] = one * error + none * (1 - error)
                whole[b, h] = one + none
            for a in range(2):
                i = 2 * b + a
                if naming:
                    new_weight[i] = weight[b]
                    for h in range(2):
                        x = plain[h, t]
                        new_weight[i] *= whole[b, h ^ a] if x < 0 else (alt[b, h ^ a] if x == 1 else ref[b, h ^ a])
                    new_register[i] = ~register[b] & ((1 << MEMORY) - 1) if a else register[b]
                    continue
                p = ref[b, 0] * alt[b, 1] if a == 0 else alt[b, 0] * ref[b, 1]
                new_weight[i] = weight[b] * p
                new_register[i] = ((register[b] << 1) | a) & ((1 << MEMORY) - 1)
                canonical[i] = new_register[i] if named else _canonical(new_register[i])
        for i in range(0 if naming else 2 * alive):
            for j in range(i):
                if canonical[j] == canonical[i] and new_weight[j] > 0:
                    if new_weight[i] > new_weight[j]:
                        new_weight[j] = 0
                    else:
                        new_weight[i] = 0
                    break
        best = new_weight[_best(new_weight, 2 * alive)]
        kept = 0
        while kept < width:
            i = _best(new_weight, 2 * alive)
            if new_weight[i] <= best * FAR:
                break
            kept_weight[kept], new_weight[i] = new_weight[i] / best, 0
            kept_register[kept] = new_register[i]
            b, a = i // 2, i % 2
            for h in range(2):
                source = h ^ a if naming else h
                allele = plain[h, t] if naming else (a if h == 0 else 1 - a)
                on, off = (1 - error, error) if allele == 1 else ((1.0, 1.0) if allele < 0 else (error, 1 - error))
                _emit(now, (2 * b + source) * size, then, (2 * kept + h) * size, size, on, off, masks, row)
                new_sums[kept, h] = (
                    alt[b, source] if allele == 1 else (whole[b, source] if allele < 0 else ref[b, source])
                )
            back[t, kept] = b
            choice[t, kept] = a
            turned[t, kept] = naming and a == 1
            kept += 1
        weight, kept_weight = kept_weight, weight
        register, kept_register = kept_register, register
        alive = kept
        now, then = then, now
        sums, new_sums = new_sums, sums
        named = named or naming
    b = _best(weight, alive)
    mirrored = 0
    for t in range(sites - 1, -1, -1):
        if genotype[t] == 1:
            phase[t] = choice[t, b] ^ mirrored
        mirrored ^= turned[t, b]
        b = back[t, b]
