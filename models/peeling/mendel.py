"""Calls that Mendel's laws forbid: by trio, locus and animal, and parents that the genotypes speak against.

A parent and its offspring cannot be opposite homozygotes, so the share of such loci tells a wrong parent from a few
wrong calls. Nothing is removed here: what is found is for the report.

Sources: Hayes 2011, J Dairy Sci 94:2114 (parentage by opposing homozygotes); Wiggans et al. 2010, J Dairy Sci 93:2287
(thresholds on the share of conflicts).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.pedigree import Pedigree

MAX_OPPOSING: Final = 0.01  # share of opposing homozygotes that wrong calls alone do not reach
MIN_LOCI: Final = 20  # compared loci below which nothing is said of a pair
MAX_CHANCE: Final = 1e-3  # chance of so many opposing homozygotes, over all pairs, below which a pair is suspicious
BACKGROUND: Final = 0.002  # least share of opposing homozygotes taken for wrong calls
_BLOCK: Final = 4 << 20  # genotypes compared at once


def _impossible() -> NDArray[np.bool_]:
    """[sire, dam, child], dosages with -1 (unknown) last: whether the three cannot be together."""
    gametes = {0: {0}, 1: {0, 1}, 2: {1}, -1: {0, 1}}
    out = np.zeros((4, 4, 4), bool)
    for sire in gametes:
        for dam in gametes:
            for child in range(3):
                out[sire, dam, child] = all(a + b != child for a in gametes[sire] for b in gametes[dam])
    return out


_IMPOSSIBLE: Final = _impossible()


@dataclass(frozen=True, slots=True)
class Pair:
    """A parent and an offspring, by row of the pedigree."""

    parent: int
    child: int
    role: str  # sire, dam
    compared: int  # loci at which both are called
    opposing: int  # loci at which they are opposite homozygotes
    unrelated: float  # share of opposing homozygotes expected of strangers
    suspicious: bool

    @property
    def share(self) -> float:
        """Share of opposing homozygotes."""
        return self.opposing / self.compared if self.compared else 0.0


@dataclass(frozen=True, slots=True)
class Judge:
    """Tells opposite homozygotes of strangers from wrong calls.

    Attributes:
        usual: share of opposing homozygotes of most parents and offspring of the same data, at least `BACKGROUND`.
        tests: pairs that are judged.
        limit: share below which nothing is said.
    """

    usual: float
    tests: int
    limit: float = MAX_OPPOSING

    def speaks_against(self, opposing: int, compared: int) -> bool:
        """Whether a pair with so many opposite homozygotes cannot be parent and offspring."""
        return (
            compared >= MIN_LOCI
            and opposing > self.limit * compared
            and chance_of_more(opposing, compared, self.usual) * self.tests < MAX_CHANCE
        )


class MendelTally:
    """Counts over the chromosomes of a pedigree."""

    def __init__(self, pedigree: Pedigree) -> None:
        """Start at nothing."""
        self._pedigree = pedigree
        self.children = np.flatnonzero((pedigree.sire >= 0) | (pedigree.dam >= 0))
        count = len(self.children)
        self.trio_compared = np.zeros(count, np.int64)  # loci at which child and both parents are called
        self.trio_errors = np.zeros(count, np.int64)
        self._compared = {role: np.zeros(count, np.int64) for role in ("sire", "dam")}
        self._opposing = {role: np.zeros(count, np.int64) for role in ("sire", "dam")}
        self._unrelated = 0.0
        self._loci = 0
        self.animal_errors = np.zeros(len(pedigree), np.int64)  # child, sire or dam of an impossible trio or pair
        self.called = np.zeros(len(pedigree), np.int64)  # loci called
        self.loci = 0

    def add(
        self, dosage: NDArray[np.int8], pedigree: Pedigree | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Count the loci of a chromosome or a part of one.

        Args:
            dosage: (L, N) ALT alleles, -1 where not called; animals of one gamete are homozygous.
            pedigree: where these loci are inherited otherwise, as those of X are.

        Returns:
            (L,) children with a called parent, and (L,) those of them that are impossible.
        """
        testable, errors = np.zeros(len(dosage), np.int64), np.zeros(len(dosage), np.int64)
        step = max(1, _BLOCK // max(1, dosage.shape[1]))
        for first in range(0, len(dosage), step):
            rows = slice(first, first + step)
            testable[rows], errors[rows] = self._add(dosage[rows], pedigree or self._pedigree)
        return testable, errors

    def _add(self, dosage: NDArray[np.int8], p: Pedigree) -> tuple[NDArray[Any], NDArray[Any]]:
        known = dosage >= 0
        self.called += known.sum(axis=0)
        self.loci += len(dosage)
        self._add_unrelated(dosage, known)
        child = dosage[:, self.children]
        sire, dam = self._of(p.sire, dosage), self._of(p.dam, dosage)
        wrong = np.asarray(_IMPOSSIBLE[sire, dam, child])
        both = (sire >= 0) & (dam >= 0) & (child >= 0)
        self.trio_compared += both.sum(axis=0)
        self.trio_errors += (wrong & both).sum(axis=0)
        for role, parent in (("sire", sire), ("dam", dam)):
            self._compared[role] += ((parent >= 0) & (child >= 0)).sum(axis=0)
            self._opposing[role] += (parent + child == 2).sum(axis=0) - ((parent == 1) & (child == 1)).sum(axis=0)
        per_child = wrong.sum(axis=0)
        np.add.at(self.animal_errors, self.children, per_child)
        for parents, seen in ((p.sire, sire), (p.dam, dam)):
            has = np.flatnonzero(parents[self.children] >= 0)
            blamed = (wrong & (seen >= 0))[:, has].sum(axis=0)
            np.add.at(self.animal_errors, parents[self.children][has], blamed)
        return ((child >= 0) & ((sire >= 0) | (dam >= 0))).sum(axis=1), wrong.sum(axis=1)

    def _of(self, parents: NDArray[np.int32], dosage: NDArray[np.int8]) -> NDArray[np.int8]:
        """(L, C) calls of the children's sires or dams, -1 where there is none."""
        rows = parents[self.children]
        found: NDArray[np.int8] = np.where(rows >= 0, dosage[:, np.maximum(rows, 0)], np.int8(-1))
        return found

    def _add_unrelated(self, dosage: NDArray[np.int8], known: NDArray[np.bool_]) -> None:
        """Opposing homozygotes expected of two strangers: 2 P(0) P(2) at each locus with calls."""
        called = known.sum(axis=1)
        some = called > 0
        share = [(dosage == k).sum(axis=1)[some] / called[some] for k in (0, 2)]
        self._unrelated += float((2 * share[0] * share[1]).sum())
        self._loci += int(some.sum())

    def pairs(self) -> tuple[list[Pair], Judge]:
        """Every parent and offspring with calls in common, the most opposing first; and what they were judged by."""
        unrelated = self._unrelated / self._loci if self._loci else 0.0
        raw = []
        for role, parents in (("sire", self._pedigree.sire), ("dam", self._pedigree.dam)):
            for place, child in enumerate(self.children.tolist()):
                compared = int(self._compared[role][place])
                if parents[child] >= 0 and compared:
                    raw.append((int(parents[child]), child, role, compared, int(self._opposing[role][place])))
        shares = sorted(opposing / compared for _, _, _, compared, opposing in raw if compared >= MIN_LOCI)
        usual = max(BACKGROUND, 2 * shares[len(shares) // 2]) if shares else BACKGROUND
        judge = Judge(usual, len(raw))
        found = []
        for parent, child, role, compared, opposing in raw:
            suspicious = judge.speaks_against(opposing, compared)
            found.append(Pair(parent, child, role, compared, opposing, unrelated, suspicious))
        return sorted(found, key=lambda pair: (-pair.suspicious, -pair.share, pair.child)), judge


def parent_lod(dosage: NDArray[np.int8], other: NDArray[np.int8], child: NDArray[np.int8]) -> NDArray[np.float64]:
    """How much better every animal than a stranger explains a child, beside the child's other parent.

    Args:
        dosage: (L, N) ALT alleles of all animals, -1 where not called.
        other: (L,) those of the other parent.
        child: (L,) those of the child.

    Returns:
        (N,) natural logarithm of the likelihood ratio; 0 for animals without calls.
    """
    known = dosage >= 0
    freq = (np.where(known, dosage, 0).sum(axis=1) + 0.5) / (2 * known.sum(axis=1) + 1)
    beside = np.where(other >= 0, other / 2, freq)
    table = np.stack([_offspring(np.full_like(freq, own / 2), beside, child) for own in range(3)], axis=1)
    gain = np.log(table / _offspring(freq, beside, child)[:, None])
    gain[child < 0] = 0
    found = np.where(known, np.take_along_axis(gain, np.maximum(dosage, 0).astype(np.int64), axis=1), 0)
    return np.asarray(found.sum(axis=0))


def _offspring(one: NDArray[np.float64], other: NDArray[np.float64], child: NDArray[np.int8]) -> NDArray[np.float64]:
    """(L,) P(child's call) when the parents pass ALT on with these probabilities; one call in a hundred is wrong."""
    parts = np.stack([(1 - one) * (1 - other), one * (1 - other) + other * (1 - one), one * other], axis=1)
    right = np.take_along_axis(parts, np.maximum(child, 0).astype(np.int64)[:, None], axis=1)[:, 0]
    return np.asarray(0.99 * right + 0.01 / 3)


def chance_of_more(count: int, trials: int, rate: float) -> float:
    """P(X >= count) of a binomial of `trials` draws of `rate`; summed from its largest term on, in logs."""
    if count <= trials * rate:
        return 1.0
    log = (
        math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
        + count * math.log(rate) + (trials - count) * math.log1p(-rate)
    )  # fmt: skip
    term, total, k = math.exp(log), 0.0, count
    while term > total * 1e-12 and k <= trials:
        total += term
        term *= (trials - k) / (k + 1) * rate / (1 - rate)
        k += 1
    return min(1.0, total)
