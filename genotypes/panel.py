"""Phased reference panels as haplotype matrices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.harmonise import normal_contig
from genotypes.read import VariantBlock, VcfReader
from genotypes.sites import SiteTable


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Phased haplotypes of one chromosome.

    Attributes:
        sites: V sites sorted by position, one ALT each; af is the panel's own ALT frequency.
        haplotypes: (V, H) int8, 0 or 1; the two haplotypes of a diploid sample are neighbours.
        samples: sample ids; H is twice their number when all are diploid. A male on X, diploid in its pseudoautosomal
            regions alone, has one haplotype throughout: the first.
    """

    sites: SiteTable
    haplotypes: NDArray[np.int8]
    samples: list[str]


def read_panel(path: Path | str, chrom: str | None = None) -> Panel:
    """Read a phased VCF or BCF without missing genotypes; sites with several ALT alleles are split.

    Args:
        path: the panel.
        chrom: contig to read; needed when the file holds several.

    Raises:
        TesseraError: `malformed_record` for an unphased or missing genotype, a change of ploidy or a second
            chromosome when none was named; `header_only` when there is no site; and what `VcfReader` raises.
    """
    reader = VcfReader(path)
    tables: list[SiteTable] = []
    rows: list[NDArray[np.int8]] = []
    ploidy: NDArray[np.int8] | None = None
    for block in reader:
        if chrom is not None and chrom != block.sites.chrom:
            continue
        if tables and tables[0].chrom != block.sites.chrom:
            raise refused(f"The panel holds chromosomes {tables[0].chrom} and {block.sites.chrom}: name one.")
        if len(block.sites) == 0:
            continue
        found = gt.ploidy(block.codes)
        ploidy = found[0] if ploidy is None else ploidy
        changes = normal_contig(block.sites.chrom) == "X"
        check_phased(block, found, None if changes else ploidy)
        ploidy = np.minimum(ploidy, found.min(axis=0))
        tables.append(block.sites)
        rows.append(gt.haplotypes(block.codes).reshape(len(block.sites), -1))
    if not tables or ploidy is None:
        raise TesseraError(Code.header_only, f"The panel {Path(path).name} has no sites of the chromosome.")
    keep = np.stack([np.ones_like(ploidy), ploidy == 2], axis=1).ravel().astype(bool)
    haplotypes = np.concatenate([both if keep.all() else both[:, keep] for both in rows])
    sites = SiteTable.concatenate(tables)
    if (np.diff(sites.pos) < 0).any():
        order = np.argsort(sites.pos, kind="stable")
        sites, haplotypes = sites.take(order), haplotypes[order]
    af = haplotypes.mean(axis=1, dtype=np.float32)
    return Panel(SiteTable(sites.chrom, sites.pos, sites.ref, sites.alt, sites.id, af), haplotypes, reader.samples)


def check_phased(block: VariantBlock, found: NDArray[np.int8], ploidy: NDArray[np.int8] | None) -> None:
    """Refuse missing and unphased genotypes and, where `ploidy` is given, any other one."""
    wrong = found == 0 if ploidy is None else found != ploidy
    bad = ((block.codes == gt.HET) | wrong).any(axis=1)
    if bad.any():
        where = f"{block.sites.chrom}:{block.sites.pos[int(np.flatnonzero(bad)[0])]}"
        raise refused(f"The panel has a missing or unphased genotype or a change of ploidy at {where}.")


def refused(message: str, action: str = "Phase the panel and impute its missing genotypes first.") -> TesseraError:
    """`malformed_record` of a panel."""
    return TesseraError(Code.malformed_record, message, action=action)
