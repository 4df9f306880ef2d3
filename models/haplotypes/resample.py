"""Synthetic haplotypes: mosaics of the panel's, so that none in the library is a person's.

Recombination between the panel's haplotypes is simulated along the genetic map, as RESHAPE does (Cavinato, Rubinacci,
Malaspinas and Delaneau 2024, Nature Computational Science 4:360): every synthetic haplotype copies one of the panel at
a time, two of them exchange theirs at a crossover, and so every allele keeps its count exactly. RESHAPE picks both at
random. Here a haplotype that is due for a crossover waits for one that is identical to its own around the place, a long
way at first, less the longer it waits; no stretch of one person gets longer than a bound. So crossovers hardly touch
linkage disequilibrium, and many more of them are affordable.

Who knew the random numbers could undo the crossovers: the seed is a secret, and is not kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR = 16  # bins on both sides that are compared where no haplotype is identical


@dataclass(frozen=True, slots=True)
class Resampling:
    """How synthetic haplotypes are made.

    Attributes:
        generations: crossovers a Morgan for which a synthetic haplotype becomes due.
        longest_cm: no stretch copied from one person is longer.
        windows: cM on either side of a crossover in which the two haplotypes must be identical, the widest at once,
            the others in turn while the crossover waits; without any, partners are chosen at random, as RESHAPE does.
        bin_cm: crossovers happen at the edges of bins of this length.
        memory: a synthetic haplotype does not return to any of the last so many people that it copied.
    """

    generations: float = 200.0
    longest_cm: float = 1.0
    windows: tuple[float, ...] = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05, 0.03)
    bin_cm: float = 0.01
    memory: int = 3

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if not (self.generations > 0 and 0 < self.bin_cm <= self.longest_cm and self.memory >= 1):
            raise ValueError("generations and lengths must be positive, bins no longer than the longest stretch")


def bin_edges(cm: NDArray[np.float64], bin_cm: float) -> NDArray[np.int64]:
    """(B + 1,) rows at which bins begin, and V; no bin is longer than `bin_cm`, and none is empty.

    Args:
        cm: (V,) map positions, ascending.
        bin_cm: their length.
    """
    number = np.floor((cm - cm[0]) / bin_cm).astype(np.int64)
    return np.concatenate([[0], np.flatnonzero(np.diff(number)) + 1, [len(cm)]])


def bin_hashes(alleles: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.uint64]:
    """(K,) a number for each haplotype's alleles in a bin: equal where they are, else different (but once in 2^64).

    Args:
        alleles: (V, K) of the bin's sites.
        rng: gives every site its number.
    """
    keys = rng.integers(1 << 63, size=len(alleles), dtype=np.uint64)
    keys = keys * np.uint64(2) + np.uint64(1)
    out = np.zeros(alleles.shape[1], np.uint64)
    for key, line in zip(keys, alleles, strict=True):
        out += key * line.astype(np.uint64)
    return out


def mosaics(
    first_cm: NDArray[np.float64],
    last_cm: NDArray[np.float64],
    hashes: Iterable[NDArray[np.uint64]],
    persons: NDArray[np.int64],
    o: Resampling,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.int64]]:
    """For each bin, which of the panel's haplotypes each synthetic one copies: (K,), always a permutation.

    Only the bins within the widest window of the present one are held.

    Args:
        first_cm: (B,) position of each bin's first site.
        last_cm: (B,) of its last.
        hashes: (K,) of each bin, by `bin_hashes`.
        persons: (K,) whose each haplotype is.
        o: options.
        rng: everything random.
    """
    count = len(persons)
    widest = max(o.windows, default=0.0)
    around = Surroundings(first_cm, last_cm, hashes, max(widest, NEAR * o.bin_cm))
    copied = rng.permutation(count)
    begun = np.full(count, first_cm[0])
    due = begun + rng.exponential(100 / o.generations, count)
    past = np.full((count, o.memory), -1, np.int64)
    for b in range(len(first_cm)):
        if b > 0:
            here = first_cm[b]
            least = begun + o.longest_cm
            forced = last_cm[b] > least
            ready = forced | (due <= here)
            waited = np.where(forced, 1.0, (here - due) / np.maximum(least - due, 1e-9))
            around.move(b)
            moved = Crossover(copied, past, persons, rng).run(around, ready, waited, forced, o)
            begun[moved] = here
            due[moved] = here + rng.exponential(100 / o.generations, len(moved))
        yield copied.copy()


class Surroundings:
    """Hashes of the bins around the present one."""

    def __init__(
        self,
        first_cm: NDArray[np.float64],
        last_cm: NDArray[np.float64],
        hashes: Iterable[NDArray[np.uint64]],
        reach: float,
    ) -> None:
        """Nothing is read before `move`."""
        self._first, self._last, self._hashes, self._reach = first_cm, last_cm, iter(hashes), reach
        self._held: deque[NDArray[np.uint64]] = deque()  # bins `_low` to `_low + len - 1`
        self._low = self._at = 0

    def move(self, b: int) -> None:
        """Make bin `b` the present one; bins only go up."""
        self._at = b
        here = self._first[b]
        end = int(np.searchsorted(self._first, here + self._reach, side="right"))
        while self._low + len(self._held) < max(end, b + 1):
            self._held.append(next(self._hashes))
        while self._last[self._low] < here - self._reach:
            self._held.popleft()
            self._low += 1

    def identical(self, width: float) -> NDArray[np.uint64]:
        """(K,) equal for haplotypes that are identical within `width` cM of the present bin's start."""
        here = self._first[self._at]
        low = min(int(np.searchsorted(self._last, here - width)), self._at - 1)
        high = max(int(np.searchsorted(self._first, here + width, side="right")), self._at + 1)
        low, high = max(low, self._low), min(high, self._low + len(self._held))
        total = np.zeros_like(self._held[0])
        for k in range(low, high):
            total += self._held[k - self._low]
        return total

    def likeness(self, one: int) -> NDArray[np.int64]:
        """(K,) in how many of the nearest bins each panel haplotype is identical to `one`."""
        low, high = max(self._low, self._at - NEAR), min(self._low + len(self._held), self._at + NEAR)
        score = np.zeros(len(self._held[0]), np.int64)
        for k in range(low, high):
            line = self._held[k - self._low]
            score += line == line[one]
        return score


@dataclass(frozen=True, slots=True, eq=False)
class Crossover:
    """Exchanges of what synthetic haplotypes copy at one place; `copied` and `past` are changed in place."""

    copied: NDArray[np.int64]
    past: NDArray[np.int64]
    persons: NDArray[np.int64]
    rng: np.random.Generator

    def run(
        self,
        around: Surroundings,
        ready: NDArray[np.bool_],
        waited: NDArray[np.float64],
        forced: NDArray[np.bool_],
        o: Resampling,
    ) -> NDArray[np.int64]:
        """Exchange among those that are ready; returns who changed, among them all that are forced.

        Args:
            around: at the present bin.
            ready: (K,) who may.
            waited: (K,) share of the time that a crossover may wait which has passed.
            forced: (K,) who must.
            o: options.
        """
        left = ready.copy()
        for level, width in enumerate(o.windows):
            asking = left & (waited >= level / len(o.windows))
            if asking.any():
                which = np.flatnonzero(left)
                self._pair(which, around.identical(width)[self.copied[which]], asking[which], left)
        if not o.windows:
            which = np.flatnonzero(left)
            self._pair(which, np.zeros(len(which), np.uint64), np.ones(len(which), bool), left)
        moved = ready & ~left
        for one in self.rng.permutation(np.flatnonzero(left & forced)).tolist():
            if not moved[one]:
                other = self._nearest(around, one, left)
                self._exchange(np.array([one]), np.array([other]))
                left[[one, other]] = False
                moved[[one, other]] = True
        return np.flatnonzero(moved)

    def _pair(
        self,
        which: NDArray[np.int64],
        group: NDArray[np.uint64],
        asking: NDArray[np.bool_],
        left: NDArray[np.bool_],
    ) -> None:
        """Exchange in random pairs within groups where one at least asks for it; `left` loses those that did."""
        order = np.lexsort((self.rng.random(len(which)), ~asking, group))
        which, group, asking = which[order], group[order], asking[order]
        starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
        place = np.arange(len(which)) - np.repeat(starts, np.diff(np.append(starts, len(which))))
        first = np.flatnonzero((place[:-1] % 2 == 0) & (group[1:] == group[:-1]) & asking[:-1])
        a, b = which[first], which[first + 1]
        good = self._may(a, self.copied[b]) & self._may(b, self.copied[a])
        self._exchange(a[good], b[good])
        left[a[good]] = False
        left[b[good]] = False

    def _may(self, who: NDArray[np.int64], haplotype: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each synthetic haplotype may go on with a panel haplotype: not of a person whom it copied lately."""
        person = self.persons[haplotype]
        fresh: NDArray[np.bool_] = (person != self.persons[self.copied[who]]) & (
            person[:, None] != self.past[who]
        ).all(axis=1)
        return fresh

    def _nearest(self, around: Surroundings, one: int, left: NDArray[np.bool_]) -> int:
        """The synthetic haplotype whose present source is most alike; of another person in any case."""
        score = around.likeness(int(self.copied[one]))[self.copied].astype(np.float64)
        score += self.rng.random(len(score)) + 0.5 * left
        everybody = np.arange(len(score))
        mine = np.full(len(score), one)
        other_person = self.persons[self.copied] != self.persons[self.copied[one]]
        fresh = self._may(mine, self.copied) & self._may(everybody, np.full(len(score), self.copied[one]))
        score[~fresh] -= len(score)
        score[~other_person] = -np.inf
        return int(score.argmax())

    def _exchange(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> None:
        both = np.concatenate([a, b])
        self.past[both, 1:] = self.past[both, :-1]
        self.past[both, 0] = self.persons[self.copied[both]]
        self.copied[a], self.copied[b] = self.copied[b], self.copied[a]


def resample(
    alleles: NDArray[np.int8], cm: NDArray[np.float64], persons: NDArray[np.int64], o: Resampling, seed: int | None
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Synthetic haplotypes of a panel.

    Args:
        alleles: (V, K) of the panel, 0 or 1.
        cm: (V,) map positions, ascending.
        persons: (K,) whose each haplotype is; two people at least.
        o: options.
        seed: of everything random; None draws it from the system, as it should be for what is given away.

    Returns:
        (V, K) alleles, each site's count unchanged, and (B, 3) pieces.
    """
    rng = np.random.default_rng(seed)
    edges = bin_edges(cm, o.bin_cm)
    out = np.empty_like(alleles)
    keys = np.random.default_rng(rng.integers(1 << 63))
    hashes = (bin_hashes(alleles[low:high], keys) for low, high in zip(edges[:-1], edges[1:], strict=True))
    sources = np.empty((len(edges) - 1, len(persons)), np.int64)
    for b, copied in enumerate(mosaics(cm[edges[:-1]], cm[edges[1:] - 1], hashes, persons, o, rng)):
        rows = slice(edges[b], edges[b + 1])
        out[rows] = alleles[rows][:, copied]
        sources[b] = copied
    return out, sources
