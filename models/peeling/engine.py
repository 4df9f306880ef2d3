"""Multi-locus iterative peeling: calls of some animals in, phased genotype probabilities of all animals out.

One cycle peels every locus on its own given the segregation of each child (`peel`), which leaves the evidence of the
locus about segregation, and then smooths that evidence along each child's chromosome (`segregation`), leaving out the
locus's own. Between cycles only the segregation of children that can tell something is kept: 16 bytes a locus and
child. Allele frequencies of founders and the error rate of calls are learned in every cycle (EM).

Sources: Whalen et al. 2018, Genet Sel Evol 50:67 (multi-locus iterative peeling); Meuwissen and Goddard 2010,
Genetics 185:1441 (segregation by peeling and hidden Markov chains).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.anchors import anchor, no_anchors
from models.peeling.block import PeeledBlock
from models.peeling.families import Families, full_sib_families
from models.peeling.keys import coins, keys
from models.peeling.loci import first_frequencies, informative
from models.peeling.metafounders import GroupFrequencies, with_stand_ins
from models.peeling.options import Options
from models.peeling.pedigree import Pedigree
from models.peeling.penetrance import Penetrance
from models.peeling.pinned import pinned
from models.peeling.population import BYTES, Population, settled_priors
from models.peeling.priors import FounderPriors, with_single, without
from models.peeling.segregation import CHILDREN, TASK, haldane, interpolated, smooth, tempered, whole
from models.peeling.small_groups import no_small_groups, posteriors, small_groups
from models.peeling.sweeper import Effort, Sweepers, Work, in_threads
from models.peeling.trimmed import Completion, trimmed

_NOBODY: Final = np.empty(0, np.int64)
_NO_CELLS: Final = np.empty((0, 2), np.int64)
_WARM: Final = (1, 2, 3)  # powers, in quarters, of the evidence about segregation in the first cycles, see `run`
_STILL_FROM: Final = 3  # cycle from which on half of the children keep their segregation
_SAMPLE: Final = 16  # every so many loci are looked at for convergence
_SETTLED: Final = 1e-4  # mean change of a child's segregation that ends the cycles
_SWEEPS_AT_END: Final = 4
_FREQUENCY_ROUNDS: Final = 2  # EM steps at loci that are peeled once


class Peeling:
    """The peeling of one chromosome.

    Attributes:
        freq: (L,) ALT frequency of the founders; with metafounders that of the main group.
        pedigree: the N animals, some without their parents, see `trimmed`.
        families: of these.
        groups: frequencies of metafounders; None without such, or where `freq` was given.
        error: estimated error rate of calls; None when the data are no calls.
        penetrance: the observations, under the error rate learned so far.
        seg: (K, C, 4) float32 segregation of the telling children at the K loci of `kept`; C is a multiple of four.
        kept: (K,) int64 loci at which segregation is learned, all of them unless the map is dense.
    """

    def __init__(
        self,
        pedigree: Pedigree,
        penetrance: Penetrance,
        centimorgans: NDArray[np.float64],
        options: Options | None = None,
        freq: NDArray[np.float64] | None = None,
        columns: NDArray[np.integer[Any]] | None = None,
        priors: FounderPriors | None = None,
        one_gamete: NDArray[np.bool_] | None = None,
        group_freq: NDArray[np.float64] | None = None,
    ) -> None:
        """Prepare.

        Args:
            pedigree: N animals; its metafounders, if it has any, get frequencies of their own unless `freq` is given.
            penetrance: (L, S) observations, loci in map order.
            centimorgans: (L,) map positions in cM.
            options: settings.
            freq: (L,) known ALT frequencies of founders; estimated when left out.
            columns: (S,) animal of each column of the observations; left out, S = N and they are the animals in order.
            priors: of founders about whom more is known; no population is learned then.
            one_gamete: (N,) animals whose two haplotypes are copies of one gamete, from at most one known parent: males
                outside the pseudoautosomal regions of X, doubled haploids. They are peeled as aa or AA.
            group_freq: (L, G) known ALT frequencies of metafounders, NaN where they are to be learned.

        Raises:
            ValueError: one of them has two parents.
        """
        self._options = options or Options()
        index = np.require(penetrance.index, requirements=["C", "W"])  # kernels are compiled for such alone
        self.penetrance = replace(penetrance, index=index)
        self._cm = np.asarray(centimorgans, np.float64)
        self._animals = len(pedigree)
        single = np.zeros(len(pedigree), bool) if one_gamete is None else one_gamete
        if np.any(single & (pedigree.sire >= 0) & (pedigree.dam >= 0)):
            raise ValueError("An animal of one gamete has two parents.")
        estimate, seen, of_sample = first_frequencies(penetrance)
        self._learn_freq = freq is None
        self.freq = estimate if freq is None else freq.astype(np.float64)
        self.error: float | None = None
        self._done = 0  # cycles
        at = np.arange(self._animals) if columns is None else np.asarray(columns)
        entire = pedigree if freq is None else replace(pedigree, metafounders=None)
        pedigree, cut = entire, _NOBODY
        if priors is None:
            pedigree, cut = trimmed(entire, np.isin(np.arange(self._animals), at[of_sample > 0]))
        self.pedigree = pedigree
        pedigree = with_stand_ins(pedigree, single)
        self._single = np.append(single, np.zeros(len(pedigree) - len(single), bool))
        self._column = np.full(len(pedigree), -1, np.int64)
        self._column[at[of_sample > 0]] = np.flatnonzero(of_sample > 0)
        typed = self._column >= 0
        self.families: Families = full_sib_families(pedigree, typed)
        self._completion = Completion(entire, cut, self.families, typed, self._single, priors is not None)
        self.kept = informative(self._cm, seen, estimate, self._options.density)
        self._all = len(self.kept) == len(seen)
        self._r = haldane(self._cm[self.kept]).astype(np.float32)
        key = keys(pedigree, self.penetrance, self._column)
        self.groups: GroupFrequencies | None = None
        if pedigree.metafounders is not None:
            self.groups = GroupFrequencies(pedigree, pedigree.metafounders, penetrance, self._column, self._single,
                                           estimate, group_freq)  # fmt: skip
            self.freq = self.groups.main().copy()
        self._anchors = no_anchors()
        phased = priors is not None and not np.array_equal(priors.gp4[..., 1], priors.gp4[..., 2])
        if self._options.cycles and not phased:  # without cycles there is no phase to name; phased priors name it
            rows = penetrance if self._all else replace(penetrance, index=penetrance.index[self.kept])
            names = None if self.groups is None else self.groups.origins()
            self._anchors = anchor(rows, self._column, self.families, key, self._single, names)
            if self._options.pin:
                self._anchors = pinned(self._anchors, self.families, typed, len(self.kept), names)
        self._founders = (
            np.flatnonzero(self.families.founder & self.families.telling) if priors is None else priors.animal
        )
        single = self._single[self._founders]
        self._prior = np.empty((len(seen), 0, 4), np.float32) if priors is None else with_single(priors.gp4, single)
        self._population: Population | None = None
        population = self._options.population if priors is None and self._options.cycles else None
        if population is not None and len(self._founders) >= population.least:
            most = max(population.least, population.memory // (BYTES * len(seen)))
            data = np.where(self._column < 0, 0, of_sample[self._column])[self._founders]
            self._founders = np.sort(self._founders[np.lexsort((key[self._founders], -data))[:most]])
            single = self._single[self._founders]
            kind = None if self.groups is None else self.groups.kinds.of[self._founders]
            self._population = Population(key[self._founders], self._cm, self.freq, single, population, kind)
            self._prior = self._population.prior
        self._own = self._prior.shape[1]  # columns of founders with priors of their own; those of kinds come behind
        self._prior_column = np.full(len(pedigree), -1, np.int32)
        if self._own:
            self._prior_column[self._founders] = np.arange(self._own)
        if self.groups is not None:
            self._prior = self.groups.behind(self._prior, self._prior_column, self.families.telling)
            if self._population is not None:
                self._population.prior = self._prior[:, : self._own]
                self._population.forget(self.freq, self.groups.priors())
        self._peeled_pedigree = pedigree
        self._small, self._exact = no_small_groups(len(seen)), (_NOBODY, _NOBODY)
        self._sweepers = Sweepers(self.families, self._column, self._single)
        slots = -(-self.families.slots // CHILDREN) * CHILDREN
        self.seg = np.full((len(self.kept), slots, 4), 0.25, np.float32)
        self._anchors.apply(self.seg)
        self._key = self.families.of_slots(key, slots)

    def run(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Run the cycles; `progress` hears (cycle, cycles) after each.

        Where a parent's phase and its children's segregation contradict each other, a change of either would mend it,
        but both at once are as wrong as before. So each time half of the children, drawn by lot, wait for the others.
        The first cycles smooth roots of the evidence about segregation, so that a guess at phase binds nobody yet
        (deterministic annealing: Ueda and Nakano 1998, Neural Networks 11:271).
        """
        warm = _WARM if self._options.cycles >= 2 * len(_WARM) else ()
        for cycle in range(self._done, self._options.cycles):
            before = self.seg[::_SAMPLE].copy()
            still = np.flatnonzero(coins(self._key, cycle)) if cycle >= _STILL_FROM else _NOBODY
            held = np.take(whole(self.seg), still, axis=1)
            due = self._population is not None and self._population.due(cycle, self._options.cycles)
            told = self._told(len(self.kept), due and self._all)
            counts = self._learn_rows(self.kept, self.seg, True, told)
            if cycle < len(warm):
                tempered(self.seg, warm[cycle])
            self._anchors.apply(self.seg)
            self._smooth()
            self._anchors.apply(self.seg)
            whole(self.seg)[:, still] = held
            if self._options.learn_error and cycle > 0 and self.penetrance.calls:
                self._learn_error(counts)
            learning = self._population is not None and cycle < self._options.cycles - 2
            if self._population is not None and due:
                like = without(told[:, : self._own], self._prior) if self._all else self._evidence()
                base = None if self.groups is None else self.groups.priors()
                self._population.learn(like, self.freq, self._options.threads, base)
            del told
            change = np.abs(self.seg[::_SAMPLE] - before).sum()
            settled = cycle > len(warm) and not learning and change < _SETTLED * before[..., 0].size
            self._done = self._options.cycles if settled else cycle + 1
            if progress is not None:
                progress(cycle + 1, self._options.cycles)
            if settled:
                break
        self._learn_the_rest()
        if self._options.cycles:
            self._chain_small_groups()

    def _chain_small_groups(self) -> None:
        """Exact posteriors, and the segregation that goes with them, of groups of few meioses."""
        loci, data, single = len(self.freq), self.penetrance, self._single
        found = small_groups(self._peeled_pedigree, self.families, self._sweepers.group, loci, single)
        anchors = replace(self._anchors, cells=self._cells(np.arange(loci)), locus=self.kept[self._anchors.locus])
        unseen = self._founders[self._column[self._founders] < 0] if self._population is not None else _NOBODY
        kinds = None if self.groups is None else self._own + self.groups.kinds.of[unseen]
        columns = settled_priors(self._prior_column, unseen, kinds)
        self._small = posteriors(found, data, self._column, self.families, anchors, self._prior, columns, self.freq,
                                 haldane(self._cm), single, self._options.threads)  # fmt: skip
        self._exact = self.families.slots_of(self._small.animals)
        self.seg[:, self._exact[0]] = self._small.seg[0][self.kept][:, self._exact[1]]

    def _learn_the_rest(self) -> None:
        """Allele frequencies at the loci that the cycles left out."""
        if self._learn_freq and not self._all:
            rest = np.setdiff1d(np.arange(len(self.freq)), self.kept)
            for first in range(0, len(rest), self._options.block):
                rows = rest[first : first + self._options.block]
                for _ in range(_FREQUENCY_ROUNDS):
                    self._learn_rows(rows, self.own_segregation(rows), False, self._told(len(rows), False))

    def blocks(self, named: bool = False) -> Iterator[PeeledBlock]:
        """Genotype probabilities, in order of the loci.

        Untyped parents who could change places have the mean over both ways, unless `named` asks for the way that
        segregation and all other animals' phase go with; then ancestors whom peeling leaves out are not set either.
        """
        for first, gp4 in self._peeled(False, self._last_sweeps):
            rows = slice(first, first + len(gp4))
            gp4[:, self._small.animals] = self._small.gp4[rows]
            if not named:
                self._completion.fill(gp4, self.freq[rows], self._options.threads)
            yield PeeledBlock(first, np.ascontiguousarray(gp4[:, : self._animals]))

    @property
    def _last_sweeps(self) -> int:
        return max(_SWEEPS_AT_END, 2 * self._options.sweeps)

    def _peeled(self, told_only: bool, sweeps: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """First locus and (V, N, 4) genotype probabilities of blocks of loci; animals left out are not set."""
        loci, data = len(self.freq), self.penetrance
        for first in range(0, loci, self._options.block):
            rows = slice(first, min(loci, first + self._options.block))
            every = np.arange(rows.start, rows.stop)
            seg = self.seg[rows] if self._all else self.own_segregation(every)
            out = np.empty((len(every), len(self._column), 4), np.float32)
            work = Work(data.index[rows], data.table, self.freq[rows], seg,
                        self._cells(every), self._prior[rows], out, False, False)  # fmt: skip
            self._peel(told_only, work, sweeps)
            yield first, out

    @property
    def one_gamete(self) -> NDArray[np.bool_]:
        """(N,) animals whose two haplotypes are copies of one gamete."""
        return self._single[: self._animals]

    def flanking(self) -> NDArray[np.float32]:
        """(K, C, 4) segregation at the loci of `kept`, their own evidence included: what other loci lie between."""
        evidence, learning = self.seg.copy(), self._learn_freq
        self._learn_freq = False
        self._learn_rows(self.kept, evidence, True, self._told(len(self.kept), False))
        self._learn_freq = learning
        self._anchors.apply(evidence)
        evidence *= self.seg
        evidence /= np.maximum(evidence.sum(axis=2, keepdims=True), 1e-20)
        evidence[:, self._exact[0]] = self._small.seg[1][self.kept][:, self._exact[1]]
        return evidence

    def peel_given(
        self,
        index: NDArray[np.uint16],
        table: NDArray[np.float64],
        freq: NDArray[np.float64],
        seg: NDArray[np.float32],
        prior: NDArray[np.float32],
        founders: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Peel any loci once, given segregation and founders' priors (the single-locus pass of hybrid peeling).

        Args:
            index: (V, S) observations, columns as in the engine's own.
            table: (K, 4) their likelihoods.
            freq: (V,) ALT frequencies.
            seg: (V, C, 4) segregation of the telling children.
            prior: (V, P, 4) prior probabilities of the founders' phased genotypes.
            founders: (P,) their numbers; the other founders have allele frequencies.

        Returns:
            (V, N, 4) probabilities of the phased genotypes.
        """
        out = np.empty((len(index), len(self._column), 4), np.float32)
        column = np.full(len(self._column), -1, np.int32)
        column[founders] = np.arange(len(founders))
        work = Work(index, table, freq, seg, _NO_CELLS, with_single(prior, self._single[founders]), out, False, False)
        self._peel(False, work, self._last_sweeps, column)
        self._completion.fill(out, freq, self._options.threads)
        return np.ascontiguousarray(out[:, : self._animals])

    def priors_by_group(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(V, P, 4) priors at some loci of the (P,) founders of metafounders, as `peel_given` takes them."""
        if self.groups is None:
            return np.empty((len(rows), 0, 4), np.float32), _NOBODY
        founders = np.flatnonzero(self.groups.kinds.of >= 0)
        return self.groups.priors(rows)[:, self.groups.kinds.of[founders]], founders

    def _told(self, loci: int, own: bool) -> NDArray[np.float32]:
        """(V, P, 4) noughts for founders' posteriors, or (V, 0, 4) where neither the population nor groups ask."""
        return np.zeros((loci, self._prior.shape[1] if own or self.groups is not None else 0, 4), np.float32)

    def _evidence(self) -> NDArray[np.float32]:
        """(P, L, 4) what calls and offspring say of each founder, its prior left out; largest 1."""
        like = np.empty((len(self._founders), len(self.freq), 4), np.float32)
        for first, gp4 in self._peeled(True, self._options.sweeps):
            rows = slice(first, first + len(gp4))
            like[:, rows] = without(gp4[:, self._founders], self._prior[rows])
        return like

    def _peel(
        self, told_only: bool, work: Work, sweeps: int, prior_column: NDArray[np.int32] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        column = self._prior_column if prior_column is None else prior_column
        effort = Effort(sweeps, self._options.tolerance)
        return self._sweepers.run(told_only, work, column, effort, self._options.threads)

    def _learn_rows(
        self, rows: NDArray[np.int64], seg: NDArray[np.float32], anchored: bool, founders: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """One peeling of some loci: evidence into `seg`, frequencies into `freq`; sums of probabilities.

        `founders` is (V, P, 4) noughts, to which the probabilities of the founders with priors are added, or (V, 0, 4)
        where nobody asks.
        """
        which = slice(0, len(rows)) if len(rows) == len(self.freq) else rows
        data = self.penetrance
        work = Work(data.index[which], data.table, self.freq[which], seg, self._cells(rows) if anchored else _NO_CELLS,
                    self._prior[which], founders, data.calls and self._options.learn_error, True)  # fmt: skip
        counts, alleles = self._peel(True, work, self._options.sweeps)
        if self._learn_freq and self.groups is not None:
            self.groups.learn(which, founders)
            self._prior[which, self._own :] = self.groups.priors(which)
            self.freq[which] = self.groups.main(which)
        elif self._learn_freq:
            # Half an allele of each kind keeps a frequency off the boundary, where EM could not leave it.
            gametes = self._sweepers.gametes
            self.freq[which] = (alleles + 0.5) / (gametes + 1) if gametes else self.freq[which]
        return counts

    def _cells(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Anchored heterozygotes of some loci, numbered within them."""
        return self._anchors.cells_among(rows, self.kept)

    def own_segregation(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(V, C, 4) segregation at any of the engine's loci, without their own evidence."""
        out = interpolated(self.seg, self._cm[self.kept], self._cm[rows])
        place = np.minimum(np.searchsorted(self.kept, rows), len(self.kept) - 1)
        own = self.kept[place] == rows
        out[own] = self.seg[place[own]]
        out[:, self._exact[0]] = self._small.seg[0][rows][:, self._exact[1]]  # which was learned at every locus
        return out

    def _smooth(self) -> None:
        flat = self.seg.reshape(-1)
        children = self.seg.shape[1]
        tasks = [partial(smooth, flat, children, first, self._r) for first in range(0, children, TASK * CHILDREN)]
        in_threads(tasks, self._options.threads)

    def _learn_error(self, counts: NDArray[np.float64]) -> None:
        """EM step of the error rate: the share of calls that the posteriors contradict."""
        found = self.penetrance.contradicted(counts)
        if found is not None:
            self.error = found
            self.penetrance = self.penetrance.with_error(found)

    def state(self) -> dict[str, NDArray[Any]]:
        """What the cycles so far have learned, for `resume`; a copy of nothing, so it is written before the next."""
        parts = {"groups": self.groups, "population": self._population}
        inner = {f"{key}.{name}": value for key, part in parts.items() if part for name, value in part.state().items()}
        error = np.array(np.nan if self.error is None else self.error)
        return {"done": np.array(self._done), "seg": self.seg, "freq": self.freq, "error": error} | inner

    def resume(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from the `state` of a peeling of the same data under the same options; then `run`."""
        self._done, self.seg, self.freq = int(state["done"]), state["seg"], state["freq"]
        if not np.isnan(state["error"]):
            self.error = float(state["error"])
            self.penetrance = self.penetrance.with_error(self.error)
        for key, part in (("groups", self.groups), ("population", self._population)):
            if part is not None:
                part.resume({name.removeprefix(f"{key}."): one for name, one in state.items() if name.startswith(key)})
        if self.groups is not None:
            self._prior[:, self._own :] = self.groups.priors()
