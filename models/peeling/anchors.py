"""Anchors: which haplotype is called paternal where the data cannot tell.

A founder's two haplotypes may change places in every likelihood, and so may two untyped founders that have offspring
only with each other. Uniform segregation then is a fixed point that no iteration leaves. Naming the haplotypes at one
locus costs nothing (each choice is as likely as its mirror image) and breaks the symmetry:

* a typed founder is phased at one heterozygous locus near the middle, where homozygous offspring say which haplotype
  they have of it: where all are heterozygous as well, the name would not reach the loci beside it;
* an untyped founder's haplotype that one typed child carries near the middle is called its paternal one;
* an untyped animal of untyped parents who have no other offspring with data, as an F1, is taken for such a founder;
* of two exchangeable untyped parents, the one that gave ALT to a child at a heterozygous locus is called the sire.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.families import Families
from models.peeling.metafounders import Origins
from models.peeling.penetrance import Penetrance

NEAR: Final = 64  # heterozygous loci around the middle that are looked at
RELATIVES: Final = 16  # the best typed


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """What was named.

    Attributes:
        cells: (A', 2) int64 locus and animal of each heterozygote that is taken for aA.
        locus: (A,) int64.
        slot: (A,) int64 columns of the segregation array.
        mask: (A, 4) float32, 0 for what is ruled out there.
    """

    cells: NDArray[np.int64]
    locus: NDArray[np.int64]
    slot: NDArray[np.int64]
    mask: NDArray[np.float32]

    def cells_among(self, rows: NDArray[np.int64], kept: NDArray[np.int64]) -> NDArray[np.int64]:
        """(A'', 2) cells of the loci `rows`, numbered within them; `kept` are the loci that the anchors count."""
        locus = kept[self.cells[:, 0]]
        place = np.minimum(np.searchsorted(rows, locus), len(rows) - 1)
        found = rows[place] == locus
        return np.stack([place[found], self.cells[found, 1]], axis=1)

    def apply(self, seg: NDArray[np.float32]) -> None:
        """Rule out the other haplotype in (L, C, 4) segregation or its evidence."""
        if len(self.locus):
            kept = seg[self.locus, self.slot] * self.mask
            seg[self.locus, self.slot] = kept / np.maximum(kept.sum(axis=1, keepdims=True), np.float32(1e-12))


def no_anchors() -> Anchors:
    """Nothing is named."""
    none = np.empty(0, np.int64)
    return Anchors(none.reshape(0, 2), none, none, np.empty((0, 4), np.float32))


def anchor(
    penetrance: Penetrance,
    column: NDArray[np.int64],
    families: Families,
    key: NDArray[np.int64],
    single: NDArray[np.bool_],
    origins: Origins | None = None,
) -> Anchors:
    """Break every symmetry of phase.

    Args:
        penetrance: (L, S) observations.
        column: (N,) column of each animal in it, -1 for those without.
        families: of N animals.
        key: (N,) of the animals, see `keys`: chooses among children that are equally well typed.
        single: (N,) animals of one gamete, whose haplotypes need no name.
        origins: of founders by metafounders; where these tell haplotypes apart they are not named again.

    Returns:
        One heterozygote to phase per typed founder and per pair of exchangeable parents, and the anchored meioses of
        untyped founders.
    """
    index = penetrance.index
    loci = len(index)
    het, sure = penetrance.heterozygous, penetrance.homozygous
    seen = np.zeros(len(column), np.int64)
    seen[column >= 0] = penetrance.observed.sum(axis=0)[column[column >= 0]]
    masks: dict[tuple[int, int], NDArray[np.float32]] = {}
    cells: list[tuple[int, int]] = []

    def phase(animal: int, relatives: Sequence[int]) -> bool:
        """Phase an animal where most of its relatives with data, children or full sibs, are homozygous."""
        if column[animal] < 0 or single[animal]:
            return False
        found = np.flatnonzero(het[index[:, column[animal]]])
        if not len(found):
            return False
        near = found[np.argsort(np.abs(found - loci // 2), kind="stable")[:NEAR]]
        typed = np.array([one for one in relatives if seen[one] and one != animal], np.int64)
        best_typed = typed[np.lexsort((key[typed], seen[typed]))[-RELATIVES:]]
        telling = sure[index[near[:, None], column[best_typed]]].sum(axis=1)
        cells.append((int(near[np.argmax(telling)]), animal))
        return True

    same = origins or Origins(np.zeros(len(column), bool), np.zeros(len(column) + 1, np.int64))
    single = single | same.crossed
    first = _like_founders(families, seen, single, same)
    role: dict[int, int] = {}
    # Of each founder: its best-typed child's observations, key, itself and slot.
    best: dict[int, tuple[int, int, int, int]] = {}
    offspring: dict[int, list[int]] = {}
    mates: dict[int, set[int]] = {}
    for f, (sire, dam) in enumerate(zip(families.sire.tolist(), families.dam.tolist(), strict=True)):
        for parent, mate in ((sire, dam), (dam, sire)):
            if parent < 0:
                continue
            mates.setdefault(parent, set()).add(mate if mate >= 0 else -1 - f)  # unknown mates are not one
            offspring.setdefault(parent, []).extend(families.children(f).tolist())
            if not first[parent] or single[parent]:
                continue
            for place, child in enumerate(families.children(f).tolist()):
                worth = int(seen[child]), int(key[child])
                if worth[0] and worth > best.get(parent, (0, 0))[:2]:
                    best[parent] = (*worth, child, int(families.first_slot[f]) + place)
                    role[parent] = 0 if parent == sire else 1
    for founder in np.flatnonzero(first).tolist():
        if phase(founder, offspring.get(founder, [])) or founder not in best:
            continue
        _, _, child, slot = best[founder]
        typed = np.flatnonzero(index[:, column[child]] % penetrance.size)
        locus = int(typed[np.argmin(np.abs(typed - loci // 2))])
        rule = np.array([1, 1, 0, 0] if role[founder] == 0 else [1, 0, 1, 0], np.float32)
        masks[locus, slot] = masks.get((locus, slot), np.ones(4, np.float32)) * rule
    for f, (sire, dam) in enumerate(zip(families.sire.tolist(), families.dam.tolist(), strict=True)):
        unseen = [
            p < 0 or (families.founder[p] and seen[p] == 0 and len(mates[p]) == 1 and not single[p])
            for p in (sire, dam)
        ]
        if all(unseen) and sire != dam and same.code[sire] == same.code[dam] and families.told[f]:
            children = families.children(f)
            phase(int(children[np.lexsort((key[children], seen[children]))[-1]]), children.tolist())
    rows = np.array(list(masks), np.int64).reshape(-1, 2)
    mask = np.array(list(masks.values()), np.float32).reshape(-1, 4)
    return Anchors(np.array(cells, np.int64).reshape(-1, 2), rows[:, 0], rows[:, 1], mask)


def _like_founders(
    families: Families, seen: NDArray[np.int64], single: NDArray[np.bool_], same: Origins
) -> NDArray[np.bool_]:
    """(N,) founders, and untyped animals above whom nothing tells the paternal haplotype from the maternal."""
    out = families.founder.copy()
    offspring = np.zeros(len(out) + 1, np.int64)  # telling ones; the last is for parent -1
    for parents in (families.sire, families.dam):
        np.add.at(offspring, parents, families.told)
    offspring[-1] = 0
    for sire, dam, f in zip(families.sire.tolist(), families.dam.tolist(), range(len(families.sire)), strict=True):
        unseen = [
            p < 0 or (families.founder[p] and seen[p] == 0 and offspring[p] == 1 and not single[p]) for p in (sire, dam)
        ]
        if all(unseen) and sire != dam and same.code[sire] == same.code[dam] and families.told[f] == 1:
            child = int(families.children(f)[0])
            out[child] |= seen[child] == 0
    return out
