"""Phased panels a block of sites at a time, whatever their length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.harmonise import normal_contig
from genotypes.panel import check_phased, refused
from genotypes.read import VcfReader
from genotypes.sites import SiteTable


@dataclass(frozen=True, slots=True, eq=False)
class PanelBlock:
    """Some sites of one chromosome.

    Attributes:
        sites: V sites.
        haplotypes: (V, 2S) int8, 0 or 1; where a sample is haploid its second column says nothing.
        ploidy: (S,) int8, the least of each sample in the block.
        fraction: of the file that is read.
    """

    sites: SiteTable
    haplotypes: NDArray[np.int8]
    ploidy: NDArray[np.int8]
    fraction: float


class PanelBlocks:
    """Iterates over a phased VCF or BCF without missing genotypes; sites with several ALT alleles are split."""

    def __init__(self, path: Path, chrom: str | None = None) -> None:
        """Read the header; `chrom` is the only contig to give, if any."""
        self.path, self._chrom = path, chrom
        self._reader = VcfReader(path)
        self.samples: list[str] = self._reader.samples

    def __iter__(self) -> Iterator[PanelBlock]:
        """The blocks, chromosome by chromosome.

        Raises:
            TesseraError: `malformed_record` for an unphased or missing genotype, a change of ploidy (but on X), and
                records that are not sorted; `header_only` when there is no site; and what `VcfReader` raises.
        """
        ploidy: dict[str, NDArray[np.int8]] = {}
        last = ("", 0)
        for block in self._reader:
            contig = block.sites.chrom
            if len(block.sites) == 0 or (self._chrom is not None and contig != self._chrom):
                continue
            if contig != last[0]:
                if contig in ploidy:
                    raise refused(f"The records of {contig} do not stand together in {self.path.name}.", SORT)
                last = (contig, 0)
            if block.sites.pos[0] < last[1] or (np.diff(block.sites.pos) < 0).any():
                raise refused(f"The records of {contig} are not sorted in {self.path.name}.", SORT)
            last = (contig, int(block.sites.pos[-1]))
            found = gt.ploidy(block.codes)
            usual = ploidy.setdefault(contig, found[0])
            check_phased(block, found, None if normal_contig(contig) == "X" else usual)
            both = np.maximum(gt.haplotypes(block.codes).reshape(len(block.sites), -1), 0)
            yield PanelBlock(block.sites, both, found.min(axis=0), self._reader.fraction)
        if not ploidy:
            raise TesseraError(Code.header_only, f"The panel {self.path.name} has no sites of the chromosome.")


class BlocksOfPeople(Protocol):
    """A chromosome of a panel of diploid people, read anew at each iteration."""

    @property
    def samples(self) -> list[str]:
        """Ids of the people, in the order of their pairs of haplotypes."""
        ...

    def __iter__(self) -> Iterator[PanelBlock]:
        """Its blocks, in order of position."""
        ...


class DiploidPanel:
    """The one chromosome of a panel's file, or the one that is named; `BlocksOfPeople`."""

    def __init__(self, path: Path, chrom: str | None = None) -> None:
        """Read the header; `chrom` is the contig to give, needed when the file holds several."""
        self.samples = PanelBlocks(path, chrom).samples
        self._path, self._chrom = path, chrom

    def __iter__(self) -> Iterator[PanelBlock]:
        """The blocks.

        Raises:
            TesseraError: `setup_invalid` for haploids, `malformed_record` for a second chromosome when none was named,
                and what `PanelBlocks` raises.
        """
        first = ""
        for block in PanelBlocks(self._path, self._chrom):
            contig = block.sites.chrom
            first = first or contig
            if contig != first:
                raise refused(f"The panel holds chromosomes {first} and {contig}: name one.")
            if (block.ploidy != 2).any():
                message = f"The panel of chromosome {contig} has haploids: give autosomes."
                raise TesseraError(Code.setup_invalid, message)
            yield block


SORT = "Sort it first (bcftools sort)."
