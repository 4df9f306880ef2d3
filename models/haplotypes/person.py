"""Numba kernel: all the steps for each person of a batch. Threads run it side by side, each on its own people."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.haplotypes.beam import first_phase
from models.haplotypes.compiled import kernel
from models.haplotypes.crew import DONE, STOP
from models.haplotypes.emit import emit_frequent, emit_rare, find_carriers
from models.haplotypes.scans import WORD
from models.haplotypes.select import add_weights, choose_states, keep_heaviest, padded_size
from models.haplotypes.slots import Slots
from models.haplotypes.states import LANES, continued, frequent_masks, typed_masks
from models.haplotypes.sweep import backward, forward
from models.lanes import aligned

WIDTH = 6  # partial phasings of the beam


class Panel(NamedTuple):
    """What the kernels need of the panel for one tile and one set of T typed sites.

    Attributes:
        haplotypes: K; arrays over them have P places, see `select.padded`.
        words: (W * P,) typed alleles, see `pack_columns`, flat.
        classes: (W, 3), see `select.classes_of`.
        frequent: slots whose minor allele is frequent.
        bits: their alleles, see `slots.pack_carriers`.
        bits_starts: (W + 1,) int32, first word of each window.
        rare: the other slots.
        carriers: see `list_carriers`.
        carriers_starts: (W, K + 1), see `list_carriers`.
        flipped: (V,) REF is the minor allele.
        slopes: (V,) what of an expected deviation from the minor allele's frequency is true.
        minor: (V,) that frequency.
    """

    haplotypes: int
    words: NDArray[np.uint32]
    classes: NDArray[np.uint32]
    frequent: Slots
    bits: NDArray[np.uint32]
    bits_starts: NDArray[np.int32]
    rare: Slots
    carriers: NDArray[np.int32]
    carriers_starts: NDArray[np.int32]
    flipped: NDArray[np.bool_]
    slopes: NDArray[np.float32]
    minor: NDArray[np.float32]


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


@kernel()
def _calibrate(
    total: NDArray[np.float32], share: float, apart: bool, slopes: NDArray[np.float32], minor: NDArray[np.float32]
) -> None:
    """(2, V) sums over the sweeps -> their mean, each haplotype's p become s p + (1 - s) m by the site's s and m."""
    scale = np.float32(share)
    for v in range(len(slopes)):
        s = slopes[v]
        rest = (np.float32(1) - s) * minor[v]
        a, b = scale * total[0, v], scale * total[1, v]
        if apart:
            total[0, v], total[1, v] = s * a + rest, s * b + rest
        else:
            left = np.float32(1) - 2 * rest
            total[0, v] = s * left * a + 2 * s * (left - s) * b + 2 * rest * (np.float32(1) - rest)
            total[1, v] = s * s * b + s * rest * (a + 2 * b) + rest * rest


@kernel()
def _finish(total: NDArray[np.float32], apart: bool, flipped: NDArray[np.bool_], out: NDArray[np.uint16]) -> None:
    """(2, V) -> (V, 2) in 65535ths."""
    scale = np.float32(65535)
    if apart:
        for v in range(len(flipped)):
            a, b = np.int32(total[0, v] * scale + np.float32(0.5)), np.int32(total[1, v] * scale + np.float32(0.5))
            a, b = min(max(a, np.int32(0)), np.int32(65535)), min(max(b, np.int32(0)), np.int32(65535))
            out[v, 0] = np.uint16(np.int32(65535) - a if flipped[v] else a)
            out[v, 1] = np.uint16(np.int32(65535) - b if flipped[v] else b)
    else:
        for v in range(len(flipped)):
            a, b = np.int32(total[0, v] * scale + np.float32(0.5)), np.int32(total[1, v] * scale + np.float32(0.5))
            b = np.int32(65535) - a - b if flipped[v] else b
            out[v, 0] = np.uint16(min(max(a, np.int32(0)), np.int32(65535)))
            out[v, 1] = np.uint16(min(max(b, np.int32(0)), np.int32(65535)))


@kernel()
def _add(minor: NDArray[np.float32], apart: bool, total: NDArray[np.float32]) -> None:
    """Add one sweep's (2, V) minor alleles to the sums of P(1), P(2), or of the haplotypes where they go `apart`."""
    for v in range(minor.shape[1]):
        a, b = minor[0, v], minor[1, v]
        total[0, v] += a if apart else a + b - 2 * a * b
        total[1, v] += b if apart else a * b


@kernel(nogil=True, allocates=True)
def impute_people(
    panel: Panel,
    genotypes: NDArray[np.int8],
    pairs: NDArray[np.int8],
    fixed: NDArray[np.bool_],
    named: NDArray[np.bool_],
    switch: NDArray[np.float32],
    errors: NDArray[np.float64],
    first_states: int,
    wide: int,
    states: int,
    burn: int,
    sweeps: int,
    out: NDArray[np.uint16],
    hidden: NDArray[np.float32],
    ticks: NDArray[np.int64],
) -> None:
    """Impute a batch.

    Args:
        panel: the panel.
        genotypes: (N, T) ALT alleles 0-2, -1 missing; of people with `named` haplotypes 1 where the phase is sought.
        pairs: (N, 2, T) alleles of both haplotypes where `fixed`, and where `named` at the other sites, -1 missing;
            filled with the last phase elsewhere.
        fixed: (N,) the phase is known.
        named: (N,) it is known at some heterozygotes.
        switch: (T,) probability of a switch before each site.
        errors: (T,) probability that an allele differs from the copied one.
        first_states: states while a first phase is sought, a multiple of 16.
        wide: states that are considered while the phase is drawn at first, a multiple of 16.
        states: those of them that are kept for the result, a multiple of 16.
        burn: sweeps with all of them, not averaged.
        sweeps: sweeps with the states kept, averaged.
        out: (N, V, 2), in 65535ths: P(1), P(2); where `fixed` or `named` P(ALT) of each haplotype.
        hidden: (N, T, 2) P(ALT) of each haplotype at typed sites, their own genotypes left out.
        ticks: (2,) people done, counted up; not zero: leave the others out. See `crew`.
    """
    people, sites = genotypes.shape
    windows = (sites + WORD - 1) // WORD
    haplotypes, width = panel.haplotypes, len(panel.words) // windows
    rows, groups = len(panel.flipped), wide // LANES
    # One set of scratch serves many people: memory that is new to the process is slow.
    run = np.empty(width, np.int32)
    lengths = np.empty((2, windows * width), np.int16)
    where = np.full(width, -1, np.int32)
    bits = np.empty((2, windows), np.uint32)
    known = np.empty((2, windows), np.uint32)
    plain = np.empty((2, sites), np.int8)
    phase = np.zeros(sites, np.int8)
    first_lists = np.empty((windows, first_states), np.int32)
    wide_lists = np.empty((windows, wide), np.int32)
    lists = np.empty((windows, states), np.int32)
    keys = np.empty(windows * 2 * padded_size(wide), np.int16)
    masks = np.empty(windows * WORD * groups, np.uint16)
    stay = np.empty(windows * groups, np.uint16)
    frequent = np.empty(panel.bits_starts[windows] * WORD * (states // LANES), np.uint16)
    sums = np.empty(LANES, np.float32)
    counts = np.empty(len(panel.rare.row), np.int32)
    hits = np.empty(windows + 1 + 2 * (len(panel.rare.row) + 1), np.int32)
    rare_states = np.empty(0, np.uint16)
    ahead = aligned((sites + 2) * wide, np.uint32)
    after = aligned((sites + 2) * wide, np.uint32)
    weights = aligned(WORD * 2 * wide, np.float32)
    weights[:] = np.float32(0)
    lines = np.empty((sites, 2, 2))
    scale = np.zeros((WORD, 2), np.float32)
    minor = np.empty((2, rows), np.float32)
    blind = np.empty((2, sites), np.float32)
    total = np.empty((2, rows), np.float32)
    unseen = np.empty((2, sites), np.float32)
    for n in range(people):
        if ticks[STOP] != 0:
            return
        genotype, pair, apart = genotypes[n], pairs[n], fixed[n] or named[n]
        seed = np.array([_seed(genotype)])
        start = int(seed[0] % np.uint64(haplotypes))
        if not fixed[n]:
            for t in range(sites):
                for h in range(2):
                    plain[h, t] = pair[h, t] if named[n] else min(np.int8(1), genotype[t])
                    plain[h, t] = -1 if genotype[t] == 1 else plain[h, t]
            ways = 2 if named[n] else 1
            for h in range(ways):
                _bits(plain[h], bits[h], known[h])
            choose_states(
                panel.words, panel.classes, bits[:ways], known[:ways], haplotypes, start, run, lengths[:ways], where,
                first_lists,
            )  # fmt: skip
            typed_masks(panel.words, width, first_lists, masks)
            continued(first_lists, stay)
            first_phase(first_states, masks, stay, genotype, plain, switch, errors, WIDTH, phase)
            for t in range(sites):
                het = genotype[t] == 1
                pair[0, t] = phase[t] if het else plain[0, t]
                pair[1, t] = 1 - phase[t] if het else plain[1, t]
        for h in range(2):
            _bits(pair[h], bits[h], known[h])
        choose_states(panel.words, panel.classes, bits, known, haplotypes, start, run, lengths, where, wide_lists)
        typed_masks(panel.words, width, wide_lists, masks)
        continued(wide_lists, stay)
        ahead[:wide] = np.uint32(0)
        for k in range(1 if fixed[n] else burn + 1):
            weighing = fixed[n] or k == burn
            if fixed[n] or k > 0:  # before the first sweep only its messages are made
                forward(
                    wide, masks, stay, genotype, pair, fixed[n], named[n], switch, errors, after, lines, seed, ahead
                )
            for w in range(windows - 1, -1, -1):
                first, end = w * WORD, min(sites, (w + 1) * WORD)
                backward(
                    wide, first, end, masks, stay, pair, switch, errors, after, lines, weighing, ahead, weights, scale,
                    blind,
                )  # fmt: skip
                if weighing:
                    add_weights(wide, end - first, weights, scale, keys, w * 2 * padded_size(wide))
        keep_heaviest(wide_lists, keys, where, lists)
        typed_masks(panel.words, width, lists, masks)
        continued(lists, stay)
        frequent_masks(panel.bits, haplotypes, panel.bits_starts, lists, frequent)
        rare_states = find_carriers(
            lists, panel.carriers_starts, panel.carriers, panel.rare.starts, counts, hits, rare_states
        )
        ahead[:states] = np.uint32(0)
        total[:] = np.float32(0)
        unseen[:] = np.float32(0)
        count = 0
        for k in range(1 if fixed[n] else sweeps + 1):
            emit = fixed[n] or k > 0
            if fixed[n] or k > 0:
                forward(states, masks, stay, genotype, pair, fixed[n], named[n], switch, errors, after, lines, seed,
                        ahead)  # fmt: skip
            if emit:
                minor[:] = np.float32(0)
            for w in range(windows - 1, -1, -1):
                first, end = w * WORD, min(sites, (w + 1) * WORD)
                backward(
                    states, first, end, masks, stay, pair, switch, errors, after, lines, emit, ahead, weights, scale,
                    blind,
                )  # fmt: skip
                if emit:
                    slots = panel.frequent
                    emit_frequent(
                        states, slots.starts[w], slots.starts[w + 1], slots.row, slots.left, slots.right_share,
                        frequent, panel.bits_starts[w] * WORD * (states // LANES), weights, scale, sums, minor,
                    )  # fmt: skip
                    slots = panel.rare
                    emit_rare(
                        states, hits[w], hits[w + 1], slots.row, slots.left, slots.right_share, hits, rare_states,
                        weights, scale, minor,
                    )  # fmt: skip
            if emit:
                count += 1
                _add(minor, apart, total)
                for t in range(sites):
                    unseen[0, t] += blind[0, t]
                    unseen[1, t] += blind[1, t]
        share = 1.0 / count
        for t in range(sites):
            hidden[n, t, 0] = unseen[0, t] * np.float32(share)
            hidden[n, t, 1] = unseen[1, t] * np.float32(share)
        _calibrate(total, share, apart, panel.slopes, panel.minor)
        _finish(total, apart, panel.flipped, out[n])
        ticks[DONE] += 1
