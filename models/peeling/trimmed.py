"""The part of a pedigree that data can tell about, and what follows from it for the rest.

Untyped founders whose only offspring with data is one animal tell nothing that the population would not: that animal
is a founder itself, and so on downwards. Peeling the pedigree without such ancestors names its founders where data are,
and leaves fewer meioses to `lander_green`. The genotypes of what was cut off follow from those of the animals below it,
exactly, for there is no evidence on the other side.

Two untyped parents who have offspring only with each other may change places in every likelihood. `anchors` names one
of them the sire, which is as often wrong as right: their genotypes are given as the mean over both ways.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.families import Families, full_sib_families, telling_animals
from models.peeling.pedigree import Pedigree
from models.peeling.sweeper import Effort, Sweepers, Work

_EFFORT: Final = Effort(40, 1e-6)
_ROWS: Final = 60_000  # of a table of likelihoods, which uint16 numbers
_CUT: Final = 30_000  # animals whose ancestors are filled in together
_RAREST: Final = 1e-9
_NO_CELLS: Final = np.empty((0, 2), np.int64)


def trimmed(pedigree: Pedigree, typed: NDArray[np.bool_]) -> tuple[Pedigree, NDArray[np.int64]]:
    """Cut off the ancestors who tell nothing.

    Args:
        pedigree: N animals; with metafounders, ancestors tell which group alleles come from, and nothing is cut.
        typed: (N,) animals with data.

    Returns:
        The pedigree in which some animals have lost their parents, and the rows of these.
    """
    if pedigree.metafounders is not None:
        return pedigree, np.empty(0, np.int64)
    sire, dam = pedigree.sire.copy(), pedigree.dam.copy()
    telling = telling_animals(pedigree, typed)
    offspring = np.zeros(len(pedigree) + 1, np.int64)  # with data; the last is for parent -1
    for parents in (sire, dam):
        np.add.at(offspring, parents, telling)
    cut: list[int] = []
    for animal in pedigree.order.tolist():
        above = {int(sire[animal]), int(dam[animal])} - {-1}
        alone = sire[animal] != dam[animal] and all(
            not typed[p] and offspring[p] == 1 and sire[p] < 0 and dam[p] < 0 for p in above
        )
        if alone and telling[animal]:
            sire[animal] = dam[animal] = -1
            cut.append(animal)
    return replace(pedigree, sire=sire, dam=dam) if cut else pedigree, np.array(cut, np.int64)


def exchangeable(families: Families, typed: NDArray[np.bool_], single: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(K, 2) pairs of untyped founders, of two gametes, who have offspring with data with each other alone."""
    mates: dict[int, int] = {}  # families with such offspring
    for parents in (families.sire, families.dam):
        for parent in parents[families.told > 0].tolist():
            mates[parent] = mates.get(parent, 0) + 1
    free = families.founder & ~typed & ~single
    found = [
        (s, d)
        for s, d, told in zip(families.sire.tolist(), families.dam.tolist(), families.told.tolist(), strict=True)
        if told and min(s, d) >= 0 and s != d and free[s] and free[d] and mates[s] == mates[d] == 1
    ]
    return np.array(found, np.int64).reshape(-1, 2)


class Completion:
    """Probabilities of the whole pedigree from those of the trimmed one, in which exchangeable parents have names."""

    def __init__(
        self,
        pedigree: Pedigree,
        cut: NDArray[np.int64],
        families: Families,
        typed: NDArray[np.bool_],
        single: NDArray[np.bool_],
        apart: bool = False,
    ) -> None:
        """Prepare.

        Args:
            pedigree: N animals, whole.
            cut: (K,) rows that `trimmed` gave.
            families: of the trimmed pedigree.
            typed: (N,) animals with data.
            single: (N,) animals of one gamete.
            apart: something besides the data tells parents apart, as priors of their own do.
        """
        apart |= pedigree.metafounders is not None
        self._pairs = np.empty((0, 2), np.int64) if apart else exchangeable(families, typed, single)
        parents = set(np.concatenate([pedigree.sire[cut], pedigree.dam[cut]]).tolist())
        lowest = [animal for animal in cut.tolist() if animal not in parents]
        self._fringes = [
            _Fringe(pedigree, lowest[first : first + _CUT], set(cut.tolist()), telling_animals(pedigree, typed), single)
            for first in range(0, len(lowest), _CUT)
        ]

    def fill(self, gp4: NDArray[np.float32], freq: NDArray[np.float64], threads: int | None) -> None:
        """Complete (V, N, 4) probabilities at loci of (V,) ALT frequencies, in place."""
        first, second = self._pairs.T
        gp4[:, first] = gp4[:, second] = (gp4[:, first] + gp4[:, second]) / 2
        for fringe in self._fringes:
            fringe.fill(gp4, freq, threads)


class _Fringe:
    """What was cut off above some animals: their ancestors, and animals without data who descend from these."""

    def __init__(
        self,
        pedigree: Pedigree,
        lowest: list[int],
        cut: set[int],
        telling: NDArray[np.bool_],
        single: NDArray[np.bool_],
    ) -> None:
        outer: set[int] = set()
        climbing = list(lowest)
        while climbing:
            child = climbing.pop()
            above = {int(p) for p in (pedigree.sire[child], pedigree.dam[child]) if p >= 0}
            outer |= above
            climbing += above & cut
        for animal in pedigree.order.tolist():
            if not telling[animal] and (pedigree.sire[animal] in outer or pedigree.dam[animal] in outer):
                outer.add(animal)
        inner = {int(p) for a in outer for p in (pedigree.sire[a], pedigree.dam[a]) if p >= 0}
        inner -= outer | set(lowest)
        self._cut = np.array(lowest, np.int64)
        self._outer, self._inner = np.array(sorted(outer), np.int64), np.array(sorted(inner), np.int64)
        members = np.concatenate([self._cut, self._outer, self._inner])
        number = np.full(len(pedigree) + 1, -1, np.int32)  # the last is for parent -1
        number[members] = np.arange(len(members))
        sire, dam = number[pedigree.sire[members]], number[pedigree.dam[members]]
        founder = np.isin(members, self._inner)
        sire[founder] = dam[founder] = -1
        order = number[pedigree.order]
        part = Pedigree([pedigree.ids[a] for a in members.tolist()], [""] * len(members), sire, dam,
                        pedigree.sex[members], pedigree.line[members], order[order >= 0], pedigree.hermaphrodite,
                        pedigree.doubled[members])  # fmt: skip
        self._single = single[members]
        column = np.where(np.arange(len(members)) < len(self._cut), np.arange(len(members)), -1)
        families = full_sib_families(part, column >= 0)
        self._slots = families.slots
        self._sweepers = Sweepers(families, column, self._single)
        self._prior_column = np.full(len(members), -1, np.int32)
        self._prior_column[founder] = np.arange(len(self._inner))

    def fill(self, gp4: NDArray[np.float32], freq: NDArray[np.float64], threads: int | None) -> None:
        """Set the probabilities of the animals cut off, in (V, N, 4), from those below; `freq` is (V,)."""
        cut = len(self._cut)
        step = max(1, _ROWS // max(1, cut))
        for first in range(0, len(gp4), step):
            part = gp4[first : first + step]
            p = np.clip(freq[first : first + step], _RAREST, 1 - _RAREST)[:, None]
            flat = np.stack([(1 - p) ** 2, p * (1 - p), p * (1 - p), p * p], axis=2)
            copied = np.stack([1 - p, np.ones_like(p), np.ones_like(p), p], axis=2)
            # Which of its haplotypes is the paternal one nobody knows of an animal whose ancestors tell nothing.
            below = (part[:, self._cut] + part[:, self._cut][..., [0, 2, 1, 3]]) / 2
            like = below / np.where(self._single[None, :cut, None], copied, flat)
            like /= np.maximum(like.max(axis=2, keepdims=True), 1e-30)
            table = np.concatenate([np.ones((1, 4)), like.reshape(-1, 4)])
            index = (1 + np.arange(len(part) * cut)).reshape(len(part), cut).astype(np.uint16)
            seg = np.full((len(part), self._slots, 4), 0.25, np.float32)
            out = np.empty((len(part), len(self._single), 4), np.float32)
            prior = np.ascontiguousarray(part[:, self._inner])
            work = Work(index, table, p[:, 0], seg, _NO_CELLS, prior, out, False, False)
            self._sweepers.run(False, work, self._prior_column, _EFFORT, threads)
            part[:, self._outer] = out[:, cut : cut + len(self._outer)]
