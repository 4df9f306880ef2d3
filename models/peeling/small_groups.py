"""Which groups of relatives go through `lander_green`, and their data in its form."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.anchors import Anchors
from models.peeling.families import Families
from models.peeling.lander_green import MOST_STATES, Ways, chain, ways
from models.peeling.pedigree import Pedigree
from models.peeling.penetrance import Penetrance
from models.peeling.sweeper import in_threads

MOST_TERMS: Final = 2e9  # of all groups and loci together: some seconds


def small_groups(
    pedigree: Pedigree, families: Families, group: NDArray[np.int64], loci: int, single: NDArray[np.bool_]
) -> list[Ways]:
    """Groups of relatives with data that are small enough, those with the fewest terms first."""
    order = np.argsort(group, kind="stable")
    found: list[Ways] = []
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if 2 < len(members) < 40 and families.telling[members].any():
            one = ways(pedigree, members, single)
            if one is not None and loci << one.meioses <= MOST_STATES:
                found.append(one)
    found.sort(key=lambda one: one.terms)
    work = np.cumsum([float(loci) * 2.0**one.terms for one in found])
    return found[: int(np.searchsorted(work, MOST_TERMS, side="right"))]


def posteriors(
    groups: Sequence[Ways],
    penetrance: Penetrance,
    column: NDArray[np.int64],
    families: Families,
    anchors: Anchors,
    prior: NDArray[np.float32],
    prior_column: NDArray[np.int32],
    freq: NDArray[np.float64],
    r: NDArray[np.float64],
    single: NDArray[np.bool_],
    threads: int | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Exact genotype probabilities.

    Args:
        groups: of relatives.
        penetrance: (L, S) observations.
        column: (N,) column of each animal in it, -1 without.
        families: of N animals.
        anchors: loci numbered as in `penetrance`.
        prior: (L, P, 4) prior probabilities of founders that have their own.
        prior_column: (N,) column of each animal in it, -1 for allele frequencies.
        freq: (L,) ALT frequencies.
        r: (L - 1,) recombination fractions.
        single: (N,) animals of one gamete.
        threads: None takes every core.

    Returns:
        (n,) animals and their (L, n, 4) probabilities.
    """
    animals = np.concatenate([np.empty(0, np.int64), *(one.animals for one in groups)])
    out = np.empty((len(freq), len(animals), 4), np.float32)
    of_slot = np.concatenate([np.empty(0, np.int32), *(families.children(f) for f in range(len(families.sire)))])
    q = 1 - freq
    hardy_weinberg = np.stack([q * q, q * freq, q * freq, freq * freq], axis=1)
    one_gamete = np.stack([q, 0 * q, 0 * q, freq], axis=1)

    def peel(one: Ways, first: int) -> None:
        data = np.ones((len(freq), len(one.animals), 4))
        own_prior = np.repeat(hardy_weinberg[:, None], one.founders, axis=1)
        place = {int(animal): k for k, animal in enumerate(one.animals.tolist())}
        for animal, k in place.items():
            if column[animal] >= 0:
                data[:, k] = penetrance.table[penetrance.index[:, column[animal]]]
            if single[animal]:
                data[:, k, 1:3] = 0
            if k < one.founders and prior_column[animal] >= 0:
                own_prior[:, k] = prior[:, prior_column[animal]]
            elif k < one.founders and single[animal]:
                own_prior[:, k] = one_gamete
        for locus, animal in anchors.cells.tolist():
            if animal in place:
                data[locus, place[animal]] *= [1, 2, 0, 1]
        masks = []
        for locus, slot, mask in zip(anchors.locus, anchors.slot, anchors.mask, strict=True):
            if int(of_slot[slot]) in place:
                masks.append(_mask_of_ways(one, int(locus), place[int(of_slot[slot])] - one.founders, mask))
        table = np.array(masks).reshape(len(masks), 2 + (1 << one.meioses))
        found = np.empty((len(freq), len(one.animals), 4), np.float32)
        chain(data, own_prior, freq, r, one.founders, one.single, one.bits, one.start, one.haplotype, table, found)
        out[:, first : first + len(one.animals)] = found

    starts = np.cumsum([0, *(len(one.animals) for one in groups)]).tolist()
    in_threads([partial(peel, one, start) for one, start in zip(groups, starts, strict=False)], threads)
    return animals, out


def _mask_of_ways(one: Ways, locus: int, child: int, mask: NDArray[np.float32]) -> NDArray[np.float64]:
    """A row of `chain`'s masks from an anchored meiosis's (4,) mask."""
    way = np.arange(1 << one.meioses) >> int(one.bits[child + 1 :].sum())
    state = {3: way & 3, 2: 2 * (way & 1), 1: way & 1}[int(one.both[child])]
    return np.concatenate([[locus, 0], mask[state]])
