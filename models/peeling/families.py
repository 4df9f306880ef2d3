"""Full-sib families in the order of peeling, and which animals can tell anything about others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.peeling.pedigree import Pedigree


@dataclass(frozen=True, slots=True, eq=False)
class Families:
    """F full-sib families, those of parents before those of their offspring.

    A child with one known parent is a family of its own: its other parent is an unrelated, unseen animal.

    Attributes:
        sire: (F,) int32 animal, -1 unknown.
        dam: (F,) int32 animal, -1 unknown; the same animal as the sire after selfing.
        start: (F + 1,) int32 first place of each family in `child`.
        told: (F,) int32, the first so many children of each family tell something, the others nothing.
        child: (C,) int32 animals.
        first_slot: (F,) int32 column of the family's first child in the segregation array; the telling ones follow.
        founder: (N,) bool, animals without known parents.
        telling: (N,) bool, observed animals and those with an observed descendant.
        slots: number of columns of the segregation array.
    """

    sire: NDArray[np.int32]
    dam: NDArray[np.int32]
    start: NDArray[np.int32]
    told: NDArray[np.int32]
    child: NDArray[np.int32]
    first_slot: NDArray[np.int32]
    founder: NDArray[np.bool_]
    telling: NDArray[np.bool_]
    slots: int

    def children(self, f: int) -> NDArray[np.int32]:
        """The telling children of a family."""
        return self.child[self.start[f] : self.start[f] + self.told[f]]

    def of_slots(self, value: NDArray[np.int64], slots: int) -> NDArray[np.int64]:
        """(slots,) values of the telling children in the order of the segregation array's columns, from (N,)."""
        out = np.zeros(slots, np.int64)
        for f, (first, told) in enumerate(zip(self.first_slot.tolist(), self.told.tolist(), strict=True)):
            out[first : first + told] = value[self.children(f)]
        return out

    def slots_of(self, animals: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns of the segregation array of those of (n,) animals that have one, and their places among them."""
        slots = np.full(len(self.telling), -1, np.int64)
        for f, first in enumerate(self.first_slot.tolist()):
            slots[self.children(f)] = np.arange(first, first + self.told[f])
        places = np.flatnonzero(slots[animals] >= 0)
        return slots[animals[places]], places

    def among(self, animals: NDArray[np.int64], told_only: bool) -> Families:
        """The families of whole groups of relatives, their members numbered by their place in `animals`.

        Args:
            animals: (M,) members, with all their relatives.
            told_only: leave out the children that tell nothing; then `animals` are the telling members.
        """
        number = np.full(len(self.telling) + 1, -1, np.int32)  # the last one is for parent -1
        number[animals] = np.arange(len(animals))
        size = self.told if told_only else np.diff(self.start)
        kept = np.flatnonzero((size > 0) & (number[self.child[self.start[:-1]]] >= 0))
        child = [self.child[self.start[f] : self.start[f] + size[f]] for f in kept.tolist()]
        return Families(
            sire=number[self.sire[kept]],
            dam=number[self.dam[kept]],
            start=np.cumsum([0, *size[kept].tolist()]).astype(np.int32),
            told=self.told[kept],
            child=number[np.concatenate([*child, np.empty(0, np.int32)])],
            first_slot=self.first_slot[kept],
            founder=self.founder[animals],
            telling=self.telling[animals],
            slots=self.slots,
        )


def telling_animals(pedigree: Pedigree, typed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) animals of a pedigree that are `typed`, (N,), or have such a descendant."""
    telling = typed.copy()
    for animal in pedigree.order[::-1].tolist():
        if telling[animal]:
            for parent in (pedigree.sire[animal], pedigree.dam[animal]):
                if parent >= 0:
                    telling[parent] = True
    return telling


def full_sib_families(pedigree: Pedigree, typed: NDArray[np.bool_]) -> Families:
    """Group the children of a pedigree.

    Args:
        pedigree: N animals.
        typed: (N,) animals with any observation.
    """
    sire, dam = pedigree.sire, pedigree.dam
    place = np.empty(len(pedigree), np.int64)
    place[pedigree.order] = np.arange(len(pedigree))
    telling = telling_animals(pedigree, typed)
    generation = np.zeros(len(pedigree), np.int64)
    groups: dict[tuple[int, int, int], list[int]] = {}
    for animal in pedigree.order.tolist():
        s, d = int(sire[animal]), int(dam[animal])
        if s < 0 and d < 0:
            continue
        generation[animal] = 1 + max(generation[s] if s >= 0 else 0, generation[d] if d >= 0 else 0)
        groups.setdefault((s, d, -1 if s >= 0 and d >= 0 else animal), []).append(animal)
    ordered = sorted(groups.items(), key=lambda group: (generation[group[1][0]], place[group[1][0]]))
    groups_told = [[a for a in group if telling[a]] for _, group in ordered]
    told = np.array([len(group) for group in groups_told], np.int32)
    untold = [[a for a in group if not telling[a]] for _, group in ordered]
    child = [animal for pair in zip(groups_told, untold, strict=True) for group in pair for animal in group]
    return Families(
        sire=np.array([key[0] for key, _ in ordered], np.int32),
        dam=np.array([key[1] for key, _ in ordered], np.int32),
        start=np.cumsum([0, *(len(group) for _, group in ordered)]).astype(np.int32),
        told=told,
        child=np.array(child, np.int32),
        first_slot=(np.cumsum(told) - told).astype(np.int32),
        founder=(sire < 0) & (dam < 0),
        telling=telling,
        slots=int(told.sum()),
    )
