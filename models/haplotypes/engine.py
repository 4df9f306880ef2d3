"""Inference: copying from a library of haplotypes behind `models.protocol.Imputer`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from genotypes.codes import HET, MISSING, dosage, haplotypes
from genotypes.effort import FAST, THOROUGH
from genotypes.sites import SiteTable
from models.haplotypes.crew import STOP, work_in_parts
from models.haplotypes.library import Haplotypes
from models.haplotypes.person import impute_people
from models.haplotypes.spool import Spool
from models.haplotypes.states import LANES
from models.haplotypes.window import Window
from models.protocol import ImputedBlock, PairBlock, SitesDone, Tile, TypedGenotypes, unheard

BLOCK_CELLS = 1 << 22  # genotypes of a block that is given out
BATCH_BYTES = 8 << 20  # results of the people whom a thread imputes at once
KEEP_BYTES = 32 << 20  # results of a tile beyond this wait in a temporary file
PARTS = 8  # of the people for each thread, so that none waits long for the others
WRITING = 450  # what it takes to write a person's results, as `CopyingOptions.work` counts
LEARNED = ("switches_per_cm", "error")  # options that are learned and kept in the manifest

EFFORTS: Final = {
    FAST: {"first_states": 208, "wide": 496, "states": 192, "burn": 1, "sweeps": 4},
    THOROUGH: {"first_states": 304, "wide": 1200, "states": 640, "burn": 2, "sweeps": 10},
}
"""Fields of `CopyingOptions`; see benchmarks/dae/LOG.md for what was tried."""


@dataclass(frozen=True, slots=True)
class CopyingOptions:
    """The model and how much work to put into it.

    Attributes:
        switches_per_cm: rate at which a haplotype changes the one that it copies from, learned at training.
        error: probability that an allele differs from the copied one, learned at training.
        first_states: haplotypes that are considered at a place while a first phase is sought.
        wide: the same for the first sweeps.
        states: those of them that are kept for the result.
        burn: Gibbs sweeps over the phase with all of them, not averaged.
        sweeps: sweeps with those kept, averaged.
    """

    switches_per_cm: float = 4.0
    error: float = 0.003
    first_states: int = 208
    wide: int = 496
    states: int = 192
    burn: int = 1
    sweeps: int = 4

    def __post_init__(self) -> None:
        """Refuse what would average nothing."""
        if min(self.burn, self.sweeps) < 1:
            raise ValueError("there must be a sweep to choose states by and one to average")

    @property
    def work(self) -> int:
        """Haplotypes that all sweeps over a person look at, which is most of the time that a person takes."""
        return (self.burn + 1) * self.wide + (self.sweeps + 1) * self.states

    @classmethod
    def of(cls, architecture: dict[str, Any]) -> Self:
        """With the rates of a manifest; how much work to do is the engine's own affair."""
        return cls(**{name: architecture[name] for name in LEARNED if name in architecture})


@dataclass(frozen=True, slots=True, eq=False)
class _People:
    """Input of the kernels: (N, T) genotypes, (N, 2, T) haplotypes where known, (N,) whether they are.

    The first `linked` people are two haploid samples each, whose haplotypes have names.
    """

    genotypes: NDArray[np.int8]
    pairs: NDArray[np.int8]
    fixed: NDArray[np.bool_]
    linked: int

    def __len__(self) -> int:
        return len(self.fixed)

    def samples(self, first: int, last: int) -> slice:
        """The samples that some people are."""
        return slice(first + min(first, self.linked), last + min(last, self.linked))

    def apart(self, first: int, values: NDArray[Any]) -> NDArray[Any]:
        """(N, V, 2) of people from `first` on -> (S, V, 2) of their samples; both numbers of a haploid are the same."""
        both = max(0, min(len(values), self.linked - first))
        if not both:
            return values
        pairs = np.repeat(values[:both].transpose(0, 2, 1).reshape(2 * both, -1, 1), 2, axis=2)
        return np.concatenate([pairs, values[both:]])


class CopyingImputer:
    """One chromosome of a library; implements `models.protocol.Imputer`."""

    before_blocks: float
    finds_phase = True

    def __init__(
        self,
        sites: SiteTable,
        tiles: Sequence[Tile],
        library: Haplotypes,
        options: CopyingOptions | None = None,
        *,
        threads: int | None = None,
    ) -> None:
        """Keep what is given; `threads` at work at once, None takes every core."""
        self.sites, self.tiles, self.library = sites, tiles, library
        self.options = options or CopyingOptions()
        self.before_blocks = self.options.work / (self.options.work + WRITING)
        self._threads = threads or len(os.sched_getaffinity(0))

    def with_effort(self, effort: str) -> CopyingImputer:
        """The same engine with the work of `EFFORTS` put into each person; the library is shared."""
        options = replace(self.options, **EFFORTS[effort])
        return CopyingImputer(self.sites, self.tiles, self.library, options, threads=self._threads)

    def impute(
        self, tiles: range, typed: TypedGenotypes, heard: SitesDone = unheard
    ) -> Iterator[ImputedBlock | PairBlock]:
        """Impute consecutive tiles; see `models.protocol.Imputer`. A tile's library is laid out ahead of its turn."""
        people = _people(typed)
        with ThreadPoolExecutor(1, "windows") as ahead:
            coming = [ahead.submit(self._window, one, typed) for one in self.tiles[tiles.start : tiles.start + 1]]
            for index in tiles:
                window = coming.pop().result()
                more = self.tiles[index + 1 : min(index + 2, tiles.stop)]
                coming += [ahead.submit(self._window, one, typed) for one in more]
                yield from self._impute_tile(
                    self.tiles[index], typed, people, window, self.tiles[tiles.start].first, heard
                )

    def _window(self, tile: Tile, typed: TypedGenotypes) -> Window | None:
        """The library for a tile; None where nothing near it is typed."""
        at = typed.rows[_seen(tile, typed)]
        return Window.make(self.library, tile, at) if len(at) else None

    def _impute_tile(
        self, tile: Tile, typed: TypedGenotypes, people: _People, window: Window | None, begin: int, heard: SitesDone
    ) -> Iterator[ImputedBlock | PairBlock]:
        rows = tile.end - tile.first
        count = len(typed.ploidy)
        seen = _seen(tile, typed)
        at = typed.rows[seen]
        if window is None:
            yield from self._by_frequency(tile, typed)
            return
        block = max(1, BLOCK_CELLS // count)
        own = (at >= tile.first) & (at < tile.end)
        hidden = np.empty((int(own.sum()), count), np.float32)
        many = len(people)
        step = max(1, min(-(-many // (PARTS * self._threads)), BATCH_BYTES // (4 * rows)))
        with Spool(rows, count, block, on_disk=4 * rows * count > KEEP_BYTES) as spool:

            def some(number: int, ticks: NDArray[np.int64]) -> None:
                first = number * step
                last = min(many, first + step)
                part = people.samples(first, last)
                out, blind = self._run(window, people, slice(first, last), seen, ticks)
                if ticks[STOP]:
                    return  # nothing was written there
                out, both = people.apart(first, out), people.apart(first, blind[:, own]).sum(axis=2)
                hidden[:, part] = np.where(typed.ploidy[part, None] == 1, both / 2, both).T
                spool.put(part.start, out)

            def done(of_them: int) -> None:
                heard(tile.first - begin + rows * of_them / many)

            work_in_parts(self._threads, -(-many // step), some, done)
            local = at[own] - tile.first
            for start in range(0, rows, block):
                end = min(rows, start + block)
                blind_block = np.full((end - start, count), np.nan, np.float32)
                inside = (local >= start) & (local < end)
                blind_block[local[inside] - start] = hidden[inside]
                yield PairBlock(tile.first + start, spool.get(start), typed.ploidy, typed.phased, blind_block)

    def _run(
        self, window: Window, people: _People, part: slice, seen: slice, ticks: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        """(N, V, 2) and (N, T, 2) of `impute_people`."""
        o = self.options
        genotypes = np.ascontiguousarray(people.genotypes[part, seen])
        pairs = np.ascontiguousarray(people.pairs[part, :, seen])
        count, sites = genotypes.shape
        named = np.arange(part.start, part.start + count) < people.linked
        size = self.library.haplotypes
        wide = copied_states(o.wide, size)
        out = np.empty((count, len(window.panel.flipped), 2), np.uint16)
        hidden = np.empty((count, sites, 2), np.float32)
        impute_people(
            window.panel, genotypes, pairs, people.fixed[part], named, window.switches(o.switches_per_cm),
            window.errors(o.error), min(copied_states(o.first_states, size), wide), wide,
            min(copied_states(o.states, size), wide), o.burn, o.sweeps, out, hidden, ticks,
        )  # fmt: skip
        return out, hidden

    def _by_frequency(self, tile: Tile, typed: TypedGenotypes) -> Iterator[ImputedBlock]:
        """Nothing is typed near the tile: everybody gets the panel's frequencies."""
        count = len(typed.ploidy)
        core = self.library.part(tile.first, tile.end)
        minor = np.diff(core.starts) / core.haplotypes
        alt = np.where(core.flipped, 1 - minor, minor).astype(np.float32)
        block = max(1, BLOCK_CELLS // count)
        for start in range(0, len(alt), block):
            one = np.broadcast_to(alt[start : start + block, None], (len(alt[start : start + block]), count))
            gp = np.stack([(1 - one) ** 2, 2 * one * (1 - one), one**2], axis=2)
            haploid = typed.ploidy == 1
            gp[:, haploid] = np.stack([1 - one, np.zeros_like(one), one], axis=2)[:, haploid]
            hds = np.stack([one, np.where(haploid, 0, one)], axis=2).astype(np.float32) if typed.phased else None
            yield ImputedBlock(tile.first + start, gp, hds, np.full(one.shape, np.nan, np.float32))


def _seen(tile: Tile, typed: TypedGenotypes) -> slice:
    """The typed sites that a tile reads."""
    low, high = int(tile.inputs[0]), int(tile.inputs[-1]) + 1
    return slice(int(np.searchsorted(typed.rows, low)), int(np.searchsorted(typed.rows, high)))


def copied_states(wanted: int, haplotypes: int) -> int:
    """A multiple of the kernels' lanes near `wanted`; all the haplotypes of a small panel, each equally often."""
    if haplotypes < LANES:
        return math.lcm(haplotypes, LANES)
    return max(1, min(wanted, haplotypes) // LANES) * LANES


def _people(typed: TypedGenotypes) -> _People:
    """Genotypes of everybody in the kernels' form; single haploid samples as homozygous and phased."""
    linked = typed.linked
    codes, haploid = typed.codes[:, 2 * linked :], typed.ploidy[2 * linked :] == 1
    fixed = haploid | typed.phased
    pairs = np.full((linked + codes.shape[1], 2, len(typed.rows)), -1, np.int8)
    seen = dosage(codes).T
    if fixed.any():
        both = haplotypes(codes[:, fixed])  # (T, F, 2)
        pairs[linked:][fixed] = both.transpose(1, 2, 0)
        pairs[linked:][haploid, 1] = pairs[linked:][haploid, 0]
    genotypes = np.where(haploid[:, None] & (seen > 0), 2 * seen, seen)
    if linked:
        named = typed.codes[:, : 2 * linked].T.reshape(linked, 2, -1)
        pairs[:linked] = haplotypes(named)[..., 0]
        # Missing where nothing is sought: the alleles themselves are in the pairs.
        sought = np.where((named == HET).all(axis=1), np.int8(1), MISSING)
        genotypes = np.concatenate([sought, genotypes])
        fixed = np.concatenate([np.zeros(linked, bool), fixed])
    return _People(np.ascontiguousarray(genotypes, np.int8), pairs, fixed, linked)
