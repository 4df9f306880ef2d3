"""Synthetic haplotypes: mosaics of a panel's, so that a library holds no person's.

Recombination between the panel's haplotypes is simulated along the genetic map, as RESHAPE does (Cavinato, Rubinacci,
Malaspinas and Delaneau 2024, Nature Computational Science 4:360): every synthetic haplotype copies one of the panel at
a time, two of them exchange theirs at a crossover, and so every allele keeps its count exactly. RESHAPE picks both at
random. Here a haplotype that is due for a crossover waits for one that is identical to its own around the place, over a
long way at first, over less the longer it waits; and no stretch of one person gets longer than a bound. So crossovers
hardly touch linkage disequilibrium, and many more of them are affordable.

Who knew the random numbers could undo the crossovers: the seed must stay secret, and is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from models.haplotypes.crossover import NEAR, Bin, Copying, Neighbourhood

Block = tuple[NDArray[np.int8], NDArray[np.float64]]  # (V, K) alleles and (V,) cM of consecutive sites


@dataclass(frozen=True, slots=True)
class Resampling:
    """How synthetic haplotypes are made.

    Attributes:
        generations: crossovers a Morgan for which a synthetic haplotype becomes due.
        longest_cm: no stretch copied from one person is longer.
        windows: cM on either side of a crossover in which the two haplotypes must be identical, the widest at once,
            the others in turn while the crossover waits; without any, partners are chosen at random, as RESHAPE does.
        bin_cm: crossovers happen at the starts of bins of at most this length.
        memory: a synthetic haplotype does not return to any of the last so many people that it copied (unless nobody
            else is left).
    """

    generations: float = 1000.0
    longest_cm: float = 1.0
    windows: tuple[float, ...] = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05, 0.03)
    bin_cm: float = 0.01
    memory: int = 3

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if not (self.generations > 0 and 0 < self.bin_cm <= self.longest_cm and self.memory >= 1):
            raise ValueError("generations and lengths must be positive, bins no longer than the longest stretch")


def bins_of(blocks: Iterable[Block], bin_cm: float, rng: np.random.Generator) -> Iterator[Bin]:
    """Cut consecutive sites into bins, none longer than `bin_cm`.

    A bin's hash is the sum of random odd numbers, one for each site whose ALT allele a haplotype carries: equal for
    identical haplotypes, and else but once in 2^64.
    """
    waiting: list[Block] = []
    total: NDArray[np.uint64] | None = None
    start = 0.0
    number = 0

    def made() -> Bin:
        nonlocal total
        alleles = np.concatenate([one for one, _ in waiting])
        keys = 2 * rng.integers(1 << 63, size=len(alleles), dtype=np.uint64) + np.uint64(1)
        before = np.zeros(alleles.shape[1], np.uint64) if total is None else total
        total = before.copy()
        for key, line in zip(keys, alleles, strict=True):
            total[line == 1] += key
        return Bin(float(waiting[0][1][0]), float(waiting[-1][1][-1]), alleles, before, total)

    for alleles, cm in blocks:
        if total is None and not waiting:
            start = float(cm[0])
        which = np.floor((cm - start) / bin_cm).astype(np.int64)
        edges = [0, *(np.flatnonzero(np.diff(which)) + 1).tolist(), len(cm)]
        for low, high in pairwise(edges):
            if waiting and which[low] != number:
                yield made()
                waiting.clear()
            number = int(which[low])
            waiting.append((alleles[low:high], cm[low:high]))
    if waiting:
        yield made()


@dataclass(slots=True)
class Stretches:
    """Lengths of the stretches copied from one person, in cM from their first site to their last."""

    lengths: list[NDArray[np.float64]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """For the manifest: number, mean, median, 95% and longest."""
        found = np.concatenate(self.lengths)
        mean, median, high, most = found.mean(), *np.quantile(found, [0.5, 0.95, 1.0])
        rounded = {"mean": mean, "median": median, "quantile95": high, "longest": most}
        return {"stretches": len(found)} | {name: round(float(value), 4) for name, value in rounded.items()}


def synthesise(
    blocks: Iterable[Block],
    persons: NDArray[np.int64],
    o: Resampling,
    seed: int | None = None,
    stretches: Stretches | None = None,
) -> Iterator[tuple[NDArray[np.int8], NDArray[np.int64]]]:
    """Synthetic haplotypes of a chromosome, a bin at a time; the sites within the widest window are held, no others.

    Args:
        blocks: consecutive sites of the panel, map positions ascending.
        persons: (K,) whose each haplotype is; two people at least.
        o: options.
        seed: of everything random; None, as it should be for what is given away, takes it from the system.
        stretches: is told what was copied.

    Yields:
        (V, K) alleles of the next sites, and (K,) the panel haplotype that each synthetic one copies there: a
        permutation, so that no site's count changes.

    Raises:
        TesseraError: `setup_invalid` for fewer than two people.
    """
    if len(np.unique(persons)) < 2:
        raise TesseraError(Code.setup_invalid, "Synthetic haplotypes are made of two people's at least.")
    count = len(persons)
    rng = np.random.default_rng(seed)
    bins = bins_of(blocks, o.bin_cm, np.random.default_rng(rng.integers(1 << 63, size=4)))
    around = Neighbourhood(bins, max((NEAR * o.bin_cm, *o.windows)))
    copying = Copying(rng.permutation(count), np.full((count, o.memory), -1, np.int64), persons, rng)
    begun = due = np.empty(0)
    last = 0.0
    while (present := around.advance()) is not None:
        here = present.first
        if not len(begun):
            begun = np.full(count, here)
            due = here + rng.exponential(100 / o.generations, count)
        else:
            latest = begun + o.longest_cm
            waited = (here - due) / np.maximum(latest - due, 1e-9)
            moved = copying.cross(around, o.windows, waited, present.last > latest)
            if stretches is not None:
                stretches.lengths.append(last - begun[moved])
            begun[moved] = here
            due[moved] = here + rng.exponential(100 / o.generations, len(moved))
        last = present.last
        yield present.alleles[:, copying.source], copying.source.copy()
    if stretches is not None and len(begun):
        stretches.lengths.append(last - begun)
