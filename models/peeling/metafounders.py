"""Metafounders, or groups of unknown parents: founders of several origins, each with allele frequencies of its own.

An unknown parent belongs to a group, and what it hands on is a draw from the group's frequencies. A founder of two
groups has one gamete of either: P(aa) = (1 - p1)(1 - p2), which is not Hardy-Weinberg at a pooled frequency. Where one
parent is known and the other belongs to a group, a founder of that group stands in for it.

Frequencies start from least squares of what was observed on the share of each group in an animal's pedigree, and are
learned by EM from founders' posteriors in every cycle, a gamete of each founder for its group.

Sources: Legarra et al. 2015, Genetics 200:455 (metafounders); Whalen et al. 2018, Genet Sel Evol 50:67, and AlphaPeel
1.4 (their names, `MF_`, and the main one, `MF_1`, of unknown parents of whom nothing is said).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.pedigree import Metafounders, Pedigree
from models.peeling.penetrance import Penetrance
from models.peeling.priors import copies

_RIDGE: Final = 2.0  # animals' worth of the mean frequency in the least squares
_LEAST: Final = 0.01  # starting frequencies keep off 0 and 1, which EM could not leave
_ROWS: Final = 256  # loci looked at together
_TOLD_APART: Final = 10.0  # log odds of the right orientation from which the groups name a founder's haplotypes


def with_stand_ins(pedigree: Pedigree, one_gamete: NDArray[np.bool_]) -> Pedigree:
    """The pedigree with a founder for each unknown parent of a group other than the main one whose mate is known.

    They come behind the N animals; animals of one gamete need none.
    """
    groups = pedigree.metafounders
    if groups is None:
        return pedigree
    sire, dam = pedigree.sire.copy(), pedigree.dam.copy()
    of: list[int] = []
    for mine, others, group in ((sire, pedigree.dam, groups.sire), (dam, pedigree.sire, groups.dam)):
        for animal in np.flatnonzero((mine < 0) & (others >= 0) & (group > 0) & ~one_gamete).tolist():
            mine[animal] = len(pedigree) + len(of)
            of.append(int(group[animal]))
    if not of:
        return pedigree
    more, none = np.array(of, np.int32), np.full(len(of), -1, np.int32)
    new = np.arange(len(pedigree), len(pedigree) + len(of), dtype=np.int32)
    return replace(
        pedigree,
        ids=[*pedigree.ids, *("" for _ in of)],
        families=[*pedigree.families, *("" for _ in of)],
        sire=np.concatenate([sire, none]),
        dam=np.concatenate([dam, none]),
        sex=np.concatenate([pedigree.sex, np.zeros(len(of), np.int8)]),
        line=np.concatenate([pedigree.line, np.zeros(len(of), np.int32)]),
        order=np.concatenate([new, pedigree.order]),
        doubled=np.concatenate([pedigree.doubled, np.zeros(len(of), bool)]),
        metafounders=Metafounders(
            groups.names, np.concatenate([groups.sire, more]), np.concatenate([groups.dam, more])
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """Founders by the groups of their two gametes; all of a kind have one prior.

    Attributes:
        sire: (K,) int32 group of the paternal gamete.
        dam: (K,) int32 of the maternal one.
        single: (K,) bool, founders of one gamete, of either group with equal odds.
        of: (N,) int32 kind of each founder, -1 for other animals.
    """

    sire: NDArray[np.int32]
    dam: NDArray[np.int32]
    single: NDArray[np.bool_]
    of: NDArray[np.int32]


def kinds_of(pedigree: Pedigree, groups: Metafounders, one_gamete: NDArray[np.bool_]) -> Kinds:
    """The kinds of founders of a pedigree."""
    founders = np.flatnonzero((pedigree.sire < 0) & (pedigree.dam < 0))
    rows = np.stack([groups.sire[founders], groups.dam[founders], one_gamete[founders]], axis=1)
    found, number = np.unique(rows, axis=0, return_inverse=True)
    of = np.full(len(pedigree), -1, np.int32)
    of[founders] = number.ravel()
    return Kinds(found[:, 0].astype(np.int32), found[:, 1].astype(np.int32), found[:, 2] > 0, of)


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """What groups tell of N animals' haplotypes.

    Attributes:
        crossed: (N,) founders of two groups whose frequencies tell which haplotype is of which.
        code: (N + 1,) int64, the same for founders whose exchange changes nothing; the last is an unknown mate's.
    """

    crossed: NDArray[np.bool_]
    code: NDArray[np.int64]


def gametes_by_group(kinds: Kinds, groups: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(K, G) of the paternal gamete of each kind of founder the group, and of the maternal one."""
    whole = np.where(kinds.single, 0.5, 1.0)  # the gamete of such a founder is half of either group
    each = np.eye(groups)
    return whole[:, None] * each[kinds.sire], whole[:, None] * each[kinds.dam]


def priors_of(freq: NDArray[np.float64], kinds: Kinds) -> NDArray[np.float32]:
    """(V, K, 4) prior probabilities of the phased genotypes of kinds of founders, from (V, G) frequencies of groups."""
    s, d = freq[:, kinds.sire], freq[:, kinds.dam]
    prior = np.stack([(1 - s) * (1 - d), (1 - s) * d, s * (1 - d), s * d], axis=2).astype(np.float32)
    prior[:, kinds.single] = copies((s + d)[:, kinds.single] / 2)
    return prior


class GroupFrequencies:
    """Allele frequencies of the groups of one chromosome, and the priors of founders that follow.

    Attributes:
        kinds: of founders.
        freq: (L, G) float64 ALT frequencies.
        given: (L, G) bool, frequencies that are not learned.
        has_main: whether anybody is of the main group.
    """

    def __init__(
        self,
        pedigree: Pedigree,
        groups: Metafounders,
        penetrance: Penetrance,
        column: NDArray[np.int64],
        one_gamete: NDArray[np.bool_],
        mean: NDArray[np.float64],
        known: NDArray[np.float64] | None = None,
    ) -> None:
        """Start.

        Args:
            pedigree: N animals, with stand-ins.
            groups: theirs.
            penetrance: (L, S) observations.
            column: (N,) column of each animal in it, -1 without.
            one_gamete: (N,) animals of one gamete.
            mean: (L,) ALT frequency of all.
            known: (L, G) frequencies that are not to be learned; NaN where unknown.
        """
        self.kinds = kinds_of(pedigree, groups, one_gamete)
        share = shares(pedigree, groups)
        self.freq = regressed(penetrance, column, share, mean)
        self._mean = mean
        self.given = np.zeros(self.freq.shape, bool) if known is None else ~np.isnan(known)
        if known is not None:
            self.freq = np.where(self.given, known, self.freq)
        k = self.kinds
        self._paternal, self._maternal = gametes_by_group(k, len(groups.names))
        mates = (pedigree.sire < 0) ^ (pedigree.dam < 0)  # those of the main group have no stand-in
        founders = k.of >= 0
        self.has_main = bool(np.any(mates & ~one_gamete)) or bool(np.any((groups.sire * groups.dam == 0) & founders))

    def priors(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """(V, K, 4) prior probabilities of the phased genotypes of each kind of founder."""
        return priors_of(self.freq[rows], self.kinds)

    def main(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float64]:
        """(V,) frequencies of unknown mates: the main group's, or of all where nobody is of it."""
        return np.asarray(self.freq[rows, 0] if self.has_main else self._mean[rows])

    def behind(
        self, own: NDArray[np.float32], column: NDArray[np.int32], telling: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Priors of founders that have their own, and behind them those of all kinds.

        Args:
            own: (L, P, 4).
            column: (N,) column of each founder in it, -1 for others; those get the column of their kind.
            telling: (N,) animals that data tell something about; EM counts these founders.

        Returns:
            (L, P + K, 4).
        """
        k, first = self.kinds, own.shape[1]
        founders = np.flatnonzero(k.of >= 0)
        others = founders[column[founders] < 0]
        column[others] = first + k.of[others]
        counted = founders[telling[founders]]
        self._founders = np.bincount(column[counted], minlength=first + len(k.sire)).astype(np.float64)
        kind = np.concatenate([np.zeros(first, np.int32), np.arange(len(k.sire), dtype=np.int32)])
        kind[column[founders]] = k.of[founders]
        self._paternal, self._maternal = self._paternal[kind], self._maternal[kind]
        return np.concatenate([own, self.priors()], axis=1)

    def learn(self, rows: NDArray[np.int64] | slice, told: NDArray[np.float32]) -> None:
        """EM step at some loci, from the (V, P + K, 4) sums of founders' posterior probabilities by their prior."""
        paternal, maternal = told[..., 2] + told[..., 3], told[..., 1] + told[..., 3]
        alleles = paternal @ self._paternal + maternal @ self._maternal
        gametes = self._founders @ (self._paternal + self._maternal)
        mean = (alleles.sum(axis=1) + 0.5) / (gametes.sum() + 1)
        # An allele's worth of the mean keeps frequencies off the boundary.
        learned = np.where(gametes > 0, (alleles + mean[:, None]) / (gametes + 1), self.freq[rows])
        self.freq[rows] = np.where(self.given[rows], self.freq[rows], learned)
        self._mean[rows] = mean

    def state(self) -> dict[str, NDArray[np.float64]]:
        """What was learned, for `resume`."""
        return {"freq": self.freq, "mean": self._mean}

    def resume(self, state: Mapping[str, NDArray[np.float64]]) -> None:
        """Take what another one had learned."""
        self.freq, self._mean = state["freq"], state["mean"]

    def origins(self) -> Origins:
        """What the frequencies tell of the origin of founders' haplotypes; groups too much alike count as one."""
        groups = self.freq.shape[1]
        alike = np.arange(groups)
        for a in range(groups):
            for b in range(a):
                p, q = self.freq[:, a], self.freq[:, b]
                odds = np.log(p * (1 - q) / (q * (1 - p)))
                het = p * (1 - q) + q * (1 - p)
                if (het * odds * np.tanh(odds / 2)).sum() < _TOLD_APART:
                    alike[alike == alike[a]] = alike[b]
        k = self.kinds
        sire, dam = alike[k.sire], alike[k.dam]
        code = np.append(np.minimum(sire, dam) * groups + np.maximum(sire, dam), -1)
        crossed = np.append((sire != dam) & ~k.single, False)
        return Origins(crossed[k.of], np.append(code[k.of], alike[0] * (groups + 1)))


def shares(pedigree: Pedigree, groups: Metafounders) -> NDArray[np.float64]:
    """(N, G) share of each group in the gametes that made an animal, as the pedigree has it."""
    share = np.zeros((len(pedigree), len(groups.names)))
    one = np.eye(len(groups.names))
    for animal in pedigree.order.tolist():
        s, d = int(pedigree.sire[animal]), int(pedigree.dam[animal])
        paternal = one[groups.sire[animal]] if s < 0 else share[s]
        maternal = one[groups.dam[animal]] if d < 0 else share[d]
        share[animal] = (paternal + maternal) / 2
    return share


def regressed(
    penetrance: Penetrance, column: NDArray[np.int64], share: NDArray[np.float64], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(L, G) frequencies from least squares of observed alleles on shares, pulled towards the mean.

    Args:
        penetrance: (L, S) observations.
        column: (N,) column of each animal in it, -1 without.
        share: (N, G).
        mean: (L,) frequency of all.
    """
    animals = np.flatnonzero(column >= 0)
    mine, groups = share[animals], share.shape[1]
    squares = (mine[:, :, None] * mine[:, None, :]).reshape(len(animals), groups * groups)
    dosage = penetrance.table / penetrance.table.sum(axis=1, keepdims=True) @ np.array([0, 0.5, 0.5, 1])
    seen = np.arange(len(penetrance.table)) % penetrance.size > 0
    out = np.empty((len(mean), groups))
    for first in range(0, len(mean), _ROWS):
        rows = slice(first, first + _ROWS)
        index = penetrance.index[rows][:, column[animals]]
        here = seen[index].astype(np.float64)
        left = (here @ squares).reshape(-1, groups, groups) + _RIDGE * np.eye(groups)
        right = (here * dosage[index]) @ mine + _RIDGE * mean[rows, None]
        out[rows] = np.linalg.solve(left, right[:, :, None])[:, :, 0]
    return np.clip(out, _LEAST, 1 - _LEAST)
