"""Uploads for the fake bundle: genotypes at every third of its sites, to be spoilt by tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from genotypes.sites import SiteTable
from tests.support.fake_engine import FakeBundle, make_sites
from tests.support.vcf import write_vcf

CONTIGS_37 = {"20": 63_025_520}
CONTIGS_38 = {"20": 64_444_167}


@dataclass
class Upload:
    """The columns of a VCF; `write` turns them into a file."""

    chrom: list[str]
    pos: list[int]
    ref: list[str]
    alt: list[str]
    gts: list[list[str]]
    samples: list[str]
    contigs: dict[str, int] | None = field(default_factory=lambda: dict(CONTIGS_37))
    header: list[str] = field(default_factory=list)
    fmt: str = "GT"
    newline: str = "\n"

    def write(self, path: Path) -> Path:
        return write_vcf(
            path,
            self.chrom,
            self.pos,
            self.ref,
            self.alt,
            self.gts,
            self.samples,
            contigs=self.contigs,
            header=self.header,
            fmt=self.fmt,
            newline=self.newline,
        )

    def rows(self, rows: list[int]) -> Upload:
        """The same file with these records, in this order."""
        return replace(
            self,
            chrom=[self.chrom[row] for row in rows],
            pos=[self.pos[row] for row in rows],
            ref=[self.ref[row] for row in rows],
            alt=[self.alt[row] for row in rows],
            gts=[list(self.gts[row]) for row in rows],
        )

    def columns(self, columns: list[int]) -> Upload:
        """The same file with these samples, in this order."""
        return replace(
            self,
            samples=[self.samples[column] for column in columns],
            gts=[[row[column] for column in columns] for row in self.gts],
        )

    def edit(self, change: Callable[[Upload], object]) -> Upload:
        """A copy that `change` was done to."""
        copy = self.rows(list(range(len(self.pos))))
        copy.samples = list(self.samples)
        change(copy)
        return copy


def make_upload(table: SiteTable, samples: int = 5, every: int = 3, seed: int = 3, separator: str = "/") -> Upload:
    """Random genotypes, one in twenty missing, at every `every`-th site of a table."""
    rng = np.random.default_rng(seed)
    rows = list(range(0, len(table), every))
    alleles = rng.integers(0, 2, (len(rows), samples, 2)).astype("U1")
    alleles[rng.random((len(rows), samples)) < 0.05] = "."
    return Upload(
        chrom=[table.chrom] * len(rows),
        pos=[int(table.pos[row]) for row in rows],
        ref=[table.ref[row] for row in rows],
        alt=[table.alt[row] for row in rows],
        gts=[[separator.join(pair) for pair in row] for row in alleles],
        samples=[f"S{number}" for number in range(samples)],
    )


def make_bundle(count: int = 60, build: str = "GRCh37") -> FakeBundle:
    """A bundle of chromosomes 20 and X."""
    return FakeBundle({"20": make_sites("20", count), "X": make_sites("X", count, seed=2)}, build=build, length=None)
