"""The peeling kernel over many loci: arrays for it, and threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.lanes import WIDTH
from models.peeling.cutset import Cuts, cuts_of, exact_groups
from models.peeling.families import Families
from models.peeling.locus import peel_loci

_TASK: Final = 64  # loci of a task
_SWEEPS_EXACT: Final = 40  # where they settle
_EXACT: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Effort:
    """How long messages are sent at a locus: most rounds up and down, and the change that ends them."""

    sweeps: int
    tolerance: float


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """V loci to peel; the arrays are those of `peel_loci`.

    Attributes:
        index: (V, S) observations.
        table: (K, 4) penetrances.
        freq: (V,) frequencies.
        seg: (V, C, 4) segregation.
        cells: (A, 2) locus and animal of anchored heterozygotes.
        prior: (V, P, 4) priors of founders.
        out: (V, N, 4) genotype probabilities to write; with `learn` (V, P, 4) noughts for the sums of those of the
            founders of each prior, or (V, 0, 4) where nobody asks.
        counts: probabilities by observation are wanted.
        learn: a cycle of multi-locus peeling; otherwise genotypes are written.
    """

    index: NDArray[np.uint16]
    table: NDArray[np.float64]
    freq: NDArray[np.float64]
    seg: NDArray[np.float32]
    cells: NDArray[np.int64]
    prior: NDArray[np.float32]
    out: NDArray[np.float32]
    counts: bool
    learn: bool


class Sweeper:
    """Groups of relatives ready for the kernel."""

    def __init__(
        self,
        families: Families,
        animals: NDArray[np.int64],
        column: NDArray[np.int64],
        cuts: Cuts,
        one_gamete: NDArray[np.bool_],
    ) -> None:
        """Prepare.

        Args:
            families: of the M animals.
            animals: (M,) their numbers in the pedigree.
            column: (N,) column of each animal of the pedigree in the observations, -1 without.
            cuts: among the M animals.
            one_gamete: (N,) animals of the pedigree whose two haplotypes are copies of one gamete.
        """
        self._families, self._cuts, self._animals = families, cuts, animals
        self._number = np.full(len(column), -1, np.int64)
        self._number[animals] = np.arange(len(animals))
        self._typed = np.flatnonzero(column[animals] >= 0).astype(np.int32)
        self._column = column[animals][self._typed]
        self._local = (np.cumsum(families.told) - families.told).astype(np.int32)
        self._telling = np.flatnonzero(families.told).astype(np.int32)
        self._founders = np.flatnonzero(families.founder & families.telling).astype(np.int32)
        mine = one_gamete[animals]
        self._gametes = np.where(mine[self._founders], 1.0, 2.0)
        single = np.flatnonzero(mine)
        self._single = single.astype(np.int32), families.founder[single], column[animals][single] >= 0

    @property
    def gametes(self) -> float:
        """Number of the founders' alleles from which frequencies are learned."""
        return float(self._gametes.sum())

    def run(
        self, work: Work, prior_column: NDArray[np.int32], effort: Effort, threads: int | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Peel loci; what is wanted is written into the arrays of `work`.

        Returns:
            (K, 4) sums of the probabilities of typed animals by what was observed, (0, 4) when not wanted, and
            (V,) expected ALT alleles of founders.
        """
        f, cuts = self._families, self._cuts
        own_cells = np.stack([work.cells[:, 0], self._number[work.cells[:, 1]]], axis=1)
        own_cells = own_cells[own_cells[:, 1] >= 0]
        alleles = np.zeros(len(work.index))
        tasks: list[Callable[[], Any]] = []
        parts = [np.zeros((len(work.table) if work.counts else 0, 4, WIDTH))]
        for first in range(0, len(work.index) if len(self._animals) else 0, _TASK):
            last = min(len(work.index), first + _TASK)
            parts.append(np.zeros_like(parts[0]))
            tasks.append(partial(peel_loci, first, last, work.index, self._column, self._typed, work.table, work.freq,
                                 work.seg, own_cells, work.prior, prior_column[self._animals], f.sire, f.dam, f.start,
                                 f.told, f.child, f.first_slot, self._local, self._telling, self._founders,
                                 self._gametes, *self._single, cuts.animal, cuts.group, cuts.place, cuts.rounds,
                                 cuts.of, effort.sweeps, effort.tolerance, work.learn, self._animals, work.out,
                                 parts[-1], alleles))  # fmt: skip
        in_threads(tasks, threads)
        return np.sum(parts, axis=(0, 3)), alleles


class Sweepers:
    """The groups of relatives that are peeled exactly, and the others; all animals of them or the telling ones alone.

    Attributes:
        group: (N,) int64 group of relatives of each animal.
    """

    def __init__(self, families: Families, column: NDArray[np.int64], one_gamete: NDArray[np.bool_]) -> None:
        """Prepare for N animals; see `Sweeper`."""
        exact, cutting, self.group = exact_groups(families)
        self._of: dict[bool, list[Sweeper]] = {}
        for told_only, chosen in ((False, np.ones_like(exact)), (True, families.telling)):
            parts = [np.flatnonzero(chosen & exact), np.flatnonzero(chosen & ~exact)]
            self._of[told_only] = [
                Sweeper(families.among(part, told_only), part, column, cuts_of(part, self.group, cutting), one_gamete)
                for part in parts
            ]  # fmt: skip

    @property
    def gametes(self) -> float:
        """Number of the telling founders' alleles."""
        return sum(sweeper.gametes for sweeper in self._of[True])

    def run(
        self, told_only: bool, work: Work, prior_column: NDArray[np.int32], effort: Effort, threads: int | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Peel loci, as `Sweeper.run` does; groups that can be peeled exactly get the effort that takes."""
        exact = Effort(max(_SWEEPS_EXACT, effort.sweeps), min(_EXACT, effort.tolerance))
        done = [
            sweeper.run(work, prior_column, one, threads)
            for sweeper, one in zip(self._of[told_only], (exact, effort), strict=True)
        ]
        return done[0][0] + done[1][0], done[0][1] + done[1][1]


def in_threads(tasks: Sequence[Callable[[], Any]], threads: int | None) -> None:
    """Run kernels, which let go of the interpreter's lock, in so many threads; None takes every core."""
    workers = min(threads or len(os.sched_getaffinity(0)), len(tasks))
    if workers <= 1:
        for task in tasks:
            task()
        return
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()
