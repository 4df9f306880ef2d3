"""Headers and pieces of peeled chromosomes to whole, indexed files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pysam.bcftools

from genotypes.bgzf import BgzfWriter, concatenate
from genotypes.index import TBI_LIMIT, index_vcf
from genotypes.tbi import index_pieces
from models.peeling.records import peeled_header
from worker.pipeline.peel_folder import Joined, PeelOptions, PeelSummary, columns_of
from worker.pipeline.types import Progress, silent
from worker.pipeline.version import software

_HEAD: Final = "header.gz"
_SITE: Final = ("CHROM", "POS", "ID", "REF", "ALT")

Pieces = Sequence[tuple[PeelSummary, Path]]
"""Peeled chromosomes with the folders that `peel_chunk` wrote."""


def peel_assemble(
    joined: Path,
    pieces: Pieces,
    out: Path,
    path: Path,
    options: PeelOptions | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write one result of some chromosomes.

    Args:
        joined: folder that `peel_harmonise` wrote.
        pieces: chromosomes in the order of the result.
        out: folder for scratch and side files, made when missing.
        path: the VCF or BCF to write; side files are named after it.
        options: as given to `peel_chunk`.
        progress: called with the fraction done; may raise to abort.

    Returns:
        The file, its index, and the side files: calls that the family contradicts; metafounders' allele frequencies
        where the pedigree has such; haplotypes and, one a chromosome,
        segregation where they were asked for.
    """
    options = options or PeelOptions()
    out.mkdir(parents=True, exist_ok=True)
    facts = Joined.open(joined)
    ids = facts.pedigree.ids
    names = [ids[row] for row in columns_of(facts.pedigree, facts.has_data, options).tolist()]
    chromosomes = [facts.chromosome(summary.chromosome) for summary, _ in pieces]
    contigs = {one.contig: one.length for one in chromosomes}
    header = peeled_header(
        names, contigs, software(), options.command, facts.build, options.keep_observed, facts.bundle
    )
    heads = {
        "contradicted": (*_SITE, "ANIMAL", "OBSERVED", "MOST_PROBABLE", "P_OBSERVED"),
        "haplotypes": (*_SITE, *names),
        "frequencies": (*_SITE, *(facts.pedigree.metafounders.names if facts.pedigree.metafounders else ())),
    }
    made = []
    with TemporaryDirectory(prefix="pieces-", dir=out) as scratch:
        text = path if options.format == "vcf.gz" else Path(scratch) / "whole.vcf.gz"
        _whole(text, header, [folder / "records.gz" for _, folder in pieces], Path(scratch))
        progress(0.5)
        if options.format == "bcf":
            pysam.bcftools.view("--no-version", "-Ob", "-o", str(path), str(text), catch_stdout=False)
            index = index_vcf(path)
        elif max((length or 0 for length in contigs.values()), default=0) > TBI_LIMIT:
            index = index_vcf(path)
        else:
            records = [
                (one.contig, folder / "records.gz") for one, (_, folder) in zip(chromosomes, pieces, strict=True)
            ]
            index = index_pieces(path, (Path(scratch) / _HEAD).stat().st_size, records)
        made += [path, index]
        for kind, columns in heads.items():
            parts = [folder / f"{kind}.gz" for summary, folder in pieces if f"{kind}.gz" in summary.files]
            if parts:
                made.append(_table(out / f"{stem(path)}.{kind}.tsv.gz", columns, parts, Path(scratch)))
        for one, (summary, folder) in zip(chromosomes, pieces, strict=True):
            if "segregation.gz" in summary.files:
                name = stem(path) if stem(path) == one.label else f"{stem(path)}.{one.label}"
                parts = [folder / "segregation.gz"]
                columns = (*_SITE, *summary.children)
                made.append(_table(out / f"{name}.segregation.tsv.gz", columns, parts, Path(scratch)))
    progress(1.0)
    return made


def stem(path: Path) -> str:
    """A result's name without its ending."""
    return path.name.removesuffix(".vcf.gz").removesuffix(".bcf").removesuffix(".dose")


def _table(path: Path, columns: Sequence[str], parts: Sequence[Path], scratch: Path) -> Path:
    _whole(path, ("\t".join(columns) + "\n").encode(), parts, scratch)
    return path


def _whole(path: Path, header: bytes, parts: Sequence[Path], scratch: Path) -> None:
    """Header and parts as one BGZF file."""
    head = scratch / _HEAD
    with BgzfWriter(head, eof=False) as file:
        file.write(header)
    concatenate([head, *parts], path)
