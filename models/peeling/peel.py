"""The kernels of single-locus peeling: anterior and posterior messages over the full-sib families, eight loci at once.

Every animal has an anterior message (from its parents), a penetrance (its own data) and posterior messages (one from
each family in which it is a parent). A family holds the exact joint of both parents' genotypes; a message to a parent
or child never contains what came from it. On a pedigree without loops sweeping up and down until nothing changes is
exact (Elston and Stewart 1971; Fernando, Stricker and Elston 1993); on others it is loopy belief propagation.

Children that tell nothing send no message: sweeps leave them out, and their genotypes follow in one last way down.
"""

from __future__ import annotations

from typing import Any

from models.lanes import WIDTH, fill, inlined, largest, load, most, store
from models.peeling.compiled import kernel
from models.peeling.messages import (
    child_data,
    largest_one,
    likelihood,
    load4,
    store4,
    summing_to_one,
    to_child,
    to_segregation,
)

PAIR = 16 * WIDTH  # places of the vectors of a pair of parents
FOUR = 4 * WIDTH  # and of an animal
RESCALE = 8  # children after whose product the joint is scaled up


@inlined
def _without(animal: int, at: int, prior: Any, ant: Any, own: Any, post: Any, message: Any) -> Any:
    """A parent as the family sees it, without the family's own message: all of it, and its posterior alone."""
    if animal < 0:
        x = load4(prior, 0)
        return x, x
    a, b, p, m = load4(ant, animal * FOUR), load4(own, animal * FOUR), load4(post, animal * FOUR), load4(message, at)
    rest = p[0] / m[0], p[1] / m[1], p[2] / m[2], p[3] / m[3]
    seen = summing_to_one((a[0] * b[0] * rest[0], a[1] * b[1] * rest[1], a[2] * b[2] * rest[2], a[3] * b[3] * rest[3]))
    return seen, rest


@inlined
def _send(animal: int, at: int, found: Any, rest: Any, post: Any, message: Any) -> Any:
    """Give a parent a new message; the vector of its largest change."""
    new, old = largest_one(found), load4(message, at)
    store4(message, at, new)
    if animal >= 0:
        all_of = largest_one((rest[0] * new[0], rest[1] * new[1], rest[2] * new[2], rest[3] * new[3]))
        store4(post, animal * FOUR, all_of)
    d0, d1, d2, d3 = new[0] - old[0], new[1] - old[1], new[2] - old[2], new[3] - old[3]
    zero = fill(0.0)
    return most(most(most(d0, zero - d0), most(d1, zero - d1)), most(most(d2, zero - d2), most(d3, zero - d3)))


@inlined
def _rescale(pair: Any, at: int) -> None:
    top = load(pair, at)
    for k in range(1, 16):
        top = most(top, load(pair, at + k * WIDTH))
    scale = fill(1.0) / most(top, fill(1e-290))
    for k in range(16):
        store(pair, at + k * WIDTH, load(pair, at + k * WIDTH) * scale)


@inlined
def _up(
    f: int, sire: Any, dam: Any, start: Any, told: Any, child: Any, local: Any, segs: Any, prior: Any, ant: Any,
    own: Any, post: Any, message: Any, pair: Any,
) -> Any:  # fmt: skip
    """Messages of a family to its parents; the vector of the largest change."""
    s, d = sire[f], dam[f]
    for k in range(16):
        store(pair, k * WIDTH, fill(1.0))
    for j in range(told[f]):
        q = child_data(own, post, child[start[f] + j] * FOUR)
        like = likelihood(q, load4(segs, (local[f] + j) * FOUR))
        for k in range(16):
            store(pair, k * WIDTH, load(pair, k * WIDTH) * like[k])
        if j % RESCALE == RESCALE - 1:
            _rescale(pair, 0)
    at = 2 * f * FOUR
    ps, rest_s = _without(s, at, prior, ant, own, post, message)
    if s == d:
        same = load(pair, 0), load(pair, 5 * WIDTH), load(pair, 10 * WIDTH), load(pair, 15 * WIDTH)
        return _send(s, at, same, rest_s, post, message)
    pd, rest_d = _without(d, at + FOUR, prior, ant, own, post, message)
    a, b = load4(pair, 0), load4(pair, FOUR)
    c, e = load4(pair, 2 * FOUR), load4(pair, 3 * FOUR)
    change = _send(s, at, (
        a[0] * pd[0] + a[1] * pd[1] + a[2] * pd[2] + a[3] * pd[3],
        b[0] * pd[0] + b[1] * pd[1] + b[2] * pd[2] + b[3] * pd[3],
        c[0] * pd[0] + c[1] * pd[1] + c[2] * pd[2] + c[3] * pd[3],
        e[0] * pd[0] + e[1] * pd[1] + e[2] * pd[2] + e[3] * pd[3],
    ), rest_s, post, message)  # fmt: skip
    return most(change, _send(d, at + FOUR, (
        a[0] * ps[0] + b[0] * ps[1] + c[0] * ps[2] + e[0] * ps[3],
        a[1] * ps[0] + b[1] * ps[1] + c[1] * ps[2] + e[1] * ps[3],
        a[2] * ps[0] + b[2] * ps[1] + c[2] * ps[2] + e[2] * ps[3],
        a[3] * ps[0] + b[3] * ps[1] + c[3] * ps[2] + e[3] * ps[3],
    ), rest_d, post, message))  # fmt: skip


@inlined
def _parents(f: int, sire: Any, dam: Any, prior: Any, ant: Any, own: Any, post: Any, message: Any, pair: Any) -> None:
    """Joint weights of a family's parents, without its children."""
    s, d = sire[f], dam[f]
    at = 2 * f * FOUR
    ps, _ = _without(s, at, prior, ant, own, post, message)
    if s == d and s >= 0:
        for k in range(16):
            store(pair, k * WIDTH, fill(0.0))
        for k in range(4):
            store(pair, 5 * k * WIDTH, ps[k])
        return
    pd, _ = _without(d, at + FOUR, prior, ant, own, post, message)
    for k in range(4):
        for m in range(4):
            store(pair, (4 * k + m) * WIDTH, ps[k] * pd[m])


@inlined
def _down(
    f: int, last: bool, sire: Any, dam: Any, start: Any, told: Any, child: Any, local: Any, segs: Any, prior: Any,
    ant: Any, own: Any, post: Any, message: Any, pair: Any, like: Any, rest: Any,
) -> None:  # fmt: skip
    """Messages of a family to its telling children and, the last time, to their segregation.

    A child must not hear itself: it gets the product of the parents, the children before it (`pair`, which grows) and
    those behind it (`rest`).
    """
    n = told[f]
    _parents(f, sire, dam, prior, ant, own, post, message, pair)
    for j in range(n - 1, -1, -1):
        if j == n - 1:
            for k in range(16):
                store(rest, j * PAIR + k * WIDTH, fill(1.0))
        else:
            for k in range(16):
                at = (j + 1) * PAIR + k * WIDTH
                store(rest, at - PAIR, load(rest, at) * load(like, at))
            if (n - j) % RESCALE == 0:
                _rescale(rest, j * PAIR)
        if n > 1:
            q = child_data(own, post, child[start[f] + j] * FOUR)
            x = likelihood(q, load4(segs, (local[f] + j) * FOUR))
            for k in range(16):
                store(like, j * PAIR + k * WIDTH, x[k])
    for j in range(n):
        i = child[start[f] + j] * FOUR
        s = (local[f] + j) * FOUR
        for k in range(16):
            at = j * PAIR + k * WIDTH
            store(rest, at, load(rest, at) * load(pair, k * WIDTH))
        store4(ant, i, to_child(rest, j * PAIR, load4(segs, s)))
        if last:
            store4(segs, s, to_segregation(rest, j * PAIR, child_data(own, post, i)))
        if j < n - 1:
            for k in range(16):
                store(pair, k * WIDTH, load(pair, k * WIDTH) * load(like, j * PAIR + k * WIDTH))
            if j % RESCALE == RESCALE - 1:
                _rescale(pair, 0)


@inlined
def _down_untold(f: int, start: Any, told: Any, child: Any, ant: Any, n: int, pair: Any, like: Any) -> None:
    """Genotypes of the children that tell nothing: the same for all, from the parents given the other children."""
    if n > 0:
        for k in range(16):
            at = k * WIDTH
            store(pair, at, load(pair, at) * load(like, (n - 1) * PAIR + at))
    quarter = fill(0.25)
    x = to_child(pair, 0, (quarter, quarter, quarter, quarter))
    for c in range(start[f] + told[f], start[f + 1]):
        store4(ant, child[c] * FOUR, x)


@kernel
def sweep(
    sire: Any, dam: Any, start: Any, told: Any, child: Any, local: Any, telling: Any, segs: Any, prior: Any,
    ant: Any, own: Any, post: Any, message: Any, pair: Any, like: Any, rest: Any, sweeps: int, tolerance: float,
    learn: bool,
) -> None:  # fmt: skip
    """Peel eight loci: up and down the telling families, then down once more, to segregation or to all children."""
    n = len(telling)
    for _ in range(sweeps):
        for v in range(n):
            _down(telling[v], False, sire, dam, start, told, child, local, segs, prior, ant, own, post, message,
                  pair, like, rest)  # fmt: skip
        change = fill(0.0)
        for v in range(n - 1, -1, -1):
            change = most(change, _up(telling[v], sire, dam, start, told, child, local, segs, prior, ant, own,
                                      post, message, pair))  # fmt: skip
        if largest(change) < tolerance:
            break
    if learn:
        for v in range(n):
            _down(telling[v], True, sire, dam, start, told, child, local, segs, prior, ant, own, post, message,
                  pair, like, rest)  # fmt: skip
        return
    for f in range(len(sire)):
        _down(f, False, sire, dam, start, told, child, local, segs, prior, ant, own, post, message, pair, like,
              rest)  # fmt: skip
        if start[f] + told[f] < start[f + 1]:
            n_told = told[f]
            if n_told == 1:
                q = child_data(own, post, child[start[f]] * FOUR)
                x = likelihood(q, load4(segs, local[f] * FOUR))
                for k in range(16):
                    store(like, k * WIDTH, x[k])
            _down_untold(f, start, told, child, ant, n_told, pair, like)
