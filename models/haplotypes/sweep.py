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
from models.haplotypes.select import WORD

SMALL = 1e-3  # states of less posterior weight are left out of the imputed alleles


@kernel()
def _next(seed: NDArray[np.uint64]) -> float:
    """Uniform in [0, 1): xorshift64* (Vigna 2016, ACM Trans Math Softw 42:30)."""
    x = seed[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    seed[0] = x
    return float((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(11)) / 9007199254740992.0


@kernel()
def borders(lists: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(W, S), True where a state's haplotype is not that of the window before."""
    fresh = np.zeros(lists.shape, np.bool_)
    for w in range(1, len(lists)):
        for s in range(lists.shape[1]):
            fresh[w, s] = lists[w, s] != lists[w - 1, s]
    return fresh


@kernel(fastmath=True)
def _pairs(
    f0: NDArray[np.float32],
    f1: NDArray[np.float32],
    b0: NDArray[np.float32],
    b1: NDArray[np.float32],
    row: NDArray[np.uint8],
    out: NDArray[np.float64],
) -> None:
    """out[i, j, a]: weight of forward haplotype i with backward haplotype j and the state's allele a."""
    t00 = t01 = t10 = t11 = np.float32(0)
    a00 = a01 = a10 = a11 = np.float32(0)
    for s in range(len(row)):
        h = np.float32(row[s])
        x00, x01, x10, x11 = f0[s] * b0[s], f0[s] * b1[s], f1[s] * b0[s], f1[s] * b1[s]
        t00 += x00
        t01 += x01
        t10 += x10
        t11 += x11
        a00 += x00 * h
        a01 += x01 * h
        a10 += x10 * h
        a11 += x11 * h
    out[0, 0, 1], out[0, 0, 0] = a00, t00 - a00
    out[0, 1, 1], out[0, 1, 0] = a01, t01 - a01
    out[1, 0, 1], out[1, 0, 0] = a10, t10 - a10
    out[1, 1, 1], out[1, 1, 0] = a11, t11 - a11


@kernel()
def _draw(pairs: NDArray[np.float64], error: float, seed: NDArray[np.uint64]) -> int:
    """One of 2 * (first haplotype's allele) + (the right sides change places)."""
    weight = np.empty(4)
    for a in range(2):
        for j in range(2):
            mine = pairs[0, j, a] * (1 - error) + pairs[0, j, 1 - a] * error
            other = pairs[1, 1 - j, 1 - a] * (1 - error) + pairs[1, 1 - j, a] * error
            weight[2 * a + j] = mine * other
    left = _next(seed) * weight.sum()
    for option in range(3):
        left -= weight[option]
        if left < 0:
            return option
    return 3


@kernel(fastmath=True)
def forward(
    states: NDArray[np.uint8],
    fresh: NDArray[np.bool_],
    genotype: NDArray[np.int8],
    pair: NDArray[np.int8],
    fixed: bool,
    switch: NDArray[np.float32],
    error: float,
    messages: NDArray[np.float32],
    seed: NDArray[np.uint64],
    out: NDArray[np.float32],
) -> None:
    """Forward probabilities of both haplotypes; the phase is drawn anew on the way unless it is `fixed`.

    Args:
        states: (T, S) alleles of the states.
        fresh: (W, S), see `borders`.
        genotype: (T,) ALT alleles 0-2, -1 missing.
        pair: (2, T) alleles of both haplotypes, -1 missing; changed in place.
        fixed: leave the phase as it is.
        switch: (T,) probability of a switch before each site.
        error: probability that an allele differs from the copied one.
        messages: (2, T, S) from `backward` for the phase in `pair`; not read when `fixed`.
        seed: (1,) state of the random numbers.
        out: (2, T, S), filled; each site sums to one.
    """
    sites, size = states.shape
    right, wrong = np.float32(1 - error), np.float32(error)
    pairs = np.zeros((2, 2, 2))
    crossed = 0  # 1: forward haplotype 0 goes on as backward haplotype 1
    for t in range(sites):
        row = states[t]
        q, c = np.float32(1 - switch[t]), np.float32(switch[t] / size)
        for h in range(2):
            f = out[h, t]
            if t == 0:
                f[:] = np.float32(1.0 / size)
                continue
            before = out[h, t - 1]
            if t % WORD == 0:
                new = fresh[t // WORD]
                for s in range(size):
                    f[s] = c if new[s] else before[s] * q + c
            else:
                for s in range(size):
                    f[s] = before[s] * q + c
        if not fixed and genotype[t] == 1:
            _pairs(out[0, t], out[1, t], messages[crossed, t], messages[1 - crossed, t], row, pairs)
            option = _draw(pairs, error, seed)
            crossed ^= option % 2
            pair[0, t] = option // 2
            pair[1, t] = 1 - option // 2
        for h in range(2):
            f = out[h, t]
            g = pair[h, t]
            total = np.float32(0)
            if g >= 0:
                on, off = (right, wrong) if g == 1 else (wrong, right)
                for s in range(size):
                    y = f[s] * (on if row[s] else off)
                    f[s] = y
                    total += y
            else:
                for s in range(size):
                    total += f[s]
            total = np.float32(1) / total
            for s in range(size):
                f[s] *= total


@kernel(fastmath=True)
def backward(
    states: NDArray[np.uint8],
    lists: NDArray[np.int32],
    fresh: NDArray[np.bool_],
    haplotype: NDArray[np.int8],
    switch: NDArray[np.float32],
    error: float,
    out: NDArray[np.float32],
    emit: bool,
    forward: NDArray[np.float32],
    carriers: NDArray[np.int32],
    starts: NDArray[np.int32],
    right_share: NDArray[np.float32],
    minor: NDArray[np.float32],
    hidden: NDArray[np.float32],
) -> None:
    """Messages from the right of one haplotype and, where `emit`, the alleles that it implies.

    Args:
        states: (T, S) alleles of the states.
        lists: (W, S) haplotype of each state.
        fresh: (W, S), see `borders`.
        haplotype: (T,) alleles, -1 missing.
        switch: (T,) probability of a switch before each site.
        error: probability that an allele differs from the copied one.
        out: (T, S), filled with the evidence of the sites after each, mean near one.
        emit: whether `minor` and `hidden` are wanted.
        forward: (T, S) forward probabilities of the same haplotype; read where `emit`.
        carriers: rows of sites whose minor allele a haplotype carries, by haplotype and interval between typed sites.
        starts: (K, T + 2) where each begins in `carriers`; interval t ends with typed site t.
        right_share: (V,) share of a site's right typed neighbour in its interpolation.
        minor: (V,), filled with the probability of the minor allele.
        hidden: (T,), filled with the probability of ALT, the site's own allele left out.
    """
    sites, size = states.shape
    right, wrong = np.float32(1 - error), np.float32(error)
    x = np.empty(size, np.float32)
    if emit:
        minor[:] = 0
    out[sites - 1] = np.float32(1)
    for t in range(sites - 1, -1, -1):
        b, row = out[t], states[t]
        g = haplotype[t]
        on, off = np.float32(1), np.float32(1)
        if g >= 0:
            on, off = (right, wrong) if g == 1 else (wrong, right)
        if emit:
            f = forward[t]
            # Both sums, because their difference would lose a small one.
            alt, ref = np.float32(0), np.float32(0)
            for s in range(size):
                y = f[s] * b[s]
                x[s] = y
                if row[s]:
                    alt += y
                else:
                    ref += y
            hidden[t] = alt / on / (alt / on + ref / off)
            _deposit(x, alt + ref, lists[t // WORD], t, carriers, starts, right_share, minor)
        if t == 0:
            break
        to = out[t - 1]
        total = np.float32(0)
        for s in range(size):
            y = b[s] * (on if row[s] else off)
            to[s] = y
            total += y
        q, c = np.float32((1 - switch[t]) * size) / total, np.float32(switch[t])
        if t % WORD == 0:
            new = fresh[t // WORD]
            for s in range(size):
                to[s] = c if new[s] else to[s] * q + c
        else:
            for s in range(size):
                to[s] = to[s] * q + c


@kernel(fastmath=True)
def _deposit(
    weight: NDArray[np.float32],
    total: np.float32,
    haplotypes: NDArray[np.int32],
    t: int,
    carriers: NDArray[np.int32],
    starts: NDArray[np.int32],
    right_share: NDArray[np.float32],
    minor: NDArray[np.float32],
) -> None:
    """Add one typed site's share to the minor alleles of the sites on both sides of it."""
    limit = np.float32(total * SMALL)
    kept = np.float32(0)
    for s in range(len(weight)):
        if weight[s] > limit:
            kept += weight[s]
    scale = np.float32(1) / kept
    for s in range(len(weight)):
        if weight[s] > limit:
            p = weight[s] * scale
            k = haplotypes[s]
            for at in range(starts[k, t], starts[k, t + 1]):
                v = carriers[at]
                minor[v] += p * right_share[v]
            for at in range(starts[k, t + 1], starts[k, t + 2]):
                v = carriers[at]
                minor[v] += p * (np.float32(1) - right_share[v])
