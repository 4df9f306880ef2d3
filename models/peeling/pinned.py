"""Founders with one or two children: their haplotypes are named all along the chromosome by what one child inherited.

Anchors name haplotypes at one locus. With three children or more the name carries on, since one crossover is likelier
than two at once. With one child nobody sees its crossovers, and with two nobody sees whose they are: away from the
anchor a founder's haplotypes lose their names, and phase that is known locally is uncertain in name only. Here the
first haplotype is the one that the child got, at every locus. A founder's loci are independent in peeling, so that
renaming them one by one changes no likelihood; of two children the other one then takes both children's crossovers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.peeling.anchors import Anchors
from models.peeling.families import Families
from models.peeling.metafounders import Origins

MOST_CHILDREN = 2


def pinned(
    anchors: Anchors, families: Families, typed: NDArray[np.bool_], loci: int, origins: Origins | None = None
) -> Anchors:
    """The anchors with one meiosis of each founder with few children pinned at all loci.

    Args:
        anchors: as `anchor` gave them.
        families: of N animals.
        typed: (N,) animals with data.
        loci: at which segregation is learned.
        origins: of founders by metafounders; haplotypes that these tell apart have their names.
    """
    meioses: dict[int, list[tuple[bool, int, bool]]] = {}  # of each founder: child untyped, slot, from the dam
    for f, (sire, dam) in enumerate(zip(families.sire.tolist(), families.dam.tolist(), strict=True)):
        for parent, from_dam in ((sire, False), (dam, True)):
            if parent < 0 or not families.founder[parent] or (sire == dam and from_dam):
                continue
            if origins is not None and origins.crossed[parent]:
                continue
            for place, child in enumerate(families.children(f).tolist()):
                slot = int(families.first_slot[f]) + place
                meioses.setdefault(parent, []).append((not typed[child], slot, from_dam))
    named = {founder: min(found) for founder, found in meioses.items() if len(found) <= MOST_CHILDREN}
    if not named:
        return anchors
    cells = anchors.cells[~np.isin(anchors.cells[:, 1], list(named))]
    rules: dict[int, NDArray[np.float32]] = {}
    for _, slot, from_dam in named.values():
        rule = np.array([1, 0, 1, 0] if from_dam else [1, 1, 0, 0], np.float32)
        rules[slot] = rules.get(slot, np.ones(4, np.float32)) * rule
    # An anchor of a pinned meiosis named the same haplotype at one locus; other anchors stay.
    kept = np.array([not _names_only(mask, rules.get(slot)) for slot, mask in
                     zip(anchors.slot.tolist(), anchors.mask, strict=True)], bool)  # fmt: skip
    every = np.arange(loci, dtype=np.int64)
    masks = np.array(list(rules.values()), np.float32)
    return Anchors(
        cells,
        np.concatenate([anchors.locus[kept], np.tile(every, len(rules))]),
        np.concatenate([anchors.slot[kept], np.repeat(np.array(list(rules), np.int64), loci)]),
        np.concatenate([anchors.mask[kept], np.repeat(masks, loci, axis=0)]),
    )


def _names_only(mask: NDArray[np.float32], rule: NDArray[np.float32] | None) -> bool:
    """Whether a pinned meiosis makes an anchor superfluous."""
    return rule is not None and bool((mask >= rule).all())
