"""Indexes beside VCF and BCF files."""

from __future__ import annotations

from pathlib import Path

import pysam

TBI_LIMIT = 1 << 29  # bp that a .tbi can address


def index_vcf(path: Path) -> Path:
    """Index a sorted BGZF VCF (.tbi, or .csi when a contig is longer than 512 Mb) or BCF (.csi).

    Args:
        path: the file; its name ends in .bcf when it is a BCF.

    Returns:
        Path of the index, beside the file; an older one is replaced.
    """
    if path.suffix == ".bcf":
        pysam.tabix_index(str(path), preset="vcf", force=True, csi=True, keep_original=True)
        return path.with_name(path.name + ".csi")
    before = pysam.set_verbosity(0)  # htslib else complains that there is no index yet
    try:
        with pysam.VariantFile(str(path)) as file:
            longest = max((contig.length or 0 for contig in file.header.contigs.values()), default=0)
    finally:
        pysam.set_verbosity(before)
    csi = longest > TBI_LIMIT
    pysam.tabix_index(str(path), preset="vcf", force=True, csi=csi, keep_original=True)
    return path.with_name(path.name + (".csi" if csi else ".tbi"))
