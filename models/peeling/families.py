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
        child: (C,) int32 animals.
        slot: (C,) int32 column of each child in the segregation array, -1 for those that tell nothing.
        founder: (N,) bool, animals without known parents.
        slots: number of columns of the segregation array.
        slot_animal: (slots,) int32 animal of each column.
    """

    sire: NDArray[np.int32]
    dam: NDArray[np.int32]
    start: NDArray[np.int32]
    child: NDArray[np.int32]
    slot: NDArray[np.int32]
    founder: NDArray[np.bool_]
    slots: int
    slot_animal: NDArray[np.int32]


def full_sib_families(pedigree: Pedigree, typed: NDArray[np.bool_]) -> Families:
    """Group the children of a pedigree.

    Args:
        pedigree: N animals.
        typed: (N,) animals with any observation.
    """
    sire, dam = pedigree.sire, pedigree.dam
    place = np.empty(len(pedigree), np.int64)
    place[pedigree.order] = np.arange(len(pedigree))
    telling = typed.copy()  # observed, or with an observed descendant
    for animal in pedigree.order[::-1].tolist():
        if telling[animal]:
            for parent in (sire[animal], dam[animal]):
                if parent >= 0:
                    telling[parent] = True
    generation = np.zeros(len(pedigree), np.int64)
    groups: dict[tuple[int, int, int], list[int]] = {}
    for animal in pedigree.order.tolist():
        s, d = int(sire[animal]), int(dam[animal])
        if s < 0 and d < 0:
            continue
        generation[animal] = 1 + max(generation[s] if s >= 0 else 0, generation[d] if d >= 0 else 0)
        groups.setdefault((s, d, -1 if s >= 0 and d >= 0 else animal), []).append(animal)
    ordered = sorted(groups.items(), key=lambda group: (generation[group[1][0]], place[group[1][0]]))
    child = np.array([animal for _, group in ordered for animal in group], np.int32)
    slot = np.full(len(child), -1, np.int32)
    told = telling[child]
    slot[told] = np.arange(int(told.sum()))
    return Families(
        sire=np.array([key[0] for key, _ in ordered], np.int32),
        dam=np.array([key[1] for key, _ in ordered], np.int32),
        start=np.cumsum([0, *(len(group) for _, group in ordered)]).astype(np.int32),
        child=child,
        slot=slot,
        founder=(sire < 0) & (dam < 0),
        slots=int(told.sum()),
        slot_animal=child[told],
    )
