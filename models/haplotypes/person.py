"""Numba kernel: all the steps for each person of a batch, people in parallel."""

from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from models.haplotypes.beam import first_phase
from models.haplotypes.compiled import kernel
from models.haplotypes.select import WORD, choose_states, gather
from models.haplotypes.sweep import backward, borders, forward

WIDTH = 8  # partial phasings of the beam


@kernel()
def _bits(alleles: NDArray[np.int8], words: NDArray[np.uint32], known: NDArray[np.uint32]) -> None:
    """(T,) alleles, negative unknown -> (W,) bits of ALT and of what is known."""
    words[:] = 0
    known[:] = 0
    for t in range(len(alleles)):
        if alleles[t] >= 0:
            known[t // WORD] |= np.uint32(1) << np.uint32(t % WORD)
            if alleles[t] == 1:
                words[t // WORD] |= np.uint32(1) << np.uint32(t % WORD)


@kernel()
def _seed(genotype: NDArray[np.int8]) -> np.uint64:
    """Random numbers that depend on the person's genotypes alone (FNV-1a), not on who else is in the batch."""
    x = np.uint64(14695981039346656037)
    for t in range(len(genotype)):
        x = (x ^ np.uint64(genotype[t] + 1)) * np.uint64(1099511628211)
    return x | np.uint64(1)


@kernel(parallel=True, nogil=True)
def impute_people(
    alleles: NDArray[np.uint8],
    words: NDArray[np.uint32],
    genotypes: NDArray[np.int8],
    pairs: NDArray[np.int8],
    fixed: NDArray[np.bool_],
    switch: NDArray[np.float32],
    error: float,
    first_states: int,
    states: int,
    rounds: int,
    sweeps: int,
    burn: int,
    carriers: NDArray[np.int32],
    starts: NDArray[np.int32],
    right_share: NDArray[np.float32],
    flipped: NDArray[np.bool_],
    out: NDArray[np.uint16],
    hidden: NDArray[np.float32],
) -> None:
    """Impute a batch.

    Args:
        alleles: (T, K) of the panel at the typed sites.
        words: (K, W) the same, packed.
        genotypes: (N, T) ALT alleles 0-2, -1 missing.
        pairs: (N, 2, T) alleles of both haplotypes where `fixed`; filled with the last phase elsewhere.
        fixed: (N,) the phase is known.
        switch: (T,) probability of a switch before each typed site.
        error: probability that an allele differs from the copied one.
        first_states: states while a first phase is sought.
        states: states of the sweeps.
        rounds: how often the states are chosen anew, by the phase as it then is.
        sweeps: sweeps of a round.
        burn: sweeps at the start of the first round that are not averaged; fewer than `sweeps`.
        carriers: see `backward`.
        starts: see `backward`.
        right_share: see `backward`.
        flipped: (V,) REF is the minor allele.
        out: (N, V, 2), in 65535ths: P(1), P(2); where `fixed` P(ALT) of each haplotype.
        hidden: (N, T, 2) P(ALT) of each haplotype at typed sites, their own genotypes left out.
    """
    people, sites = genotypes.shape
    haplotypes, windows = words.shape
    rows = len(right_share)
    for n in prange(people):
        genotype = genotypes[n]
        pair = pairs[n]
        lengths = np.empty((2, windows, haplotypes), np.int16)
        bits = np.empty((2, windows), np.uint32)
        known = np.empty((2, windows), np.uint32)
        seed = np.array([_seed(genotype)])
        start = int(seed[0] % np.uint64(haplotypes))
        if not fixed[n]:
            plain = np.empty(sites, np.int8)
            phase = np.zeros(sites, np.int8)
            for t in range(sites):
                plain[t] = -1 if genotype[t] == 1 else min(np.int8(1), genotype[t])
            _bits(plain, bits[0], known[0])
            lists = np.empty((windows, first_states), np.int32)
            choose_states(words, bits[:1], known[:1], start, lengths[:1], lists)
            seen = np.empty((sites, first_states), np.uint8)
            gather(alleles, lists, seen)
            first_phase(seen, lists, genotype, switch, error, WIDTH, phase)
            for t in range(sites):
                g = genotype[t]
                pair[0, t] = phase[t] if g == 1 else plain[t]
                pair[1, t] = 1 - phase[t] if g == 1 else plain[t]
        lists = np.empty((windows, states), np.int32)
        seen = np.empty((sites, states), np.uint8)
        messages = np.empty((2, sites, states), np.float32)
        ahead = np.empty((2, sites, states), np.float32)
        minor = np.empty((2, rows), np.float32)
        blind = np.empty((2, sites), np.float32)
        total = np.zeros((2, rows), np.float32)
        unseen = np.zeros((2, sites), np.float32)
        count = 0
        for turn in range(1 if fixed[n] else rounds):
            for h in range(2):
                _bits(pair[h], bits[h], known[h])
            choose_states(words, bits, known, (start + turn * haplotypes // rounds) % haplotypes, lengths, lists)
            gather(alleles, lists, seen)
            fresh = borders(lists)
            for k in range(1 if fixed[n] else sweeps + 1):
                emit = fixed[n] or k > (burn if turn == 0 else 0)
                if fixed[n] or k > 0:  # before the first sweep only its messages are made
                    forward(seen, fresh, genotype, pair, fixed[n], switch, error, messages, seed, ahead)
                for h in range(2):
                    backward(seen, lists, fresh, pair[h], switch, error, messages[h], emit, ahead[h], carriers, starts,
                             right_share, minor[h], blind[h])  # fmt: skip
                if emit:
                    count += 1
                    unseen += blind
                    if fixed[n]:
                        total += minor
                    else:
                        for v in range(rows):
                            a, b = minor[0, v], minor[1, v]
                            total[0, v] += a + b - 2 * a * b
                            total[1, v] += a * b
        share = np.float32(1.0 / count)
        full = np.float32(65535)
        for t in range(sites):
            hidden[n, t, 0] = unseen[0, t] * share
            hidden[n, t, 1] = unseen[1, t] * share
        for v in range(rows):
            a, b = total[0, v] * share, total[1, v] * share
            if flipped[v]:
                if fixed[n]:
                    a, b = 1 - a, 1 - b
                else:
                    b = 1 - a - b
            out[n, v, 0] = np.uint16(min(max(a, np.float32(0)), np.float32(1)) * full + np.float32(0.5))
            out[n, v, 1] = np.uint16(min(max(b, np.float32(0)), np.float32(1)) * full + np.float32(0.5))
