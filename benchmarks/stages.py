"""Where a run's time goes: genotypes a second of each stage of a warm run, and two limits to hold it against.

Warm: one process, kernels compiled and loaded, the bundle open, as in a worker that has had a job before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.peers import Run
from models.bundles import make_imputer, open_bundle
from models.haplotypes.bundle import HaplotypeBundle
from models.protocol import ImputedBlock, Imputer, PairBlock, SitesDone, Tile, TypedGenotypes, unheard
from worker.pipeline.run import OfflineOptions, run_offline


@dataclass
class Clock:
    """Wall and CPU seconds, all threads of the process together."""

    wall: float = 0.0
    cpu: float = 0.0

    def since(self, started: Clock) -> Clock:
        """Seconds from then to now."""
        return Clock(self.wall - started.wall, self.cpu - started.cpu)

    def add(self, other: Clock) -> None:
        """Count more."""
        self.wall += other.wall
        self.cpu += other.cpu


def now() -> Clock:
    """The clocks of this moment."""
    return Clock(time.perf_counter(), time.process_time())


class TimedImputer:
    """An engine and the time until it gives each block."""

    def __init__(self, imputer: Imputer, spent: Clock) -> None:
        """Count into `spent`."""
        self._imputer, self._spent = imputer, spent
        self.sites = imputer.sites
        self.tiles: Sequence[Tile] = imputer.tiles
        self.before_blocks, self.finds_phase = imputer.before_blocks, imputer.finds_phase

    def impute(
        self, tiles: range, typed: TypedGenotypes, heard: SitesDone = unheard
    ) -> Iterator[ImputedBlock | PairBlock]:
        """As the engine itself."""
        blocks = self._imputer.impute(tiles, typed, heard)
        while True:
            started = now()
            block = next(blocks, None)
            self._spent.add(now().since(started))
            if block is None:
                return
            yield block


def warm_stages(target: Path, bundle_path: Path, work: Path, threads: int) -> tuple[dict[str, Clock], int]:
    """Time the stages of a run whose process has had one before.

    Returns:
        Clocks by stage, the engine and all that is written about its results apart; genotypes written.
    """
    bundle = open_bundle(bundle_path)
    imputers = {chrom: make_imputer(bundle, chrom, device="cpu", threads=threads) for chrom in bundle.chromosomes}
    stages: dict[str, Clock] = {}
    genotypes = 0
    for _ in range(2):
        stages, engine, last = {}, Clock(), now()

        def heard(stage: str, _fraction: float, stages: dict[str, Clock] = stages) -> None:
            nonlocal last
            moment = now()
            stages.setdefault(stage, Clock()).add(moment.since(last))
            last = moment

        made = run_offline(
            [target],
            bundle,
            lambda chrom, engine=engine: TimedImputer(imputers[chrom], engine),  # type: ignore[misc]
            work / "warm.vcf.gz",
            OfflineOptions(threads=threads),
            heard,
        )
        genotypes = made.samples * sum(one.sites for one in made.chromosomes)
        written = stages.pop("impute").since(engine)
        stages = {"engine": engine, "items, text, compression": written, **stages}
        stages["all"] = Clock(sum(one.wall for one in stages.values()), sum(one.cpu for one in stages.values()))
    return stages, genotypes


def matrix_peak(size: int = 2048) -> float:
    """Floating-point operations a second of numpy's float32 matrix product, the best of five."""
    a = np.random.default_rng(1).random((size, size), np.float32)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def print_stages(target: Path, bundle_path: Path, work: Path, threads: int, floor: Run) -> None:
    """Print the table: stages of a warm run, the writing of bcftools, and the matrix product."""
    stages, genotypes = warm_stages(target, bundle_path, work, threads)
    title = f"warm, by stage, {genotypes / 1e6:.1f} million genotypes"
    print(f"{title:<60} {'s wall':>8} {'s cpu':>7} {'M/s wall':>10} {'M/s cpu':>10}")

    def line(name: str, wall: float, cpu: float) -> None:
        rates = f"{genotypes / 1e6 / max(wall, 1e-3):10.1f} {genotypes / 1e6 / max(cpu, 1e-3):10.1f}"
        print(f"  {name:<58} {wall:8.2f} {cpu:7.2f} {rates}")

    for name, clock in stages.items():
        line(name, clock.wall, clock.cpu)
    line("limit: bcftools writing the same output", floor.wall, floor.cpu)
    bundle = open_bundle(bundle_path)
    if isinstance(bundle, HaplotypeBundle):
        peak, haplotypes = matrix_peak(), int(bundle.manifest.panel["haplotypes"])
        wall = genotypes * 4 * haplotypes / peak
        line(f"limit: {peak / 1e9:.0f} GFLOP/s, both haplotypes x {haplotypes} of the panel", wall, wall * threads)
