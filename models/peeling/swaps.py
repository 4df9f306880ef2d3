"""Two samples that look exchanged: their genotypes fit each other's place in the pedigree, and not their own.

An animal's place is its parents and offspring. A sample fits a place when it is not the opposite homozygote of those
relatives at more loci than wrong calls explain (`mendel.Judge`). Two samples look exchanged when some relatives speak
against them where they are, and none does once they change places. Only the animals that some parent or offspring
speaks against are looked at, so a pedigree without doubtful parents costs nothing.

What cannot be told: animals without a genotyped parent or offspring, and full sibs without offspring of their own,
whose exchange changes nothing that these genotypes show. Most pairs of the pedigree have to be sound. Samples that went
round among three animals or more are found by `rotations.py`.

Source of the measure: Hayes 2011, J Dairy Sci 94:2114 (parentage by opposing homozygotes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.mendel import MIN_LOCI, Judge, Pair

SEARCHED: Final = 40  # animals at most whose exchange is looked for, the most contradicted first
RELATIVES: Final = 12  # of one animal that are compared; more tell nothing new
SPARE: Final = 3  # opposite homozygotes that few loci may hold beyond the limit
CLEARER: Final = 4  # by how much opposite homozygotes must fall


@dataclass(frozen=True, slots=True)
class Fit:
    """How a sample's genotypes go with the relatives of a place.

    Attributes:
        relatives: parents and offspring compared.
        against: those of them that it cannot be parent or offspring of.
        compared: loci compared, over all relatives.
        opposing: opposite homozygotes among them.
    """

    relatives: int
    against: int
    compared: int
    opposing: int


@dataclass(frozen=True, slots=True)
class Swap:
    """Two animals, by row of the pedigree, whose samples look exchanged.

    Attributes:
        first, second: the animals, `first` the earlier row.
        named: fit of each one's sample to its own place.
        exchanged: fit of the other's sample to each one's place, both having changed places.
    """

    first: int
    second: int
    named: tuple[Fit, Fit]
    exchanged: tuple[Fit, Fit]

    @property
    def gain(self) -> int:
        """Opposite homozygotes that the exchange does away with."""
        return sum(one.opposing for one in self.named) - sum(one.opposing for one in self.exchanged)


def clearest_swap(
    pairs: Sequence[Pair], judge: Judge, blocks: Iterable[NDArray[np.int8]], taken: Set[int]
) -> Swap | None:
    """The exchange that does away with most opposite homozygotes, of animals that are not `taken`."""
    relatives = relatives_of(pairs)
    looked_at = [one for one in contradicted(pairs) if one not in taken and one in relatives]
    if not looked_at:
        return None
    named = {}
    for pair in pairs:
        counts = pair.opposing, pair.compared
        named[pair.parent, pair.child] = named[pair.child, pair.parent] = counts
    shares = Shares(sorted({*looked_at, *(one for animal in looked_at for one in relatives[animal])}), blocks)
    keys = {
        (min(animal, other), max(animal, other))
        for animal in looked_at
        for other in shares.fitting(relatives[animal], animal, judge)
        if other not in taken
    }
    swaps = (_swap(key, relatives, named, shares, judge) for key in sorted(keys))
    return max((one for one in swaps if one is not None), key=lambda one: one.gain, default=None)


def relatives_of(pairs: Sequence[Pair]) -> dict[int, list[int]]:
    """Of every animal the parents and offspring that it was compared with, those with the most loci first."""
    found: dict[int, list[tuple[int, int]]] = {}
    for pair in pairs:
        if pair.compared >= MIN_LOCI:
            found.setdefault(pair.child, []).append((-pair.compared, pair.parent))
            found.setdefault(pair.parent, []).append((-pair.compared, pair.child))
    return {animal: list(dict.fromkeys(one for _, one in sorted(mine)))[:RELATIVES] for animal, mine in found.items()}


def contradicted(pairs: Sequence[Pair], most: int = SEARCHED) -> list[int]:
    """Animals that relatives speak against, those first whom the largest share of them does."""
    against: dict[int, int] = {}
    links: dict[int, int] = {}
    for pair in pairs:
        for animal in (pair.parent, pair.child):
            links[animal] = links.get(animal, 0) + (pair.compared >= MIN_LOCI)
            against[animal] = against.get(animal, 0) + pair.suspicious
    doubted = [animal for animal, count in against.items() if count]
    return sorted(doubted, key=lambda one: (-against[one] / links[one], -against[one], one))[:most]


class Shares:
    """Opposite homozygotes between some animals (rows) and all."""

    def __init__(self, rows: Sequence[int], blocks: Iterable[NDArray[np.int8]]) -> None:
        self.place = {animal: row for row, animal in enumerate(rows)}
        self.opposing = self.compared = np.zeros((len(rows), 0), np.int64)
        for dosage in blocks:
            if not self.opposing.size:
                self.opposing = np.zeros((len(rows), dosage.shape[1]), np.int64)
                self.compared = np.zeros_like(self.opposing)
            # float32 counts exactly up to 16 million, and a block has fewer loci.
            ref, alt, known = ((dosage == 0), (dosage == 2), (dosage >= 0))
            planes = [one.astype(np.float32) for one in (ref, alt, known)]
            mine = [one[:, list(rows)].T for one in planes]
            self.opposing += (mine[0] @ planes[1] + mine[1] @ planes[0]).astype(np.int64)
            self.compared += (mine[2] @ planes[2]).astype(np.int64)

    def pair(self, row: int, column: int) -> tuple[int, int]:
        """Opposite homozygotes and loci of two animals, one of which is a row."""
        if row not in self.place:
            row, column = column, row
        place = self.place[row]
        return int(self.opposing[place, column]), int(self.compared[place, column])

    def fitting(self, relatives: Sequence[int], animal: int, judge: Judge) -> list[int]:
        """Animals, `animal` not among them, whose genotypes could stand in its place: beside all other relatives."""
        rows = [self.place[one] for one in relatives]
        compared, opposing = self.compared[rows], self.opposing[rows]
        # A relative that is the candidate itself is judged later, with both exchanged; so is what lies at the limit.
        itself = np.array(relatives)[:, None] == np.arange(compared.shape[1])[None, :]
        fits = ((opposing <= SPARE + 2 * judge.limit * compared) | itself).all(axis=0)
        fits &= ((compared >= MIN_LOCI) | itself).any(axis=0)
        return [int(one) for one in np.flatnonzero(fits) if one != animal]


def _swap(
    key: tuple[int, int],
    relatives: Mapping[int, Sequence[int]],
    named: Mapping[tuple[int, int], tuple[int, int]],
    shares: Shares,
    judge: Judge,
) -> Swap | None:
    """The exchange of two animals, when the genotypes speak for it."""
    own, other = [], []
    for place, sample in (key, key[::-1]):
        mine = relatives.get(place, ())
        own.append(fit([named[place, one] for one in mine], judge))
        # A relative that gives its sample away has this animal's instead.
        other.append(fit([shares.pair(sample, place if one == sample else one) for one in mine], judge))
    swap = Swap(key[0], key[1], (own[0], own[1]), (other[0], other[1]))
    clear = any(one.against for one in own) and not any(one.against for one in other)
    left = sum(one.opposing for one in other)
    return swap if clear and all(one.relatives for one in other) and left * CLEARER <= swap.gain + left else None


def fit(counts: Iterable[tuple[int, int]], judge: Judge) -> Fit:
    """The sum of (opposing, compared) of a sample and relatives."""
    usable = [one for one in counts if one[1] >= MIN_LOCI]
    against = sum(judge.speaks_against(*one) for one in usable)
    return Fit(len(usable), against, sum(one[1] for one in usable), sum(one[0] for one in usable))
