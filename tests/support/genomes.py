"""A panel of two chromosomes, 60 people from two populations, and people outside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from genotypes.mosaic import mosaics
from models.haplotypes.genome_options import GenomeOptions

PEOPLE, OTHERS, SITES, FIRST, STEP, EVERY = 60, 12, 300, 1_000_000, 2_500, 4
CHROMOSOMES = ("20", "22")
LABELS = {f"P{k}": ("even" if k % 2 == 0 else "odd", "") for k in range(PEOPLE)}


@dataclass(frozen=True)
class TinyChromosome:
    """Truth of one chromosome."""

    pos: NDArray[np.int32]  # (V,)
    haplotypes: NDArray[np.int8]  # (V, 2 * PEOPLE)
    others: NDArray[np.int8]  # (V, OTHERS) dosages of people outside


def silent(_doing: str, _fraction: float) -> None:
    """Progress that nobody watches."""


def make_genome(names: Iterable[str] = CHROMOSOMES) -> dict[str, TinyChromosome]:
    """Chromosomes of people whose populations differ in frequencies."""
    genome = {}
    for number, name in enumerate(names):
        rng = np.random.default_rng(number)
        pos = (FIRST + STEP * np.arange(SITES) + rng.integers(0, STEP - 1, SITES)).astype(np.int32)
        frequency = rng.choice([0.1, 0.25, 0.5], SITES)
        founders = (rng.random((20, SITES)) < frequency).astype(np.int8)
        both = [mosaics(rng, half, pos / 1e6, PEOPLE + OTHERS, 2.0) for half in (founders[:10], founders[10:])]
        alleles = np.empty((SITES, 2 * (PEOPLE + OTHERS)), np.int8)  # people alternate between the populations
        for k, half in enumerate(both):
            alleles[:, 2 * k :: 4], alleles[:, 2 * k + 1 :: 4] = half[0::2].T, half[1::2].T
        others = alleles[:, 2 * PEOPLE :]
        genome[name] = TinyChromosome(pos, alleles[:, : 2 * PEOPLE], others[:, 0::2] + others[:, 1::2])
    return genome


def write_genome(
    path: Path, genome: Mapping[str, TinyChromosome], samples: Sequence[str] = (), haploid: Sequence[int] = ()
) -> None:
    """A BCF of the panel; the people `haploid` have their first haplotype alone."""
    header = pysam.VariantHeader()
    for name in genome:
        header.add_line(f"##contig=<ID={name},assembly=GRCh37>")
    header.add_line('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    for sample in samples or LABELS:
        header.add_sample(sample)
    with pysam.VariantFile(str(path), "wb", header=header) as out:
        for name, one in genome.items():
            for pos, row in zip(one.pos.tolist(), one.haplotypes, strict=True):
                record = out.new_record(contig=name, start=pos - 1, alleles=("A", "G"))
                for k, call in enumerate(record.samples.values()):
                    both = tuple(row[2 * k : 2 * k + 2].tolist())
                    call["GT"] = both[:1] if k in haploid else both
                    call.phased = True
                out.write(record)


def options(folder: Path, files: Sequence[str], out: str = "bundle", **changes: object) -> GenomeOptions:
    """Options of a small training in `folder`."""
    given: dict[str, object] = {"labels": LABELS, "tile_sites": 200, "held_out": 0.1} | changes
    panels = tuple(folder / name for name in files)
    return GenomeOptions(panels, (), folder / out, out, "GRCh37", **given)  # type: ignore[arg-type]
