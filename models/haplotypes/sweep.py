"""Numba kernels: Gibbs sweeps over the phase of one person, and the genotypes that each sweep implies.

The phase is a chain of switches between heterozygotes. A sweep goes from left to right with the forward probabilities
of both haplotypes and the backward messages of the phase that the last sweep left; at every heterozygote it draws, from
its exact conditional under the Li-Stephens model (Li and Stephens 2003, Genetics 165:2213), which haplotype carries the
ALT allele there and whether the haplotypes to the right change places. The way back then makes the messages for the
next sweep and, with the forward probabilities of the phase just drawn, the genotypes that this phase implies. Genotype
probabilities are averaged over sweeps, so that what the phase leaves open is left open in the result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.compiled import kernel
from models.haplotypes.masks import add_unless, add_where, choose, item, load_both, store_both
from models.haplotypes.scans import WORD
from models.haplotypes.states import LANES
from models.lanes import fill, inlined, store, total


@kernel()
def _next(seed: NDArray[np.uint64]) -> float:
    """Uniform in [0, 1): xorshift64* (Vigna 2016, ACM Trans Math Softw 42:30)."""
    x = seed[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    seed[0] = x
    return float((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(11)) / 9007199254740992.0


@kernel(allocates=True)
def _draw(pairs: NDArray[np.float64], crossed: int, free: bool, error: float, seed: NDArray[np.uint64]) -> int:
    """One of 2 * (first haplotype's allele) + (the right sides change places), which they had before if `crossed`.

    Nothing changes places unless it is `free` to.
    """
    weight = np.zeros(4)
    for a in range(2):
        for j in range(2 if free else 1):
            k = j ^ crossed
            mine = pairs[0, k, a] * (1 - error) + pairs[0, k, 1 - a] * error
            other = pairs[1, 1 - k, 1 - a] * (1 - error) + pairs[1, 1 - k, a] * error
            weight[2 * a + j] = mine * other
    left = _next(seed) * weight.sum()
    for option in range(3):
        left -= weight[option]
        if left < 0:
            return option
    return 3


@inlined
def _chances(allele: int, error: float) -> tuple[float, float]:
    """Emission of the states with ALT and with REF."""
    if allele < 0:
        return 1.0, 1.0
    return (1.0 - error, error) if allele == 1 else (error, 1.0 - error)


@kernel()
def _forced(
    ahead: NDArray[np.uint32], before: int, now: int, size: int, q0: float, q1: float, c: float,
    chance: tuple[float, float, float, float], masks: NDArray[np.uint16], row: int,
) -> tuple[float, float]:  # fmt: skip
    """Transition and emission of both haplotypes where the alleles are settled; returns the sums."""
    keep0, keep1, enter = fill(np.float32(q0)), fill(np.float32(q1)), fill(np.float32(c))
    on0, off0 = fill(np.float32(chance[0])), fill(np.float32(chance[1]))
    on1, off1 = fill(np.float32(chance[2])), fill(np.float32(chance[3]))
    sum0, sum1 = fill(np.float32(0)), fill(np.float32(0))
    for g in range(size // LANES):
        at, mask = g * LANES, item(masks, row + g)
        x0, x1 = load_both(ahead, before + at)
        x0 = (x0 * keep0 + enter) * choose(mask, on0, off0)
        x1 = (x1 * keep1 + enter) * choose(mask, on1, off1)
        store_both(ahead, now + at, x0, x1)
        sum0 = sum0 + x0
        sum1 = sum1 + x1
    return total(sum0), total(sum1)


@kernel()
def _drawn(
    ahead: NDArray[np.uint32], before: int, now: int, size: int, q0: float, q1: float, c: float,
    after: NDArray[np.uint32], there: int, line: tuple[float, float, float, float],
    masks: NDArray[np.uint16], row: int, pairs: NDArray[np.float64],
) -> None:  # fmt: skip
    """Transition of both haplotypes, and pairs[i, j, a]: forward haplotype i with backward one j and allele a."""
    keep0, keep1, enter = fill(np.float32(q0)), fill(np.float32(q1)), fill(np.float32(c))
    gain0, floor0, gain1, floor1 = (
        fill(np.float32(line[0])), fill(np.float32(line[1])), fill(np.float32(line[2])), fill(np.float32(line[3])),
    )  # fmt: skip
    zero = fill(np.float32(0))
    a00, a01, a10, a11 = zero, zero, zero, zero
    r00, r01, r10, r11 = zero, zero, zero, zero
    for g in range(size // LANES):
        at, mask = g * LANES, item(masks, row + g)
        x0, x1 = load_both(ahead, before + at)
        x0, x1 = x0 * keep0 + enter, x1 * keep1 + enter
        store_both(ahead, now + at, x0, x1)
        b0, b1 = load_both(after, there + at)
        b0, b1 = b0 * gain0 + floor0, b1 * gain1 + floor1
        x00, x01, x10, x11 = x0 * b0, x0 * b1, x1 * b0, x1 * b1
        a00, a01, a10, a11 = (
            add_where(mask, a00, x00), add_where(mask, a01, x01),
            add_where(mask, a10, x10), add_where(mask, a11, x11),
        )  # fmt: skip
        r00, r01, r10, r11 = (
            add_unless(mask, r00, x00), add_unless(mask, r01, x01),
            add_unless(mask, r10, x10), add_unless(mask, r11, x11),
        )  # fmt: skip
    pairs[0, 0, 1], pairs[0, 1, 1], pairs[1, 0, 1], pairs[1, 1, 1] = total(a00), total(a01), total(a10), total(a11)
    pairs[0, 0, 0], pairs[0, 1, 0], pairs[1, 0, 0], pairs[1, 1, 0] = total(r00), total(r01), total(r10), total(r11)


@kernel()
def _emitted(
    ahead: NDArray[np.uint32], now: int, size: int, chance: tuple[float, float, float, float],
    masks: NDArray[np.uint16], row: int,
) -> tuple[float, float]:  # fmt: skip
    """Emission of both haplotypes after the transition; returns the sums."""
    on0, off0 = fill(np.float32(chance[0])), fill(np.float32(chance[1]))
    on1, off1 = fill(np.float32(chance[2])), fill(np.float32(chance[3]))
    sum0, sum1 = fill(np.float32(0)), fill(np.float32(0))
    for g in range(size // LANES):
        at, mask = g * LANES, item(masks, row + g)
        x0, x1 = load_both(ahead, now + at)
        x0, x1 = x0 * choose(mask, on0, off0), x1 * choose(mask, on1, off1)
        store_both(ahead, now + at, x0, x1)
        sum0 = sum0 + x0
        sum1 = sum1 + x1
    return total(sum0), total(sum1)


@kernel()
def cut(rows: NDArray[np.uint32], at: int, to: int, size: int, stay: NDArray[np.uint16], row: int) -> None:
    """Copy both haplotypes' weights from `at` to `to`, zero where a state takes another haplotype."""
    zero = fill(np.float32(0))
    for g in range(size // LANES):
        mask = item(stay, row + g)
        x0, x1 = load_both(rows, at + g * LANES)
        store_both(rows, to + g * LANES, choose(mask, x0, zero), choose(mask, x1, zero))


@kernel()
def _names(genotype: NDArray[np.int8], pair: NDArray[np.int8]) -> tuple[int, int]:
    """First and last site at which the haplotypes differ for certain; the number of sites and -1 without any."""
    first, last = len(genotype), -1
    for t in range(len(genotype)):
        if genotype[t] != 1 and pair[0, t] != pair[1, t]:
            first, last = min(first, t), t
    return first, last


@kernel()
def _change_places(ahead: NDArray[np.uint32], end: int, pair: NDArray[np.int8], sites: int) -> None:
    """Exchange both haplotypes' forward probabilities, up to `end`, and alleles at the first sites."""
    for k in range(end):
        ahead[k] = (ahead[k] >> np.uint32(16)) | (ahead[k] << np.uint32(16))
    for t in range(sites):
        pair[0, t], pair[1, t] = pair[1, t], pair[0, t]


@kernel(allocates=True)
def forward(
    size: int,
    masks: NDArray[np.uint16],
    stay: NDArray[np.uint16],
    genotype: NDArray[np.int8],
    pair: NDArray[np.int8],
    fixed: bool,
    named: bool,
    switch: NDArray[np.float32],
    errors: NDArray[np.float64],
    after: NDArray[np.uint32],
    lines: NDArray[np.float64],
    seed: NDArray[np.uint64],
    ahead: NDArray[np.uint32],
) -> None:
    """Forward probabilities of both haplotypes; the phase is drawn anew on the way unless it is `fixed`.

    Args:
        size: S, states, a multiple of 16.
        masks: see `states.typed_masks`.
        stay: see `states.continued`.
        genotype: (T,) ALT alleles 0-2, -1 missing.
        pair: (2, T) alleles of both haplotypes, -1 missing; changed in place.
        fixed: leave the phase as it is.
        named: the haplotypes have names where they differ for certain: between such sites nothing changes places.
        switch: (T,) probability of a switch before each site.
        errors: (T,) probability that an allele differs from the copied one.
        after: from `backward` for the phase in `pair`; not read when `fixed`.
        lines: the same.
        seed: (1,) state of the random numbers.
        ahead: ((T + 2) * S,) uint32, flat; row t + 1 is filled with site t, two bfloat16 a state: the first
            haplotype's in the lower half. Each is to be scaled to its sum. The first row must be zero, the last is
            scratch.
    """
    sites, groups = len(genotype), size // LANES
    pairs = np.zeros((2, 2, 2))
    crossed = 0  # 1: forward haplotype 0 goes on as backward haplotype 1
    sum0 = sum1 = 1.0
    begin, end = _names(genotype, pair) if named else (sites, -1)
    for t in range(sites):
        now, row = (t + 1) * size, t * groups
        before = now - size
        if t == begin and crossed == 1:  # the names are those that the right side has
            _change_places(ahead, now, pair, t)
            sum0, sum1, crossed = sum1, sum0, 0
        keep, error = 1.0 - switch[t] if t > 0 else 0.0, errors[t]
        c = (switch[t] if t > 0 else 1.0) / size
        if t % WORD == 0 and t > 0:
            cut(ahead, before, (sites + 1) * size, size, stay, t // WORD * groups)
            before = (sites + 1) * size
        q0, q1 = keep / sum0, keep / sum1
        if not fixed and genotype[t] == 1:
            line = (lines[t, 0, 0], lines[t, 0, 1], lines[t, 1, 0], lines[t, 1, 1])
            _drawn(ahead, before, now, size, q0, q1, c, after, now, line, masks, row, pairs)
            option = _draw(pairs, crossed, t < begin or t > end, error, seed)
            crossed ^= option % 2
            pair[0, t] = option // 2
            pair[1, t] = 1 - option // 2
            on0, off0 = _chances(pair[0, t], error)
            on1, off1 = _chances(pair[1, t], error)
            sum0, sum1 = _emitted(ahead, now, size, (on0, off0, on1, off1), masks, row)
        else:
            on0, off0 = _chances(pair[0, t], error)
            on1, off1 = _chances(pair[1, t], error)
            sum0, sum1 = _forced(ahead, before, now, size, q0, q1, c, (on0, off0, on1, off1), masks, row)


@kernel()
def _back(
    after: NDArray[np.uint32], now: int, to: int, size: int, line: tuple[float, float, float, float],
    chance: tuple[float, float, float, float], masks: NDArray[np.uint16], row: int,
) -> tuple[float, float]:  # fmt: skip
    """Messages of both haplotypes with the emission of their site; returns the sums."""
    gain0, floor0, gain1, floor1 = (
        fill(np.float32(line[0])), fill(np.float32(line[1])), fill(np.float32(line[2])), fill(np.float32(line[3])),
    )  # fmt: skip
    on0, off0 = fill(np.float32(chance[0])), fill(np.float32(chance[1]))
    on1, off1 = fill(np.float32(chance[2])), fill(np.float32(chance[3]))
    sum0, sum1 = fill(np.float32(0)), fill(np.float32(0))
    for g in range(size // LANES):
        at, mask = g * LANES, item(masks, row + g)
        z0, z1 = load_both(after, now + at)
        z0 = (z0 * gain0 + floor0) * choose(mask, on0, off0)
        z1 = (z1 * gain1 + floor1) * choose(mask, on1, off1)
        store_both(after, to + at, z0, z1)
        sum0 = sum0 + z0
        sum1 = sum1 + z1
    return total(sum0), total(sum1)


@kernel()
def _weigh(
    after: NDArray[np.uint32], now: int, size: int, line: tuple[float, float, float, float],
    ahead: NDArray[np.uint32], masks: NDArray[np.uint16], row: int, weights: NDArray[np.float32], to: int,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Posterior weights of both haplotypes' states at a site, and their sums over ALT and REF."""
    gain0, floor0, gain1, floor1 = (
        fill(np.float32(line[0])), fill(np.float32(line[1])), fill(np.float32(line[2])), fill(np.float32(line[3])),
    )  # fmt: skip
    zero = fill(np.float32(0))
    a0, a1, r0, r1 = zero, zero, zero, zero
    for g in range(size // LANES):
        at, mask = g * LANES, item(masks, row + g)
        x0, x1 = load_both(after, now + at)
        y0, y1 = load_both(ahead, now + at)
        x0, x1 = (x0 * gain0 + floor0) * y0, (x1 * gain1 + floor1) * y1
        store(weights, to + at, x0)
        store(weights, to + size + at, x1)
        # Both sums, because their difference would lose a small one.
        a0, r0 = add_where(mask, a0, x0), add_unless(mask, r0, x0)
        a1, r1 = add_where(mask, a1, x1), add_unless(mask, r1, x1)
    return total(a0), total(r0), total(a1), total(r1)


@kernel()
def backward(
    size: int,
    first: int,
    end: int,
    masks: NDArray[np.uint16],
    stay: NDArray[np.uint16],
    pair: NDArray[np.int8],
    switch: NDArray[np.float32],
    errors: NDArray[np.float64],
    after: NDArray[np.uint32],
    lines: NDArray[np.float64],
    weighing: bool,
    ahead: NDArray[np.uint32],
    weights: NDArray[np.float32],
    scale: NDArray[np.float32],
    hidden: NDArray[np.float32],
) -> None:
    """Messages from the right over one window and, where `weighing`, the weights of the states there.

    Windows must be done from the last to the first. The message of a state is gain * after + floor.

    Args:
        size: S.
        first: first typed site of the window.
        end: one past its last; the number of sites starts a new phase's messages.
        masks: see `states.typed_masks`.
        stay: see `states.continued`.
        pair: (2, T) alleles of both haplotypes, -1 missing.
        switch: (T,) probability of a switch before each site.
        errors: (T,) probability that an allele differs from the copied one.
        after: laid out as `ahead`; row t + 1 is filled with the evidence of the sites after t.
        lines: (T, 2, 2), filled with gain and floor.
        weighing: whether what follows is wanted.
        ahead: from `forward`.
        weights: (32 * 2 * S,) flat, filled with the posterior weights of the states at the window's sites.
        scale: (32, 2), filled with what makes them sum to one.
        hidden: (2, T), filled with the probability of ALT, the site's own allele left out.
    """
    groups = size // LANES
    if end == pair.shape[1]:
        after[end * size : (end + 1) * size] = np.uint32(0)
        for h in range(2):
            lines[end - 1, h, 0], lines[end - 1, h, 1] = 0.0, 1.0
    for t in range(end - 1, first - 1, -1):
        now, row, error = (t + 1) * size, t * groups, errors[t]
        on0, off0 = _chances(pair[0, t], error)
        on1, off1 = _chances(pair[1, t], error)
        line = (lines[t, 0, 0], lines[t, 0, 1], lines[t, 1, 0], lines[t, 1, 1])
        if weighing:
            a0, r0, a1, r1 = _weigh(after, now, size, line, ahead, masks, row, weights, (t - first) * 2 * size)
            scale[t - first, 0], scale[t - first, 1] = 1 / (a0 + r0), 1 / (a1 + r1)
            hidden[0, t] = a0 / on0 / (a0 / on0 + r0 / off0)
            hidden[1, t] = a1 / on1 / (a1 / on1 + r1 / off1)
        if t == 0:
            break
        sum0, sum1 = _back(after, now, now - size, size, line, (on0, off0, on1, off1), masks, row)
        if t == first:
            cut(after, now - size, now - size, size, stay, t // WORD * groups)
        keep = (1.0 - switch[t]) * size
        lines[t - 1, 0, 0], lines[t - 1, 0, 1] = keep / sum0, switch[t]
        lines[t - 1, 1, 0], lines[t - 1, 1, 1] = keep / sum1, switch[t]
