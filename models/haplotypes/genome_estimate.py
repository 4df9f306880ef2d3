"""What a training of haplotypes will cost, from some seconds of reading, a few people imputed and a little mixed."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from genotypes.arrays import read_arrays
from genotypes.panel_blocks import PanelBlocks
from genotypes.sites import SiteTable
from models.dae.work import WorkFolder
from models.haplotypes.chromosome import Chromosome
from models.haplotypes.engine import CopyingImputer, CopyingOptions
from models.haplotypes.genome import share_read
from models.haplotypes.genome_learn import (
    LEARNING_SITES,
    SCORING_SITES,
)
from models.haplotypes.genome_options import GenomeOptions
from models.haplotypes.learn import LEARNING_ARRAYS, LEARNING_PEOPLE, SCORING_PEOPLE
from models.haplotypes.library import Library
from models.haplotypes.mixing import MIXED
from models.haplotypes.mixing_estimate import mixing_seconds
from models.haplotypes.slopes import ARRAYS, PEOPLE
from models.haplotypes.stored import StoredLibrary
from models.haplotypes.stretches import EVERY
from models.haplotypes.writer import BLOCK_CELLS, LibraryWriter
from models.protocol import Tile, TypedGenotypes

READ_S: Final = 3.0  # of the panel, at most
FEW_PEOPLE: Final = 4
TIMED_PEOPLE: Final = 36
TIMED_SITES: Final = 4096
TRIALS: Final = 14  # pairs of rates, as a rule
CALIBRATING: Final = 0.9  # what calibration takes for a person, by imputing one whose phase is sought
_PROGRAM_BYTES: Final = 450_000_000  # Python, PyTorch (for its scores), compiled kernels
_BLOCK_BYTES: Final = 12  # a cell of a block on its way from the file into the library, all copies together


@dataclass(frozen=True)
class GenomeCost:
    """Cost of a training."""

    files: int
    panel_bytes: int
    people: int
    sites: int  # about
    read_s: float  # of what is not read yet, with all workers
    rates_s: float
    calibration_s: float
    accuracy_s: float
    mixing_s: float  # of what is not mixed yet; 0 where the panel's own haplotypes are held
    memory_bytes: int  # a worker
    bundle_bytes: int


def estimate_genome(o: GenomeOptions, work: WorkFolder | None, workers: int) -> GenomeCost:
    """Read the begin of the first file for some seconds, and impute people of it.

    Args:
        o: options.
        work: where finished files are, if anywhere.
        workers: processes that read; each is taken to have a core of its own.

    Raises:
        TesseraError: what `PanelBlocks` raises.
    """
    total = sum(path.stat().st_size for path in o.panels)
    blocks = PanelBlocks(o.panels[0], o.chrom)
    count = 2 * len(blocks.samples)
    held: list[NDArray[np.int8]] = []
    kept: list[SiteTable] = []
    first, last, sites, fraction = 0, 0, 0, 0.0
    start = time.monotonic()
    with TemporaryDirectory() as scratch:
        path = Path(scratch, "sample")
        with LibraryWriter(path, count) as writer:
            for block in blocks:
                first = first or int(block.sites.pos[0])
                sites, last, fraction = sites + len(block.sites), int(block.sites.pos[-1]), block.fraction
                if sum(len(one) for one in held) < TIMED_SITES:
                    held.append(block.haplotypes)
                rows = o.disguise.rows(block.haplotypes)
                if len(rows):
                    kept.append(block.sites.take(rows))
                    writer.add(block.haplotypes[rows])
                if time.monotonic() - start > READ_S:
                    break
            left = sum(map(len, kept))
            o.disguise.refuse_few(left)
            writer.close(np.zeros(left), [])
        seconds = time.monotonic() - start
        mixed_s = _mixing(o, StoredLibrary(path), kept, len(blocks.samples))
        ratio = path.stat().st_size / max(1, fraction * o.panels[0].stat().st_size)
    read = max(1.0, fraction * o.panels[0].stat().st_size)
    share = share_read(o, work) if work else 0.0
    per_bp = sites / max(1, last - first)
    whole = int(sites * total / read)
    rates_s, calibration_s, accuracy_s = _imputing(
        o,
        block.sites.chrom.removeprefix("chr"),
        whole,
        per_bp,
        len(blocks.samples),
        np.concatenate(held)[:TIMED_SITES],
    )
    return GenomeCost(
        files=len(o.panels),
        panel_bytes=total,
        people=len(blocks.samples),
        sites=whole,
        read_s=seconds / read * total * (1 - share) / min(workers, len(o.panels)),
        rates_s=rates_s,
        calibration_s=calibration_s,
        accuracy_s=accuracy_s,
        mixing_s=mixed_s * max(0, whole * left // sites - (_mixed(work) if work else 0)),
        memory_bytes=_PROGRAM_BYTES + _BLOCK_BYTES * min(BLOCK_CELLS, 2048 * count),
        bundle_bytes=int(total * ratio),
    )


def _mixing(o: GenomeOptions, library: StoredLibrary, kept: list[SiteTable], people: int) -> float:
    """Seconds for each site of making synthetic haplotypes; 0 where there will be none."""
    if o.disguise.resampling is None:
        return 0.0
    chrom = kept[0].chrom
    pos = np.concatenate([one.pos for one in kept if one.chrom == chrom])
    return mixing_seconds(library, o.genetic_map(chrom.removeprefix("chr")).cm(pos), people, o.disguise.resampling)


def _mixed(work: WorkFolder) -> int:
    """Sites of the chromosomes that an earlier run has mixed."""
    found = (Chromosome.open(path.parent) for path in work.folder.glob(f"*/{MIXED}"))
    return sum(one.sites for one in found if one)


def _imputing(
    o: GenomeOptions, chrom: str, sites: int, per_bp: float, panel: int, held: NDArray[np.int8]
) -> tuple[float, float, float]:
    """Seconds of learning rates, of calibration and of measuring accuracy.

    Args:
        o: options.
        chrom: a chromosome, by which arrays are counted.
        sites: of all chromosomes, about.
        per_bp: sites a bp.
        panel: people.
        held: (V, K) alleles of the first of the sites.
    """
    found = read_arrays(o.arrays, chrom) if o.arrays else {}
    densities = [len(at) / max(1, int(at[-1]) - int(at[0])) for at in found.values() if len(at) > 1]
    middling = sorted(densities)[len(densities) // 2] if densities else per_bp / (5 * EVERY)
    site_s = _site_seconds(held, max(2, round(per_bp / middling)), o.model)
    people, arrays = max(1.0, o.held_out * panel), max(1, len(densities))
    rates = TRIALS * min(LEARNING_ARRAYS, arrays) * min(LEARNING_PEOPLE, people) * min(LEARNING_SITES, sites)
    scored = arrays * min(SCORING_PEOPLE, people) * min(SCORING_SITES * len(o.panels), sites)
    calibrated = min(ARRAYS, arrays) * min(PEOPLE, panel) * sites * CALIBRATING
    return rates * site_s, calibrated * site_s, scored * site_s


def _site_seconds(haplotypes: NDArray[np.int8], every: int, model: CopyingOptions) -> float:
    """Seconds to impute a person, for each site, with all cores, where each so-manieth is typed."""
    sites, count = haplotypes.shape
    library = Library.of(haplotypes, np.linspace(0, 1e-5 * sites, sites))
    rows = np.arange(0, sites, every, dtype=np.int32)
    tile = Tile(0, 0, sites, np.arange(sites, dtype=np.int32))
    imputer = CopyingImputer(SiteTable.empty(""), [tile], library, model, threads=len(os.sched_getaffinity(0)))
    seconds = []
    for many in (FEW_PEOPLE, FEW_PEOPLE, TIMED_PEOPLE):  # the first loads the kernels, the second lays out the panel
        people = np.arange(many) % (count // 2)
        codes = (haplotypes[:, 2 * people] + haplotypes[:, 2 * people + 1])[rows]
        start = time.monotonic()
        list(imputer.impute(range(1), TypedGenotypes(rows, codes, np.full(many, 2, np.int8), phased=False)))
        seconds.append(time.monotonic() - start)
    return max(1e-9, (seconds[2] - seconds[1]) / float((TIMED_PEOPLE - FEW_PEOPLE) * sites))
