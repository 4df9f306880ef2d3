"""A VCF and a pedigree in, a VCF of every animal of the pedigree out; no server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.bgzf import BgzfWriter
from genotypes.index import index_vcf
from genotypes.maps import GeneticMap
from genotypes.read import VcfReader
from genotypes.sites import SiteTable
from models.peeling.engine import Options, Peeling
from models.peeling.pedigree import Pedigree, check_against_samples, read_pedigree
from models.peeling.penetrance import from_calls
from models.peeling.records import peeled_header, peeled_text

Progress = Callable[[str, float], None]
NOT_AUTOSOMES = {"X", "Y", "XY", "Z", "W", "M", "MT"}


@dataclass(slots=True)
class Peeled:
    """What was done.

    Attributes:
        animals: columns of the output.
        typed: samples of the VCF that the pedigree holds.
        strangers: samples that it lacks; they are left out.
        sites: sites written.
        left_out: sites without an ALT allele, or repeated.
        errors: estimated error rate of calls by chromosome.
    """

    animals: int
    typed: int
    strangers: list[str]
    sites: int = 0
    left_out: int = 0
    errors: dict[str, float] = field(default_factory=dict)


def peel_file(
    vcf: Path,
    pedigree_file: Path,
    output: Path,
    *,
    map_file: Path | None = None,
    only: Sequence[str] | None = None,
    options: Options | None = None,
    software: str = "tessera",
    command: str = "tessera peel",
    progress: Progress | None = None,
) -> Peeled:
    """Peel every chromosome of a file.

    Args:
        vcf: VCF or BCF with GT; phase in it is not used, as programs order haplotypes as they please.
        pedigree_file: see `pedigree`.
        output: .vcf.gz; its index goes beside it. Appears when it is complete.
        map_file: genetic map; without it 1 cM/Mb.
        only: ids of the animals to write, in that order; all of the pedigree by default.
        options: settings of the engine.
        software: name and version for the header.
        command: command line for the header.
        progress: hears what is being done and how far it is, 0-1.

    Raises:
        TesseraError: see `VcfReader` and `read_pedigree`; `pedigree_unknown_ids` for an unknown id in `only`,
            `engine_unavailable` for a sex chromosome or mitochondria.
    """
    pedigree = read_pedigree(pedigree_file)
    reader = VcfReader(vcf)
    animal = check_against_samples(pedigree, reader.samples)
    columns = _columns(pedigree, only)
    strangers = [name for name, row in zip(reader.samples, animal.tolist(), strict=True) if row < 0]
    done = Peeled(len(columns), int((animal >= 0).sum()), strangers)
    chromosomes = _read(reader, progress)
    _require_autosomes(chromosomes)
    contigs = {name: reader.contigs.get(name) for name in chromosomes}
    part = output.with_name(output.name + ".part")
    try:
        with BgzfWriter(part) as out:
            out.write(peeled_header([pedigree.ids[k] for k in columns], contigs, software, command))
            for chrom, (sites, codes) in chromosomes.items():
                kept = _usable(sites)
                done.left_out += len(sites) - len(kept)
                sites = sites.take(kept)
                known = np.full((len(kept), len(pedigree)), gt.MISSING, np.int8)
                known[:, animal[animal >= 0]] = codes[kept][:, animal >= 0]
                scale = GeneticMap.read(map_file, chrom) if map_file else GeneticMap.uniform()
                peeling = Peeling(pedigree, from_calls(known), scale.cm(sites.pos), options)
                del known, codes

                def tell(cycle: int, cycles: int, chrom: str = chrom) -> None:
                    if progress is not None:
                        progress(f"peel {chrom}", cycle / cycles)

                peeling.run(tell)
                if peeling.error is not None:
                    done.errors[chrom] = peeling.error
                for block in peeling.blocks():
                    out.write(peeled_text(sites.slice(block.first, block.first + len(block.gp4)), block, columns))
                    if progress is not None:
                        progress(f"write {chrom}", (block.first + len(block.gp4)) / len(sites))
                done.sites += len(sites)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    index_vcf(output)
    return done


def _require_autosomes(chromosomes: Iterable[str]) -> None:
    """Refuse what is not inherited as an autosome, by its own name: 23 is X in people and an autosome in cattle."""
    for chrom in chromosomes:
        if chrom.removeprefix("chr").upper() in NOT_AUTOSOMES:
            raise TesseraError(
                Code.engine_unavailable,
                f"Chromosome {chrom} is not inherited as autosomes are, and peeling knows autosomes alone.",
                action=f"Leave it out ('bcftools view -t ^{chrom}').",
            )


def _columns(pedigree: Pedigree, only: Sequence[str] | None) -> NDArray[np.int64]:
    if only is None:
        return np.arange(len(pedigree))
    rows = {name: row for row, name in enumerate(pedigree.ids)}
    unknown = [name for name in only if name not in rows]
    if unknown:
        message = f"The pedigree has no animal '{unknown[0]}' to write."
        raise TesseraError(Code.pedigree_unknown_ids, message, field="only", animals=unknown[:20])
    return np.array([rows[name] for name in dict.fromkeys(only)], np.int64)


def _read(reader: VcfReader, progress: Progress | None) -> dict[str, tuple[SiteTable, gt.Codes]]:
    """Sites and (L, S) codes of each chromosome, in order of appearance."""
    found: dict[str, tuple[list[SiteTable], list[gt.Codes]]] = {}
    for block in reader:
        tables, codes = found.setdefault(block.sites.chrom, ([], []))
        tables.append(block.sites)
        codes.append(block.codes)
        if progress is not None:
            progress("read", reader.fraction)
    return {chrom: (SiteTable.concatenate(t, chrom), np.concatenate(c)) for chrom, (t, c) in found.items()}


def _usable(sites: SiteTable) -> NDArray[np.int64]:
    """Rows with an ALT allele, sorted by position; of repeated records the first."""
    seen: set[tuple[int, str, str]] = set()
    rows: list[int] = []
    for row, site in enumerate(zip(sites.pos.tolist(), sites.ref, sites.alt, strict=True)):
        if site[2] != "." and site not in seen:
            seen.add(site)
            rows.append(row)
    kept = np.array(rows, np.int64)
    return kept[np.argsort(sites.pos[kept], kind="stable")]
