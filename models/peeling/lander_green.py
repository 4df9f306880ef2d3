"""Small groups of relatives exactly: every meiosis together as the hidden state of one chain along the chromosome.

With m meioses there are 2^m ways in which founders' haplotypes come down at a locus; each meiosis switches between loci
by itself. The likelihood of a locus under one way is summed over the alleles of the founders' haplotypes (Lander and
Green 1987, PNAS 84:2363). Children are added one by one, so that what all ways of the later ones share is done once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.compiled import kernel, making_kernel
from models.peeling.pedigree import Pedigree

MOST_MEIOSES: Final = 12
MOST_TERMS: Final = 17  # log2 of meioses' ways times founders' alleles
MOST_STATES: Final = 1 << 23  # ways times loci: 64 MB
_NEGLIGIBLE: Final = 1e-10  # share of a locus's prior that founders' alleles must have to be looked at


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """How haplotypes come down in one group of relatives.

    Attributes:
        animals: (n,) founders first, then children after their parents.
        founders: number of founders F.
        single: number of haplotypes of unknown parents, numbered from 2 F on.
        bits: (n - F,) int64 known meioses of each child, 0 to 2; the sire's is the higher one.
        both: (n - F,) int64, 3 for a child of two such meioses, else 2 for the sire's, 1 for the dam's, 0 for none.
        start: (n - F + 1,) int64 where the tables of each child begin.
        haplotype: (2, T) int16 founder haplotype of the child's paternal and maternal allele, under each way that its
            own meioses and those of the children before it can go.
    """

    animals: NDArray[np.int64]
    founders: int
    single: int
    bits: NDArray[np.int64]
    both: NDArray[np.int64]
    start: NDArray[np.int64]
    haplotype: NDArray[np.int16]

    @property
    def meioses(self) -> int:
        """The number m of known meioses."""
        return int(self.bits.sum())

    @property
    def terms(self) -> int:
        """log2 of the terms of a locus."""
        return self.meioses + 2 * self.founders + self.single


def ways(pedigree: Pedigree, members: NDArray[np.int64], one_gamete: NDArray[np.bool_]) -> Ways | None:
    """The ways of a group of relatives, or None where there are too many.

    Args:
        pedigree: N animals.
        members: (n,) all animals of the group.
        one_gamete: (N,) animals whose two haplotypes are copies: one meiosis at most made them, none their gametes.
    """
    inside = set(members.tolist())
    order = [a for a in pedigree.order.tolist() if a in inside]
    parents = {a: (int(pedigree.sire[a]), int(pedigree.dam[a])) for a in order}
    founders = [a for a in order if parents[a] == (-1, -1)]
    children = [a for a in order if parents[a] != (-1, -1)]
    switching = {a: [p >= 0 and not one_gamete[p] for p in parents[a]] for a in children}
    bits = [sum(switching[a]) for a in children]
    single = sum(min(parents[a]) < 0 and not one_gamete[a] for a in children)
    if not children or sum(bits) > MOST_MEIOSES or sum(bits) + 2 * len(founders) + single > MOST_TERMS:
        return None
    place = {a: k for k, a in enumerate(children)}
    through = np.cumsum([0, *bits])
    tables: list[NDArray[np.int16]] = []
    unknown = 2 * len(founders)
    for k, child in enumerate(children):
        way = np.arange(1 << through[k + 1])
        table = np.empty((2, len(way)), np.int16)
        for side, parent in enumerate(parents[child]):
            if parent < 0:
                if not one_gamete[child]:
                    table[side] = unknown
                    unknown += 1
                continue
            bit = np.zeros_like(way)
            if switching[child][side]:
                bit = (way >> 1 if side == 0 and bits[k] == 2 else way) & 1
            if parent in place:
                earlier = tables[place[parent]][:, way >> (through[k + 1] - through[place[parent] + 1])]
                table[side] = np.where(bit == 0, earlier[0], earlier[1])
            else:
                table[side] = 2 * founders.index(parent) + bit
        if one_gamete[child]:
            known = 0 if parents[child][0] >= 0 else 1
            table[1 - known] = table[known]
        tables.append(table)
    return Ways(
        animals=np.array(founders + children, np.int64),
        founders=len(founders),
        single=single,
        bits=np.array(bits, np.int64),
        both=np.array([2 * switching[a][0] + switching[a][1] for a in children], np.int64),
        start=np.cumsum([0, *(table.shape[1] for table in tables)]),
        haplotype=np.concatenate(tables, axis=1),
    )


@making_kernel
def _across(x: Any, meioses: int, r: float) -> None:
    """All meioses through an interval, in place, the result summing to one."""
    for bit in range(meioses):
        step = 1 << bit
        for high in range(0, len(x), 2 * step):
            for v in range(high, high + step):
                a, b = x[v], x[v + step]
                x[v], x[v + step] = (1 - r) * a + r * b, (1 - r) * b + r * a
    x /= max(x.sum(), 1e-300)


@kernel
def _add_children(alleles: int, first: float, data: Any, founders: int, bits: Any, start: Any, haplotype: Any,
                  weight: Any) -> None:  # fmt: skip
    """Likelihood of every way for one choice of founders' alleles, child after child, laid out as `haplotype`."""
    before = 1
    for k in range(len(bits)):
        for q in range(before << bits[k]):
            at = start[k] + q
            state = 2 * ((alleles >> haplotype[0, at]) & 1) + ((alleles >> haplotype[1, at]) & 1)
            given = first if k == 0 else weight[start[k - 1] + (q >> bits[k])]
            weight[at] = given * data[founders + k, state]
        before <<= bits[k]


@kernel
def _state(way: int, k: int, bits: Any, both: Any) -> int:
    """Segregation state of child k under a way; an unknown parent's meiosis counts as nought."""
    for later in range(len(bits) - 1, k, -1):
        way >>= bits[later]
    if both[k] == 3:
        return way & 3
    return 0 if both[k] == 0 else both[k] * (way & 1)


@kernel
def _allow(x: Any, first: int, last: int, child: Any, mask: Any, bits: Any, both: Any) -> None:
    """Multiply (V,) by the masks first to last - 1."""
    for a in range(first, last):
        for v in range(len(x)):
            x[v] *= mask[a, _state(v, child[a], bits, both)]


@kernel
def _add_segregation(ahead: Any, behind: Any, here: Any, bits: Any, both: Any, seg: Any) -> None:
    """Marginals (n - F, 4) of the states of each child's meioses, an unknown parent's taken for even."""
    total = 0.0
    for v in range(len(behind)):
        total += ahead[v] * behind[v] * here[v]
    scale = 1.0 / max(total, 1e-300)
    for v in range(len(behind)):
        share = np.float32(ahead[v] * behind[v] * here[v] * scale)
        for k in range(len(bits)):
            seg[k, _state(v, k, bits, both)] += share
    for k in range(len(bits)):
        if both[k] == 0:
            seg[k] = np.float32(0.25)
        elif both[k] < 3:
            other = 3 - both[k]
            seg[k, 0] /= 2
            seg[k, both[k]] /= 2
            seg[k, other], seg[k, 3] = seg[k, 0], seg[k, both[k]]


@making_kernel
def chain(
    data: Any, prior: Any, freq: Any, r: Any, founders: int, single: int, bits: Any, both: Any, start: Any,
    haplotype: Any, masked: Any, child: Any, mask: Any, out: Any, seg: Any,
) -> None:  # fmt: skip
    """Posterior genotypes of one group of relatives.

    Args:
        data: (L, n, 4) float64 penetrances.
        prior: (L, F, 4) float64 founders' prior probabilities.
        freq: (L,) float64 ALT frequency of the haplotypes of unknown parents.
        r: (L - 1,) float64 recombination fractions.
        founders: F.
        single: see `Ways`, as the following.
        bits: (n - F,).
        both: (n - F,).
        start: (n - F + 1,).
        haplotype: (2, T).
        masked: (L + 1,) int64 where the masks of each locus begin.
        child: (A,) int64 child of each mask, numbered from 0 behind the founders.
        mask: (A, 4) float64 share of each of its states that is allowed.
        out: (L, n, 4) float32 probabilities to write.
        seg: (2, L, n - F, 4) float32 noughts, to which segregation is added: of the other loci alone, and of all.
    """
    loci, meioses = len(data), bits.sum()
    states, kinds = 1 << meioses, 1 << (2 * founders + single)
    weight, share = np.empty(len(haplotype[0])), np.empty(kinds)
    emission, ahead = np.zeros((loci, states), np.float32), np.empty((loci, states), np.float32)
    now = np.full(states, 1.0 / states)
    last = start[len(bits) - 1]
    below, allowed = np.empty(len(haplotype[0])), np.empty(states)
    for step in range(2 * loci):
        forward = step < loci
        locus = step if forward else 2 * loci - 1 - step
        most = 0.0
        for c in range(kinds):
            share[c] = 1.0
            for i in range(founders):
                state = 2 * ((c >> (2 * i)) & 1) + ((c >> (2 * i + 1)) & 1)
                share[c] *= prior[locus, i, state] * data[locus, i, state]
            for h in range(2 * founders, 2 * founders + single):
                share[c] *= freq[locus] if (c >> h) & 1 else 1 - freq[locus]
            most = max(most, share[c])
        if forward:
            ahead[locus] = now
            for c in range(kinds):
                if share[c] > most * _NEGLIGIBLE:
                    _add_children(c, share[c], data[locus], founders, bits, start, haplotype, weight)
                    for v in range(states):
                        emission[locus, v] += weight[last + v] / most
            _allow(emission[locus], masked[locus], masked[locus + 1], child, mask, bits, both)
            if locus < loci - 1:
                now *= emission[locus]
                _across(now, meioses, r[locus])
            else:
                now[:] = 1.0 / states
            continue
        gp = np.zeros((data.shape[1], 4))
        allowed[:] = 1.0
        _allow(allowed, masked[locus], masked[locus + 1], child, mask, bits, both)
        _add_segregation(ahead[locus], now, allowed, bits, both, seg[0, locus])
        _add_segregation(ahead[locus], now, emission[locus], bits, both, seg[1, locus])
        for c in range(kinds):
            if share[c] <= most * _NEGLIGIBLE:
                continue
            _add_children(c, share[c], data[locus], founders, bits, start, haplotype, weight)
            for v in range(states):
                below[last + v] = weight[last + v] * ahead[locus, v] * now[v] * allowed[v]
            total = 0.0
            for k in range(len(bits) - 1, -1, -1):
                size = start[k + 1] - start[k]
                if k > 0:
                    below[start[k - 1] : start[k]] = 0.0
                for q in range(size):
                    at = start[k] + q
                    state = 2 * ((c >> haplotype[0, at]) & 1) + ((c >> haplotype[1, at]) & 1)
                    gp[founders + k, state] += below[at]
                    if k > 0:
                        below[start[k - 1] + (q >> bits[k])] += below[at]
                    else:
                        total += below[at]
            for i in range(founders):
                gp[i, 2 * ((c >> (2 * i)) & 1) + ((c >> (2 * i + 1)) & 1)] += total
        for i in range(len(gp)):
            sum_of = gp[i].sum()
            for k in range(4):
                out[locus, i, k] = gp[i, k] / sum_of if sum_of > 0 else 0.25
        if locus > 0:
            now *= emission[locus]
            _across(now, meioses, r[locus - 1])
