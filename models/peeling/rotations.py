"""Samples that went round among three animals or more, as when a row of a plate was moved on by one.

Places and samples of the doubted animals are matched anew, all at once, so that relatives contradict as little as
possible: an assignment problem. What a relative says counts as much as its own relatives believe in it, since in a
moved row a doubted animal's relatives are often doubted themselves; matching and trust are repeated until both stay,
from several starts. Every ring of the matching that relatives then confirm at each of its places is reported. Most
pairs of the pedigree have to be sound.

Source of the assignment: Kuhn 1955, Naval Research Logistics Quarterly 2:83; by shortest augmenting paths as in Jonker
and Volgenant 1987, Computing 38:325.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.mendel import MIN_LOCI, Judge, MendelTally, Pair
from models.peeling.pedigree import Pedigree
from models.peeling.swaps import CLEARER, Fit, Shares, Swap, clearest_swap, contradicted, fit, relatives_of

MOST: Final = 10  # exchanges that are looked for; each costs a pass over the genotypes
DOUBTED: Final = 200  # animals at most that are matched anew, the most contradicted first
STAYING: Final = 0.3  # relatives' worth that speaks for a sample to be where it is named
ROUNDS: Final = 8  # of matching and trust
STARTS: Final = 12  # the first from what the genotypes say of each relative, the others from trust drawn by lot
FEW: Final = 60  # doubted animals up to which there is time for more than one start


@dataclass(frozen=True, slots=True)
class Rotation:
    """Animals, by row of the pedigree, whose samples look moved on, each to the next and the last to the first.

    Attributes:
        animals: three or more; the sample named as one of them fits the place of the next.
        named: fit of each one's sample to its own place.
        moved: fit to each one's place of the sample that is named as the animal before, all having changed places.
    """

    animals: tuple[int, ...]
    named: tuple[Fit, ...]
    moved: tuple[Fit, ...]


def find_exchanges(
    pedigree: Pedigree, pairs: Sequence[Pair], judge: Judge, blocks: Callable[[], Iterable[NDArray[np.int8]]]
) -> tuple[list[Swap], list[Rotation]]:
    """Exchanged samples, the clearest first; no animal stands in two of these.

    Each pair found is put right before the next is looked for: its relatives would otherwise fit odd places too. Rings
    are looked for when no pair is left.

    Args:
        pedigree: N animals.
        pairs: its parents and offspring with calls in common (`MendelTally.pairs`).
        judge: what those pairs were judged by.
        blocks: gives (L, N) ALT alleles of all loci in parts, -1 where not called; not called if no pair is doubted.
    """
    first = _search(pedigree, pairs, judge, blocks, rings_first=False)
    if not any(one.suspicious for one in first.pairs):
        return first.swaps, first.rings
    # A pair may fit by chance where a ring explains more, and shuts the ring out.
    second = _search(pedigree, pairs, judge, blocks, rings_first=True)
    best = min((first, second), key=lambda one: sum(pair.suspicious for pair in one.pairs))
    return best.swaps, best.rings


@dataclass(slots=True)
class _Found:
    """Exchanges, and what is left to say of parents and offspring when they are put right."""

    swaps: list[Swap]
    rings: list[Rotation]
    pairs: Sequence[Pair]


def _search(
    pedigree: Pedigree,
    pairs: Sequence[Pair],
    judge: Judge,
    blocks: Callable[[], Iterable[NDArray[np.int8]]],
    *,
    rings_first: bool,
) -> _Found:
    columns = np.arange(len(pedigree))
    found = _Found([], [], pairs)

    def seen() -> Iterable[NDArray[np.int8]]:
        return (dosage[:, columns] for dosage in blocks())

    def pair_up(taken: Set[int]) -> bool:
        if (best := clearest_swap(found.pairs, judge, seen(), taken)) is None:
            return False
        found.swaps.append(best)
        columns[[best.first, best.second]] = columns[[best.second, best.first]]
        return True

    def go_round(taken: Set[int]) -> bool:
        rings = find_rotations(found.pairs, judge, seen, taken)
        for ring in rings:
            columns[list(np.roll(ring.animals, -1))] = columns[list(ring.animals)]
        found.rings += rings
        return bool(rings)

    steps = (go_round, pair_up) if rings_first else (pair_up, go_round)
    while len(found.swaps) + len(found.rings) < MOST:
        taken = {animal for one in found.swaps for animal in (one.first, one.second)}
        taken |= {animal for ring in found.rings for animal in ring.animals}
        if not any(step(taken) for step in steps):
            break
        tally = MendelTally(pedigree)
        for dosage in seen():
            tally.add(dosage)
        found.pairs, judge = tally.pairs()
    return found


def find_rotations(
    pairs: Sequence[Pair], judge: Judge, blocks: Callable[[], Iterable[NDArray[np.int8]]], taken: Set[int]
) -> list[Rotation]:
    """The rings of three animals and more, none of them `taken`, that relatives confirm."""
    relatives = relatives_of(pairs)
    doubted = [one for one in contradicted(pairs, DOUBTED) if one not in taken and one in relatives]
    if len(doubted) < 2:
        return []
    shares = _shares(doubted, relatives, blocks())
    if also := [one for one in _fitting(doubted, relatives, shares, judge) if one not in taken and one in relatives]:
        doubted = [*doubted, *also][:DOUBTED]
        shares = _shares(doubted, relatives, blocks())
    sample = _match(doubted, relatives, shares, judge)
    rings = [ring for ring in _rings(sample) if len(ring) > 2]
    while rings:
        moved = {animal: sample[animal] for ring in rings for animal in ring}
        made = [_rotation(ring, relatives, moved, shares, judge) for ring in rings]
        if all(one is not None for one in made):
            return [one for one in made if one is not None]
        # A ring that fell leaves its samples in place, which the others are judged by then.
        rings = [ring for ring, one in zip(rings, made, strict=True) if one is not None]
    return []


def _shares(
    doubted: Sequence[int], relatives: Mapping[int, Sequence[int]], blocks: Iterable[NDArray[np.int8]]
) -> Shares:
    return Shares(sorted({*doubted, *(one for animal in doubted for one in relatives[animal])}), blocks)


def _fitting(doubted: Sequence[int], relatives: Mapping[int, Sequence[int]], shares: Shares, judge: Judge) -> list[int]:
    """Animals that nobody speaks against and that fit a doubted place: sibs may hold each other's samples unseen."""
    oddness = _oddness(shares, judge)
    found: dict[int, None] = {}
    for animal in doubted:
        heard = [shares.place[one] for one in relatives[animal] if one not in doubted] or [
            shares.place[one] for one in relatives[animal]
        ]
        found.update(dict.fromkeys(np.flatnonzero((oddness[heard] < 0.5).all(axis=0)).tolist()))
    return [one for one in found if one not in doubted]


def _match(
    doubted: Sequence[int], relatives: Mapping[int, Sequence[int]], shares: Shares, judge: Judge
) -> dict[int, int]:
    """The sample of each doubted animal's place, by the name that it goes by: the best of all rounds and starts."""
    oddness = _oddness(shares, judge)
    rng = np.random.default_rng(len(doubted))  # the same upload gets the same answer
    best, least = {animal: animal for animal in doubted}, np.inf
    for start in range(STARTS if len(doubted) <= FEW else 1):
        sample = {animal: animal for animal in doubted}
        for turn in range(ROUNDS):
            said = {
                animal: np.array([oddness[shares.place[sample.get(one, one)], sample[animal]] for one in mine])
                for animal, mine in relatives.items()
                if animal in sample
            }
            cost = float(sum(one.sum() for one in said.values())) + sum(STAYING for k, v in sample.items() if k != v)
            if cost < least:
                best, least = sample, cost
            trust = {animal: 1 - float(one.mean()) for animal, one in said.items()}
            if start and not turn:
                trust = {animal: float(rng.random()) for animal in doubted}
            found = _matched(doubted, relatives, sample, trust, oddness, shares)
            if found == sample:
                break
            sample = found
    return best


def _matched(
    doubted: Sequence[int],
    relatives: Mapping[int, Sequence[int]],
    sample: Mapping[int, int],
    trust: Mapping[int, float],
    oddness: NDArray[np.float64],
    shares: Shares,
) -> dict[int, int]:
    """The samples matched anew, relatives standing where `sample` has them and heard as far as they are trusted."""
    columns = np.array(doubted)
    cost = np.zeros((len(doubted), len(doubted)))
    for row, animal in enumerate(doubted):
        weights = np.array([trust.get(one, 1.0) for one in relatives[animal]])
        if weights.sum() < 0.5:  # nobody whom one could believe: all are heard alike
            weights[:] = 1.0
        for one, weight in zip(relatives[animal], weights, strict=True):
            other = sample.get(one, one)
            against = oddness[shares.place[other], columns].copy()
            against[columns == other] = 0.5  # the relative's own sample: whose stands there then is open
            cost[row] += weight * against
        cost[row, row] -= STAYING
    return {animal: int(columns[column]) for animal, column in zip(doubted, assign(cost), strict=True)}


def _oddness(shares: Shares, judge: Judge) -> NDArray[np.float64]:
    """(rows, N) from 0, a parent or offspring by the genotypes, to 1, none; one half where few loci are shared."""
    share = shares.opposing / np.maximum(1, shares.compared)
    found: NDArray[np.float64] = np.where(shares.compared < MIN_LOCI, 0.5, np.minimum(1.0, share / (3 * judge.limit)))
    return found


def _rings(sample: Mapping[int, int]) -> list[tuple[int, ...]]:
    """The rings of a matching; the sample named as one member belongs to the next."""
    place = {name: animal for animal, name in sample.items()}
    left = sorted(animal for animal, name in sample.items() if animal != name)
    rings = []
    while left:
        ring = [left[0]]
        while (following := place[ring[-1]]) != ring[0]:
            ring.append(following)
        rings.append(tuple(ring))
        left = [one for one in left if one not in ring]
    return rings


def _rotation(
    ring: tuple[int, ...],
    relatives: Mapping[int, Sequence[int]],
    moved: Mapping[int, int],
    shares: Shares,
    judge: Judge,
) -> Rotation | None:
    """A ring with its evidence, when the genotypes speak for it at every place."""
    named = [fit([shares.pair(place, one) for one in relatives[place]], judge) for place in ring]
    after = [fit([shares.pair(moved[place], moved.get(one, one)) for one in relatives[place]], judge) for place in ring]
    before, left = (sum(one.opposing for one in fits) for fits in (named, after))
    sound = all(one.relatives and not one.against for one in after) and any(one.against for one in named)
    return Rotation(ring, tuple(named), tuple(after)) if sound and left * CLEARER <= before else None


def assign(cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """(N,) column of each row of a square (N, N) cost so that their sum is least, each column once."""
    count = len(cost)
    rows, columns = np.zeros(count + 1), np.zeros(count + 1)  # what each may be charged without a negative price
    held = np.zeros(count + 1, np.int64)  # row, from 1, that has each column; column 0 is the row being placed
    for row in range(1, count + 1):
        held[0], column = row, 0
        least, way = np.full(count + 1, np.inf), np.zeros(count + 1, np.int64)
        used = np.zeros(count + 1, bool)
        while held[column]:
            used[column] = True
            price = cost[held[column] - 1] - rows[held[column]] - columns[1:]
            closer = np.append(False, (price < least[1:]) & ~used[1:])
            least[closer] = price[closer[1:]]
            way[closer] = column
            following = int(np.where(used, np.inf, least)[1:].argmin()) + 1
            step = least[following]
            rows[held[used]] += step
            columns[used] -= step
            least[~used] -= step
            column = following
        while column:
            held[column] = held[way[column]]
            column = int(way[column])
    found = np.empty(count, np.int64)
    found[held[1:] - 1] = np.arange(count)
    return found
