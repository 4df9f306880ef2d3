"""Which groups of relatives go through `lander_green`, and their data in its form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """What is known of the animals of small groups.

    Attributes:
        animals: (n,) int64 rows of the pedigree.
        gp4: (L, n, 4) float32 probabilities of their phased genotypes.
        seg: (2, L, n, 4) float32 segregation, a quarter each for founders: by the other loci alone, and by all.
    """

    animals: NDArray[np.int64]
    gp4: NDArray[np.float32]
    seg: NDArray[np.float32]


def no_small_groups(loci: int) -> Exact:
    """No animals, at so many loci."""
    none = np.empty((loci, 0, 4), np.float32)
    return Exact(np.empty(0, np.int64), none, np.stack([none, none]))


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
) -> Exact:
    """Exact genotype probabilities and segregation.

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
    """
    animals = np.concatenate([np.empty(0, np.int64), *(one.animals for one in groups)])
    out = np.empty((len(freq), len(animals), 4), np.float32)
    seg = np.full((2, *out.shape), 0.25, np.float32)
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
        mine = np.flatnonzero(np.isin(of_slot[anchors.slot], one.animals))
        mine = mine[np.argsort(anchors.locus[mine], kind="stable")]
        masked = np.searchsorted(anchors.locus[mine], np.arange(len(freq) + 1))
        child = np.array([place[int(a)] - one.founders for a in of_slot[anchors.slot[mine]]], np.int64)
        found = np.empty((len(freq), len(one.animals), 4), np.float32)
        told = np.zeros((2, len(freq), len(one.bits), 4), np.float32)
        chain(data, own_prior, freq, r, one.founders, one.single, one.bits, one.both, one.start, one.haplotype,
              masked, child, anchors.mask[mine].astype(np.float64), found, told)  # fmt: skip
        out[:, first : first + len(one.animals)] = found
        seg[:, :, first + one.founders : first + len(one.animals)] = told

    starts = np.cumsum([0, *(len(one.animals) for one in groups)]).tolist()
    in_threads([partial(peel, one, start) for one, start in zip(groups, starts, strict=False)], threads)
    return Exact(animals, out, seg)
