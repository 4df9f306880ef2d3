"""Eight loci from data to probabilities: scratch arrays filled, families swept, results written.

See `peel` for the messages and `conditioning` for the rounds over the genotypes of animals that cut loops.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from models.lanes import WIDTH, aligned, fill, store
from models.peeling.compiled import kernel, making_kernel
from models.peeling.conditioning import clamp, log_likelihood, mix, mix_evidence, weigh
from models.peeling.messages import FLOOR, load4, store4, summing_to_one
from models.peeling.peel import FOUR, PAIR, sweep

RAREST: Final = 1e-9  # ALT frequency, where given ones may be 0


@kernel
def _fill(
    begin: int, width: int, index: Any, column: Any, typed: Any, table: Any, freq: Any, cells: Any, prior4: Any,
    prior_column: Any, single: Any, single_founder: Any, single_typed: Any, prior: Any, ant: Any, own: Any,
) -> None:  # fmt: skip
    """Founders' priors and everybody's penetrances at the loci from `begin` on.

    An animal of one gamete is aa or AA. A founder's prior is 1 - p and p. Another's gamete comes from its one parent;
    the other allele, which peeling takes to be drawn from p, is a copy: penetrances times p and 1 - p undo the draw.
    """
    for w in range(WIDTH):
        p = freq[begin + min(w, width - 1)]
        prior[w], prior[WIDTH + w], prior[2 * WIDTH + w] = (1 - p) * (1 - p), p * (1 - p), p * (1 - p)
        prior[3 * WIDTH + w] = p * p
    at_prior = load4(prior, 0)
    for i in range(len(prior_column)):
        store4(ant, i * FOUR, at_prior)
        if prior_column[i] >= 0:
            for w in range(width):
                for k in range(4):
                    ant[i * FOUR + k * WIDTH + w] = prior4[begin + w, prior_column[i], k]
    for t in range(len(typed)):
        for w in range(WIDTH):
            row = index[begin + w, column[t]] if w < width else 0
            for k in range(4):
                own[typed[t] * FOUR + k * WIDTH + w] = max(table[row, k], FLOOR)
    for g in range(len(single)):
        i = single[g] * FOUR
        if not single_typed[g]:
            store4(own, i, (fill(1.0), fill(1.0), fill(1.0), fill(1.0)))
        for w in range(WIDTH):
            p = freq[begin + min(w, width - 1)]
            own[i + WIDTH + w], own[i + 2 * WIDTH + w] = FLOOR, FLOOR
            if not single_founder[g]:
                p = min(max(p, RAREST), 1 - RAREST)
                own[i + w], own[i + 3 * WIDTH + w] = own[i + w] * p, own[i + 3 * WIDTH + w] * (1 - p)
            elif prior_column[single[g]] < 0:
                ant[i + w], ant[i + WIDTH + w], ant[i + 2 * WIDTH + w], ant[i + 3 * WIDTH + w] = 1 - p, 0.0, 0.0, p
    for a in range(len(cells)):
        if begin <= cells[a, 0] < begin + width:
            at = cells[a, 1] * FOUR + cells[a, 0] - begin
            own[at + WIDTH], own[at + 2 * WIDTH] = 2 * own[at + WIDTH], FLOOR  # aA stands for both


@kernel
def _exchange(begin: int, width: int, seg: Any, told: Any, first_slot: Any, local: Any, segs: Any, back: bool) -> None:
    """Segregation of the telling children from (L, C, 4) into vectors, or back."""
    for f in range(len(told)):
        for j in range(told[f]):
            c, at = first_slot[f] + j, (local[f] + j) * FOUR
            for w in range(width):
                for k in range(4):
                    if back:
                        seg[begin + w, c, k] = segs[at + k * WIDTH + w]
                    else:
                        segs[at + k * WIDTH + w] = seg[begin + w, c, k]
            for w in range(width, WIDTH):
                for k in range(4):
                    segs[at + k * WIDTH + w] = 0.25


@kernel
def _multiply(ant: Any, own: Any, post: Any, animals: int, result: Any) -> None:
    """Genotype probabilities: anterior x penetrance x posterior."""
    for i in range(animals):
        a, b, c = load4(ant, i * FOUR), load4(own, i * FOUR), load4(post, i * FOUR)
        x = a[0] * b[0] * c[0], a[1] * b[1] * c[1], a[2] * b[2] * c[2], a[3] * b[3] * c[3]
        store4(result, i * FOUR, summing_to_one(x))


@making_kernel
def peel_loci(
    first: int, last: int, index: Any, column: Any, typed: Any, table: Any, freq: Any, seg: Any, cells: Any,
    prior4: Any, prior_column: Any, sire: Any, dam: Any, start: Any, told: Any, child: Any, first_slot: Any,
    local: Any, telling: Any, founders: Any, gametes: Any, single: Any, single_founder: Any, single_typed: Any,
    cut_animal: Any, cut_group: Any, cut_place: Any, rounds: Any, of: Any,
    sweeps: int, tolerance: float, learn: bool, number: Any, out: Any, counts: Any, alleles: Any,
) -> None:  # fmt: skip
    """Peel loci first to last - 1, each on its own, given the segregation of every telling child.

    Args:
        first: locus.
        last: locus.
        index: (L, S) uint16 rows of `table`.
        column: (T,) int64 column of `index` of each typed animal.
        typed: (T,) int32 animals with data, of M.
        table: (K, 4) float64 penetrances.
        freq: (L,) float64 ALT frequency of founders.
        seg: (L, C, 4) float32 segregation without the locus's own evidence; with `learn` replaced by that evidence.
        cells: (A, 2) int64 locus and animal where the state Aa is ruled out.
        prior4: (L, P, 4) float32 prior probabilities of the founders that have their own.
        prior_column: (M,) int32 column of each animal in it, -1 for those that have allele frequencies.
        sire: (F,) see `Families`, as the following.
        dam: (F,).
        start: (F + 1,).
        told: (F,).
        child: (C',).
        first_slot: (F,).
        local: (F,) int32 the same counted over these families alone.
        telling: (F',) int32 families with telling children.
        founders: (G',) int32 telling founders, from which allele frequencies are learned.
        gametes: (G',) float64 number of independent alleles that each has, 2, or 1 with one gamete.
        single: (H,) int32 animals of one gamete, whose two haplotypes are copies.
        single_founder: (H,) bool, those without known parents.
        single_typed: (H,) bool, those among `typed`.
        cut_animal: (A,) see `Cuts`, as the following.
        cut_group: (A,).
        cut_place: (A,).
        rounds: (G,).
        of: (M,).
        sweeps: most rounds up and down.
        tolerance: a round that changes no message by more ends the sweeps.
        learn: a cycle of multi-locus peeling; otherwise genotypes are written.
        number: (M,) int64 number of each animal in `out`.
        out: (L, N, 4) float32 genotype probabilities; with `learn` (L, P, 4), to which those of the founders
            of each column of `prior4` are added, or (L, 0, 4) where nobody asks.
        counts: (K, 4, 8) float64 to which the probabilities of typed animals are added, by what was observed and lane;
            (0, 4, 8) where nobody asks.
        alleles: (L,) float64 to which the expected ALT alleles of `founders` are added.
    """
    animals, families, slots = len(prior_column), len(sire), told.sum()
    ant, own = aligned(animals * FOUR, np.float64), aligned(animals * FOUR, np.float64)
    post, result = aligned(animals * FOUR, np.float64), aligned(animals * FOUR, np.float64)
    own[:] = 1.0
    message, segs = aligned(families * 2 * FOUR, np.float64), aligned(slots * FOUR, np.float64)
    longest, most_rounds = 1, 1
    for f in range(families):
        longest = max(longest, told[f])
    for g in range(len(rounds)):
        most_rounds = max(most_rounds, rounds[g])
    pair, prior = aligned(PAIR, np.float64), aligned(FOUR, np.float64)
    like, rest = aligned(longest * PAIR, np.float64), aligned(longest * PAIR, np.float64)
    more = 1 if most_rounds > 1 else 0  # arrays that only rounds need are empty without
    given, base = aligned(more * animals * FOUR, np.float64), aligned(len(cut_animal) * FOUR, np.float64)
    segs_before, evidence = aligned(more * slots * FOUR, np.float64), aligned(more * slots * FOUR, np.float64)
    z, best = aligned(more * len(rounds) * WIDTH, np.float64), aligned(more * len(rounds) * WIDTH, np.float64)
    kept, added = aligned(more * len(rounds) * WIDTH, np.float64), aligned(more * len(rounds) * WIDTH, np.float64)
    for begin in range(first, last, WIDTH):
        width = min(WIDTH, last - begin)
        _fill(begin, width, index, column, typed, table, freq, cells, prior4, prior_column, single, single_founder,
              single_typed, prior, ant, own)  # fmt: skip
        _exchange(begin, width, seg, told, first_slot, local, segs, False)
        for a in range(len(cut_animal)):
            store4(base, a * FOUR, load4(own, cut_animal[a] * FOUR))
        if more:
            segs_before[:] = segs
            result[:] = 0.0
            evidence[:] = 0.0
        for x in range(most_rounds):
            post[:] = 1.0
            message[:] = 1.0
            if more:
                segs[:] = segs_before
                clamp(x, cut_animal, cut_group, cut_place, rounds, base, own)
            sweep(sire, dam, start, told, child, local, telling, segs, prior, ant, own, post, message, pair, like,
                  rest, sweeps, tolerance, learn)  # fmt: skip
            if not more:
                _multiply(ant, own, post, animals, result)
                continue
            log_likelihood(sire, dam, start, told, child, local, segs_before, prior, ant, own, post, message, given,
                           pair, of, z)  # fmt: skip
            weigh(x, rounds, z, best, kept, added)
            _multiply(ant, own, post, animals, given)
            for i in range(animals):
                mix(result, i * FOUR, given, i * FOUR, kept, added, of[i])
            for f in range(families):
                for j in range(told[f] if learn else 0):
                    mix_evidence(evidence, segs, segs_before, (local[f] + j) * FOUR, kept, added, of[child[start[f]]])
        for a in range(len(cut_animal)):  # nothing else would free those without data
            store4(own, cut_animal[a] * FOUR, load4(base, a * FOUR))
        if more:
            for i in range(animals):
                store4(result, i * FOUR, summing_to_one(load4(result, i * FOUR)))
            for c in range(slots):
                store4(segs, c * FOUR, summing_to_one(load4(evidence, c * FOUR)))
        for t in range(len(typed) if len(counts) else 0):
            for w in range(width):
                row = index[begin + w, column[t]]
                for k in range(4):  # a lane has sums of its own, as one sum would wait for itself
                    counts[row, k, w] += result[typed[t] * FOUR + k * WIDTH + w]
        if learn:
            _exchange(begin, width, seg, told, first_slot, local, segs, True)
            total = fill(0.0)
            for g in range(len(founders)):
                y = load4(result, founders[g] * FOUR)
                total = total + fill(gametes[g] * 0.5) * (y[1] + y[2] + y[3] + y[3])
            store(prior, 0, total)
            for w in range(width):
                alleles[begin + w] += prior[w]
            for i in range(animals if out.shape[1] else 0):
                if prior_column[i] >= 0:
                    for w in range(width):
                        for k in range(4):
                            out[begin + w, prior_column[i], k] += result[i * FOUR + k * WIDTH + w]
            continue
        for i in range(animals):
            for w in range(width):
                for k in range(4):
                    out[begin + w, number[i], k] = result[i * FOUR + k * WIDTH + w]
