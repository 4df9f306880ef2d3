"""Multi-locus iterative peeling: calls of some animals in, phased genotype probabilities of all animals out.

One cycle peels every locus on its own given the segregation of each child (`peel`), which leaves the evidence of the
locus about segregation, and then smooths that evidence along each child's chromosome (`segregation`), leaving out the
locus's own. Between cycles only the segregation of children that can tell something is kept: 16 bytes a locus and
child. Allele frequencies of founders are learned in every cycle, the error rate of calls at the end of the cycles (EM).

Sources: Whalen et al. 2018, Genet Sel Evol 50:67 (multi-locus iterative peeling); Meuwissen and Goddard 2010,
Genetics 185:1441 (segregation by peeling and hidden Markov chains).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from models.peeling.anchors import Anchors, anchor
from models.peeling.families import Families, full_sib_families
from models.peeling.pedigree import Pedigree
from models.peeling.peel import LOCI, peel_loci
from models.peeling.penetrance import Penetrance
from models.peeling.population import Population, PopulationOptions
from models.peeling.priors import FounderPriors
from models.peeling.segregation import haldane, smooth

_MOST_THREADS: Final[int] = numba.get_num_threads()  # before anybody lowers it


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the engine.

    Attributes:
        cycles: rounds of peeling and smoothing.
        sweeps: most rounds up and down the pedigree at a locus in a cycle.
        tolerance: a round that changes no message by more ends the sweeps.
        block: loci of a block that is given out.
        threads: None leaves numba's number.
        learn_error: estimate the error rate of genotype calls.
        population: learn founders' priors from the other founders' haplotypes (`population`); None: from allele
            frequencies alone.
    """

    cycles: int = 10
    sweeps: int = 2
    tolerance: float = 1e-3
    block: int = 256
    threads: int | None = None
    learn_error: bool = True
    population: PopulationOptions | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PeeledBlock:
    """Consecutive loci, all animals.

    Attributes:
        first: row of the first locus.
        gp4: (V, N, 4) float32, P(aa), P(aA), P(Aa), P(AA), the first allele from the sire.
    """

    first: int
    gp4: NDArray[np.float32]

    def gp(self) -> NDArray[np.float32]:
        """(V, N, 3) float32, P(0), P(1), P(2) of ALT."""
        return np.stack([self.gp4[..., 0], self.gp4[..., 1] + self.gp4[..., 2], self.gp4[..., 3]], axis=2)

    def haplotype_dosage(self) -> NDArray[np.float32]:
        """(V, N, 2) float32 ALT dosage of the paternal and the maternal haplotype."""
        return np.stack([self.gp4[..., 2] + self.gp4[..., 3], self.gp4[..., 1] + self.gp4[..., 3]], axis=2)

    def dosage(self) -> NDArray[np.float32]:
        """(V, N) float32 ALT dosage."""
        dosage: NDArray[np.float32] = self.haplotype_dosage().sum(axis=2)
        return dosage


class Peeling:
    """The peeling of one chromosome.

    Attributes:
        freq: (L,) ALT frequency of the founders.
        error: estimated error rate of calls; None when the data are no calls.
    """

    def __init__(
        self,
        pedigree: Pedigree,
        penetrance: Penetrance,
        centimorgans: NDArray[np.float64],
        options: Options | None = None,
        freq: NDArray[np.float64] | None = None,
        priors: FounderPriors | None = None,
    ) -> None:
        """Prepare.

        Args:
            pedigree: N animals.
            penetrance: (L, N) observations, loci in map order.
            centimorgans: (L,) map positions in cM.
            options: settings.
            freq: (L,) known ALT frequencies of founders; estimated when left out.
            priors: of founders about whom more is known; no population is learned then.
        """
        self._options = options or Options()
        typed: NDArray[np.bool_] = np.asarray(penetrance.observed.any(axis=0))
        self._families: Families = full_sib_families(pedigree, typed)
        self._anchors: Anchors
        self._penetrance, self._anchors = anchor(penetrance, self._families)
        self._r = haldane(centimorgans)
        loci = len(penetrance.index)
        self._learn_freq = freq is None
        self.freq = _first_frequencies(penetrance) if freq is None else freq.astype(np.float64)
        self.error: float | None = None
        self.seg = np.full((loci, self._families.slots, 4), 0.25, np.float32)
        self._anchors.apply(self.seg)
        self._founders = np.flatnonzero(self._families.founder) if priors is None else priors.animal
        self._column = np.full(len(pedigree), -1, np.int32)  # of each animal in the priors
        self._prior = np.empty((loci, 0, 4), np.float32) if priors is None else priors.gp4
        self._population: Population | None = None
        if priors is None and self._options.population is not None:
            self._population = Population(len(self._founders), centimorgans, self.freq, self._options.population)
            self._prior = self._population.prior
        if self._prior.shape[1]:
            self._column[self._founders] = np.arange(len(self._founders))

    def run(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Run the cycles; `progress` hears (cycle, cycles) after each."""
        with_threads(self._options.threads)
        for cycle in range(self._options.cycles):
            kept = self.freq.copy()
            counts = self._peel(slice(0, len(self.freq)), True, np.empty((0, 0, 0), np.float32))
            if not self._learn_freq:
                self.freq = kept
            self._anchors.apply(self.seg)
            smooth(self.seg, self._r)
            self._anchors.apply(self.seg)
            if self._options.learn_error and cycle > 0 and self._penetrance.calls:
                self._learn(counts)
            if self._population is not None and self._population.due(cycle, self._options.cycles):
                self._population.learn(self._evidence(), self.freq)
            if progress is not None:
                progress(cycle + 1, self._options.cycles)

    def blocks(self) -> Iterator[PeeledBlock]:
        """Genotype probabilities, in order of the loci."""
        loci, animals = self._penetrance.index.shape
        for first in range(0, loci, self._options.block):
            rows = slice(first, min(loci, first + self._options.block))
            out = np.empty((rows.stop - first, animals, 4), np.float32)
            self._peel(rows, False, out)
            yield PeeledBlock(first, out)

    def _evidence(self) -> NDArray[np.float32]:
        """(P, L, 4) what calls and offspring say of each founder, its prior left out; largest 1."""
        like = np.empty((len(self._founders), len(self.freq), 4), np.float32)
        for block in self.blocks():
            rows = slice(block.first, block.first + len(block.gp4))
            found = block.gp4[:, self._founders] / np.maximum(self._prior[rows], 1e-20)
            like[:, rows] = (found / found.max(axis=2, keepdims=True)).transpose(1, 0, 2)
        return like

    def _peel(self, rows: slice, learn: bool, out: NDArray[np.float32]) -> NDArray[np.float64]:
        f, data = self._families, self._penetrance
        sweeps = self._options.sweeps if learn else 2 * self._options.sweeps
        counts = np.zeros(((rows.stop - rows.start + LOCI - 1) // LOCI, len(data.table), 4))
        peel_loci(data.index[rows], data.table, self.freq[rows], self.seg[rows], f.sire, f.dam, f.start, f.child,
                  f.slot, f.founder, sweeps, self._options.tolerance, learn, out, counts,
                  self._prior[rows], self._column)  # fmt: skip
        total: NDArray[np.float64] = counts.sum(axis=0)
        return total

    def _learn(self, counts: NDArray[np.float64]) -> None:
        """EM step of the error rate: the share of calls that the posteriors contradict."""
        size = self._penetrance.size
        called = (counts[:size] + counts[size:])[1:]
        agrees = self._penetrance.table[1:size] == 1
        total = float(called.sum())
        if total > 0:
            wrong = float((called * ~agrees).sum())
            self.error = min(0.05, (wrong + 1) / (total + 1000))
            self._penetrance = self._penetrance.with_error(self.error)


def with_threads(threads: int | None) -> None:
    """Set the number of threads of the kernels, at most what the machine was started with."""
    if threads is not None:
        numba.set_num_threads(max(1, min(threads, _MOST_THREADS)))


def _first_frequencies(penetrance: Penetrance) -> NDArray[np.float64]:
    """(L,) ALT frequency among the animals with data, half an allele of each kind added."""
    share = penetrance.table / penetrance.table.sum(axis=1, keepdims=True)
    alleles = share @ np.array([0.0, 1.0, 1.0, 2.0])
    out = np.empty(len(penetrance.index))
    for locus, row in enumerate(penetrance.index):
        seen = row % penetrance.size > 0
        out[locus] = (alleles[row[seen]].sum() + 0.5) / (2 * seen.sum() + 1)
    return out
