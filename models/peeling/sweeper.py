"""The peeling kernel over many loci: arrays for it, and threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.peeling.families import Families
from models.peeling.lanes import WIDTH
from models.peeling.peel import peel_loci
from models.peeling.penetrance import Penetrance

if TYPE_CHECKING:
    from models.peeling.engine import Options

_TASK: Final = 64  # loci of a task


class Sweeper:
    """Families ready for the kernel, over all animals of a pedigree or some of them."""

    def __init__(self, families: Families, animals: NDArray[np.int64], column: NDArray[np.int64]) -> None:
        """Prepare.

        Args:
            families: of the M animals.
            animals: (M,) their numbers in the pedigree.
            column: (N,) column of each animal of the pedigree in the observations, -1 without.
        """
        self._families = families
        self._animals = animals
        self._number = np.full(len(column), -1, np.int64)
        self._number[animals] = np.arange(len(animals))
        self._typed = np.flatnonzero(column[animals] >= 0).astype(np.int32)
        self._column = column[animals][self._typed]
        self._telling = np.flatnonzero(families.told).astype(np.int32)
        self._founders = np.flatnonzero(families.founder & families.telling).astype(np.int32)

    def run(
        self,
        penetrance: Penetrance,
        rows: slice | NDArray[np.int64],
        freq: NDArray[np.float64],
        seg: NDArray[np.float32],
        cells: NDArray[np.int64],
        prior: NDArray[np.float32],
        prior_column: NDArray[np.int32],
        options: Options,
        sweeps: int,
        out: NDArray[np.float32] | None,
    ) -> NDArray[np.float64]:
        """Peel V loci, see `peel_loci`; without `out` segregation evidence and frequencies are written.

        Returns:
            (K, 4) sums of the probabilities of typed animals by what was observed, of calls and without `out` alone.
        """
        f = self._families
        index = penetrance.index[rows]
        own_cells = np.stack([cells[:, 0], self._number[cells[:, 1]]], axis=1)
        result = np.empty((0, 0, 0), np.float32) if out is None else out
        tasks: list[Callable[[], Any]] = []
        parts: list[NDArray[np.float64]] = []
        for first in range(0, len(index), _TASK):
            last = min(len(index), first + _TASK)
            parts.append(np.zeros((len(penetrance.table) if penetrance.calls and out is None else 0, 4, WIDTH)))
            tasks.append(partial(peel_loci, first, last, index, self._column, self._typed, penetrance.table, freq, seg,
                                 own_cells, prior, prior_column[self._animals], f.sire, f.dam, f.start, f.told,
                                 f.child, f.first_slot, self._telling, self._founders, sweeps, options.tolerance,
                                 out is None, result, parts[-1]))  # fmt: skip
        in_threads(tasks, options.threads)
        total: NDArray[np.float64] = np.sum(parts, axis=(0, 3))
        return total


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
