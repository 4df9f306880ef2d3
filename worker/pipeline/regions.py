"""Stretches of a chromosome's result in which every sample has one ploidy: one for most, three for X."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from genotypes import codes as gt
from genotypes.cells import Layout
from genotypes.sites import SiteTable
from models.protocol import ImputedBlock, Imputer, PairBlock, SitesDone, TypedGenotypes, unheard
from worker.pipeline.folder import Harmonised, HarmonisedChromosome


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Consecutive rows of the bundle's site table."""

    first: int
    end: int
    last: int  # bp of the last position that belongs to it
    layout: Layout


def regions_of(harmonised: Harmonised, one: HarmonisedChromosome, table: SiteTable, samples: slice) -> list[Region]:
    """The regions of a chromosome for some of its samples; neighbours of the same ploidy are one."""
    regions: list[Region] = []
    for last, ploidy in harmonised.ploidies(one):
        layout = Layout(ploidy[samples], one.phased)
        end = int(np.searchsorted(table.pos, last, side="right"))
        if regions and np.array_equal(regions[-1].layout.ploidy, layout.ploidy):
            regions[-1] = replace(regions[-1], end=end, last=last)
        else:
            regions.append(Region(regions[-1].end if regions else 0, end, last, layout))
    return regions


def parts(regions: list[Region], first: int, end: int) -> list[tuple[int, int, Region]]:
    """The rows `first` to `end`, cut where regions meet."""
    cut = [(max(first, one.first), min(end, one.end), one) for one in regions]
    return [part for part in cut if part[0] < part[1]]


def impute(
    imputer: Imputer,
    tiles: range,
    regions: list[Region],
    typed: Callable[[NDArray[np.int8]], TypedGenotypes],
    heard: SitesDone = unheard,
) -> Iterator[tuple[Region, ImputedBlock | PairBlock]]:
    """Impute consecutive tiles; each block lies in one region.

    An engine knows one ploidy a sample. So a tile is imputed once for every region that it meets, its typed genotypes
    recoded to that region's ploidy, and gives the rows that lie there.

    Args:
        imputer: the engine.
        tiles: consecutive tiles.
        regions: the chromosome's.
        typed: makes the typed genotypes of the tiles for a ploidy (S,).
        heard: see `models.protocol.Imputer`; a tile of several regions counts by how many of them are done.
    """
    for group, held in _runs(imputer, tiles, regions):
        done = np.zeros(len(held))
        before = imputer.tiles[group.start].first - imputer.tiles[tiles.start].first

        def one_heard(number: int, sites: float, done: NDArray[np.float64] = done, before: int = before) -> None:
            done[number] = sites
            heard(before + float(done.mean()))

        runs = [
            imputer.impute(group, typed(one.layout.ploidy), partial(one_heard, number))
            for number, one in enumerate(held)
        ]
        for blocks in zip(*runs, strict=True):
            first = blocks[0].first
            for low, high, region in parts(held, first, first + len(blocks[0])):
                block = blocks[held.index(region)]
                yield region, _slice(block, low - first, high - first)


def _runs(imputer: Imputer, tiles: range, regions: list[Region]) -> Iterator[tuple[range, list[Region]]]:
    """Consecutive tiles that meet the same regions, with those regions."""
    start = tiles.start
    met: list[Region] = []
    for index in tiles:
        here = [region for _, _, region in parts(regions, imputer.tiles[index].first, imputer.tiles[index].end)]
        if met and here != met:
            yield range(start, index), met
            start = index
        met = here
    if len(tiles):
        yield range(start, tiles.stop), met


def _slice(block: ImputedBlock | PairBlock, low: int, high: int) -> ImputedBlock | PairBlock:
    """The rows `low` to `high` of a block."""
    return block if low == 0 and high == len(block) else block.rows(low, high)


def recode(typed: TypedGenotypes, ploidy: NDArray[np.int8]) -> TypedGenotypes:
    """The typed genotypes with calls of another ploidy recoded (`genotypes.codes.of_ploidy`)."""
    return TypedGenotypes(typed.rows, gt.of_ploidy(typed.codes, ploidy), ploidy, typed.phased)
