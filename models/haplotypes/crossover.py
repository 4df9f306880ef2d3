"""Crossovers between synthetic haplotypes: who exchanges with whom at one place of the chromosome."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR = 16  # bins on both sides that are compared where no haplotype is identical


@dataclass(frozen=True, slots=True, eq=False)
class Bin:
    """A short stretch of sites, at whose start crossovers may happen.

    Attributes:
        first: cM of its first site.
        last: cM of its last.
        alleles: (V, K) int8 of the panel.
        before: (K,) uint64 sums of the hashes of all bins before it (modulo 2^64).
        after: the same with its own.
    """

    first: float
    last: float
    alleles: NDArray[np.int8]
    before: NDArray[np.uint64]
    after: NDArray[np.uint64]


class Neighbourhood:
    """The present bin and those around it; the others of the chromosome are not held."""

    def __init__(self, bins: Iterator[Bin], reach: float) -> None:
        """Begin before the first of `bins`; those within `reach` cM are held."""
        self._bins, self._reach = bins, reach
        self._held: list[Bin] = []
        self._at = -1
        self._more = True

    def advance(self) -> Bin | None:
        """The next bin becomes the present one; None after the last."""
        self._at += 1
        while self._more and (self._at >= len(self._held) or self._held[-1].first <= self.present.first + self._reach):
            read = next(self._bins, None)
            self._more = read is not None
            if read is not None:
                self._held.append(read)
        if self._at >= len(self._held):
            return None
        gone = bisect_left(self._held, self.present.first - self._reach, key=lambda b: b.last)
        gone = min(gone, self._at)
        del self._held[:gone]
        self._at -= gone
        return self.present

    @property
    def present(self) -> Bin:
        """The present bin."""
        return self._held[self._at]

    def identical(self, width: float) -> NDArray[np.uint64]:
        """(K,) equal for panel haplotypes identical within `width` cM of the present bin's start."""
        here = self.present.first
        low = min(bisect_left(self._held, here - width, key=lambda b: b.last), max(self._at - 1, 0))
        high = max(bisect_right(self._held, here + width, key=lambda b: b.first), self._at + 1)
        return self._held[high - 1].after - self._held[low].before

    def likeness(self, one: int) -> NDArray[np.int64]:
        """(K,) in how many of the nearest bins each panel haplotype is identical to `one`."""
        score = np.zeros(len(self.present.before), np.int64)
        for near in self._held[max(0, self._at - NEAR) : self._at + NEAR]:
            line = near.after - near.before
            score += line == line[one]
        return score


@dataclass(frozen=True, slots=True, eq=False)
class Copying:
    """What the synthetic haplotypes copy at the present place; changed in place.

    Attributes:
        source: (K,) panel haplotype that each copies, always a permutation.
        past: (K, M) the last people that each copied before, -1 for none.
        persons: (K,) whose each panel haplotype is.
        rng: everything random.
    """

    source: NDArray[np.int64]
    past: NDArray[np.int64]
    persons: NDArray[np.int64]
    rng: np.random.Generator

    def cross(
        self,
        around: Neighbourhood,
        windows: tuple[float, ...],
        waited: NDArray[np.float64],
        forced: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        """Let those that are due exchange sources; returns who did, among them all that are forced.

        Args:
            around: at the present bin.
            windows: cM on either side that must be identical, the widest first.
            waited: (K,) share of the time that a crossover may wait that has passed; negative for who is not due. The
                k-th of n windows is open to who has waited k / n, counted from 0.
            forced: (K,) who must.
        """
        entered = self.persons[self.source]
        left = forced | (waited >= 0)
        ready = left.copy()
        for level, width in enumerate(windows):
            asking = left & (forced | (waited >= level / len(windows)))
            if asking.any():
                self._pair(around.identical(width), asking, left)
        if not windows:
            self._pair(np.zeros(len(left), np.uint64), left.copy(), left)
        moved = ready & ~left
        for one in self.rng.permutation(np.flatnonzero(left & forced)).tolist():
            if not moved[one]:
                other = self._nearest(around, one, left, entered)
                self._exchange(np.array([one]), np.array([other]))
                left[[one, other]] = False
                moved[[one, other]] = True
        return np.flatnonzero(moved)

    def _pair(self, identity: NDArray[np.uint64], asking: NDArray[np.bool_], left: NDArray[np.bool_]) -> None:
        """Exchange in random pairs of identical sources of which one at least asks; `left` loses those that did."""
        which = np.flatnonzero(left)
        group = identity[self.source[which]]
        order = np.lexsort((self.rng.random(len(which)), ~asking[which], group))
        which, group = which[order], group[order]
        starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
        place = np.arange(len(which)) - np.repeat(starts, np.diff(np.append(starts, len(which))))
        first = np.flatnonzero((place[:-1] % 2 == 0) & (group[1:] == group[:-1]) & asking[which[:-1]])
        a, b = which[first], which[first + 1]
        good = self._may(a, self.source[b]) & self._may(b, self.source[a])
        self._exchange(a[good], b[good])
        left[a[good]] = False
        left[b[good]] = False

    def _may(self, who: NDArray[np.int64], source: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each of `who` may go on with a panel haplotype: not of a person whom it copies or copied lately."""
        person = self.persons[source]
        new = (person[:, None] != self.past[who]).all(axis=1)
        fresh: NDArray[np.bool_] = new & (person != self.persons[self.source[who]])
        return fresh

    def _nearest(self, around: Neighbourhood, one: int, left: NDArray[np.bool_], entered: NDArray[np.int64]) -> int:
        """The synthetic haplotype whose source is most alike, so that both go on with another person than `entered`.

        There always is one: a person has two haplotypes at most, so two at most of the others copy or copied that of
        `one` here, and haplotypes exchange in pairs.
        """
        mine = int(self.source[one])
        score = around.likeness(mine)[self.source] + self.rng.random(len(self.source)) + 0.5 * left
        everybody = np.arange(len(score))
        fresh = self._may(np.full(len(score), one), self.source) & self._may(everybody, np.full(len(score), mine))
        score[~fresh] -= len(score)
        score[(self.persons[self.source] == entered[one]) | (entered == self.persons[mine])] = -np.inf
        return int(score.argmax())

    def _exchange(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> None:
        both = np.concatenate([a, b])
        self.past[both, 1:] = self.past[both, :-1]
        self.past[both, 0] = self.persons[self.source[both]]
        self.source[a], self.source[b] = self.source[b], self.source[a]
