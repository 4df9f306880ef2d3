"""Anchors: which haplotype is called paternal where the data cannot tell.

A founder's two haplotypes may change places in every likelihood, and so may two untyped founders that have offspring
only with each other. Uniform segregation then is a fixed point that no iteration leaves. Naming the haplotypes at one
locus costs nothing (each choice is as likely as its mirror image) and breaks the symmetry:

* a typed founder is phased at one heterozygous locus near the middle;
* an untyped founder's haplotype that one typed child carries near the middle is called its paternal one;
* of two exchangeable untyped parents, the one that gave ALT to a child at a heterozygous locus is called the sire.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.peeling.families import Families
from models.peeling.penetrance import Penetrance


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """Anchored meioses.

    Attributes:
        locus: (A,) int64.
        slot: (A,) int64 columns of the segregation array.
        mask: (A, 4) float32, 0 for what is ruled out there.
    """

    locus: NDArray[np.int64]
    slot: NDArray[np.int64]
    mask: NDArray[np.float32]

    def apply(self, seg: NDArray[np.float32]) -> None:
        """Rule out the other haplotype in (L, C, 4) segregation or its evidence."""
        if len(self.locus):
            kept = seg[self.locus, self.slot] * self.mask
            seg[self.locus, self.slot] = kept / np.maximum(kept.sum(axis=1, keepdims=True), np.float32(1e-12))


def anchor(penetrance: Penetrance, families: Families) -> tuple[Penetrance, Anchors]:
    """Break every symmetry of phase.

    Returns:
        The penetrances with one heterozygote phased per typed founder and per pair of exchangeable parents, and the
        anchored meioses of untyped founders.
    """
    loci, animals = penetrance.index.shape
    het = penetrance.heterozygous
    observed = penetrance.observed
    seen = observed.sum(axis=0)
    index = penetrance.index.copy()
    masks: dict[tuple[int, int], NDArray[np.float32]] = {}

    def phase(animal: int) -> bool:
        found = np.flatnonzero(het[index[:, animal]])
        if not len(found):
            return False
        locus = int(found[np.argmin(np.abs(found - loci // 2))])
        index[locus, animal] += np.uint16(penetrance.size)
        return True

    role = np.full(animals, -1, np.int64)
    best: dict[int, tuple[int, int]] = {}  # of each founder: its best-typed child's observations and place
    mates: dict[int, set[int]] = {}
    for f, (sire, dam) in enumerate(zip(families.sire.tolist(), families.dam.tolist(), strict=True)):
        for parent, mate in ((sire, dam), (dam, sire)):
            if parent < 0:
                continue
            mates.setdefault(parent, set()).add(mate)
            if not families.founder[parent]:
                continue
            for place in range(families.start[f], families.start[f + 1]):
                found = (int(seen[families.child[place]]), place)
                if families.slot[place] >= 0 and found[0] > best.get(parent, (0, 0))[0]:
                    best[parent] = found
                    role[parent] = 0 if parent == sire else 1
    for founder in np.flatnonzero(families.founder).tolist():
        if phase(founder) or founder not in best:
            continue
        _, place = best[founder]
        typed = np.flatnonzero(observed[:, families.child[place]])
        locus = int(typed[np.argmin(np.abs(typed - loci // 2))])
        rule = np.array([1, 1, 0, 0] if role[founder] == 0 else [1, 0, 1, 0], np.float32)
        key = (locus, int(families.slot[place]))
        masks[key] = masks.get(key, np.ones(4, np.float32)) * rule
    for f, (sire, dam) in enumerate(zip(families.sire.tolist(), families.dam.tolist(), strict=True)):
        unseen = [p < 0 or (families.founder[p] and seen[p] == 0 and len(mates[p]) == 1) for p in (sire, dam)]
        if all(unseen) and sire != dam:
            children = families.child[families.start[f] : families.start[f + 1]]
            phase(int(children[np.argmax(seen[children])]))
    rows = np.array(list(masks), np.int64).reshape(-1, 2)
    mask = np.array(list(masks.values()), np.float32).reshape(-1, 4)
    return replace(penetrance, index=index), Anchors(rows[:, 0], rows[:, 1], mask)
