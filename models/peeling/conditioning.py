"""Peeling conditional on the genotypes of the animals that cut loops: their rounds, and the weight of each round.

The likelihood of a round comes from its messages: on a graph without loops it is the product over families and animals
of their sums, divided by the sum of every link (Yedidia, Freeman and Weiss 2005, the Bethe formula). How a message is
scaled cancels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.lanes import WIDTH, fill, inlined, load, most, store
from models.peeling.compiled import kernel, making_kernel
from models.peeling.messages import FLOOR, child_data, likelihood, load4, store4, summing_to_one

FOUR = 4 * WIDTH
NEVER = -1e300


@kernel
def clamp(x: int, animal: Any, group: Any, place: Any, rounds: Any, base: Any, own: Any) -> None:
    """Give the cutting animals the genotypes of round x; `base` holds their own penetrances."""
    for a in range(len(animal)):
        state = (x >> (2 * place[a])) & 3
        for k in range(4):
            for w in range(WIDTH):
                free = k == state or x >= rounds[group[a]]
                own[animal[a] * FOUR + k * WIDTH + w] = base[a * FOUR + k * WIDTH + w] if free else FLOOR


@inlined
def _dot(a: Any, b: Any) -> Any:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]


@inlined
def _add_log(number: Any, sign: float, scratch: Any, z: Any, g: int) -> None:
    store(scratch, 0, number)
    for w in range(WIDTH):
        z[g * WIDTH + w] += sign * np.log(max(scratch[w], 1e-300))


@inlined
def _seen(animal: int, at: int, prior: Any, ant: Any, own: Any, given: Any, message: Any) -> Any:
    """A parent without the message of the family; `given` is the product of all messages that it has."""
    if animal < 0:
        return load4(prior, 0)
    a, b, p, m = load4(ant, animal * FOUR), load4(own, animal * FOUR), load4(given, animal * FOUR), load4(message, at)
    return summing_to_one((a[0] * b[0] * p[0] / m[0], a[1] * b[1] * p[1] / m[1], a[2] * b[2] * p[2] / m[2],
                           a[3] * b[3] * p[3] / m[3]))  # fmt: skip


@making_kernel
def log_likelihood(
    sire: Any, dam: Any, start: Any, told: Any, child: Any, local: Any, segs: Any, prior: Any, ant: Any, own: Any,
    post: Any, message: Any, given: Any, pair: Any, of: Any, z: Any,
) -> None:  # fmt: skip
    """Log likelihood of each group of relatives at eight loci, into z (G * 8,), from messages that have settled."""
    scratch = np.empty(WIDTH)
    z[:] = 0.0
    given[:] = 1.0
    for f in range(len(sire)):
        for side in range(2):
            animal = sire[f] if side == 0 else dam[f]
            if told[f] > 0 and animal >= 0 and (side == 0 or sire[f] != dam[f]):
                a, m = load4(given, animal * FOUR), load4(message, (2 * f + side) * FOUR)
                store4(given, animal * FOUR, (a[0] * m[0], a[1] * m[1], a[2] * m[2], a[3] * m[3]))
    for i in range(len(of)):
        a, b, p = load4(ant, i * FOUR), load4(own, i * FOUR), load4(given, i * FOUR)
        _add_log(_dot((a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]), p), 1.0, scratch, z, of[i])
    for f in range(len(sire)):
        if told[f] == 0:
            continue
        g, s, d, at = of[child[start[f]]], sire[f], dam[f], 2 * f * FOUR
        ps = _seen(s, at, prior, ant, own, given, message)
        pd = _seen(d, at + FOUR, prior, ant, own, given, message)
        if s >= 0:
            _add_log(_dot(ps, load4(message, at)), -1.0, scratch, z, g)
        if d >= 0 and s != d:
            _add_log(_dot(pd, load4(message, at + FOUR)), -1.0, scratch, z, g)
        for k in range(4):
            for m in range(4):
                both = ps[k] * pd[m]
                if s == d and s >= 0:
                    both = ps[k] if k == m else fill(0.0)
                store(pair, (4 * k + m) * WIDTH, both)
        for j in range(told[f]):
            i = child[start[f] + j]
            q = child_data(own, post, i * FOUR)
            _add_log(_dot(q, load4(ant, i * FOUR)), -1.0, scratch, z, g)
            like = likelihood(q, load4(segs, (local[f] + j) * FOUR))
            top = fill(0.0)
            for k in range(16):
                product = load(pair, k * WIDTH) * like[k]
                store(pair, k * WIDTH, product)
                top = top + product
            _add_log(top, 1.0, scratch, z, g)
            scale = fill(1.0) / most(top, fill(1e-290))
            for k in range(16):
                store(pair, k * WIDTH, load(pair, k * WIDTH) * scale)


@kernel
def weigh(x: int, rounds: Any, z: Any, best: Any, kept: Any, added: Any) -> None:
    """Factors of what was summed up before round x (`kept`) and of the round itself (`added`), all (G * 8,)."""
    for g in range(len(rounds)):
        for w in range(g * WIDTH, (g + 1) * WIDTH):
            new = z[w] if x < rounds[g] else NEVER
            top = max(best[w], new) if x > 0 else new
            kept[w] = np.exp(best[w] - top) if x > 0 else 0.0
            added[w] = np.exp(new - top) if x < rounds[g] else 0.0
            best[w] = top


@kernel
def mix(total: Any, at: int, new: Any, from_at: int, kept: Any, added: Any, g: int) -> None:
    """Add four vectors of a round to their sum over the rounds."""
    a, b = load4(total, at), load4(new, from_at)
    k, m = load(kept, g * WIDTH), load(added, g * WIDTH)
    store4(total, at, (a[0] * k + b[0] * m, a[1] * k + b[1] * m, a[2] * k + b[2] * m, a[3] * k + b[3] * m))


@kernel
def mix_evidence(total: Any, evidence: Any, segs: Any, at: int, kept: Any, added: Any, g: int) -> None:
    """The same for evidence about segregation, whose weight is the likelihood over what it says of `segs`."""
    a, b, s = load4(total, at), load4(evidence, at), load4(segs, at)
    k, m = load(kept, g * WIDTH), load(added, g * WIDTH) / most(_dot(b, s), fill(1e-290))
    store4(total, at, (a[0] * k + b[0] * m, a[1] * k + b[1] * m, a[2] * k + b[2] * m, a[3] * k + b[3] * m))
