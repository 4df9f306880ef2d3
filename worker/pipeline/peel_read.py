"""Read the files of a pedigree job: calls and likelihoods of each file, chromosome by chromosome.

Unlike the files of other jobs these may hold different samples (arrays of different densities), may overlap, and may
give PL, GL or AD instead of calls. They meet in `peel_join`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final, Protocol

import numpy as np

from errors import Code, TesseraError
from genotypes.alphagenes import AlphaGenesReader, looks_like_alphagenes
from genotypes.guard import Limits, guard
from genotypes.likelihoods import observe
from genotypes.read import VariantBlock, VcfReader
from genotypes.sites import SiteTable
from genotypes.sniff import HEAD_BYTES, sniff_head
from models.peeling.pedigree import check_against_samples, read_pedigree
from worker.pipeline.peel_folder import PEDIGREE, ReadChromosome, ReadFiles
from worker.pipeline.types import Note, Progress, silent

MAX_CONTIGS: Final = 500  # of one file; each keeps a file open until it is read


@dataclass(frozen=True, slots=True)
class PeelReadOptions:
    """How to read the files of a pedigree job."""

    strict: bool = False  # refuse what would be mended
    limits: Limits = field(default_factory=Limits)
    names: Sequence[str] | None = None  # file names as the user knows them
    sites: Path | None = None  # of AlphaGenes text: a .map or .bim with a line a column


class Reader(Protocol):
    """What a file of genotypes is read by."""

    samples: list[str]
    contigs: dict[str, int | None]
    header_build: str | None
    fraction: float

    def __iter__(self) -> Any:
        """Blocks of sites (`VariantBlock`)."""
        ...


def plain_contig(name: str) -> str:
    """A chromosome's name without `chr` and leading zeros; unlike `normal_contig`, 23 stays 23, which cattle have."""
    plain = name[3:] if name[:3].lower() == "chr" and len(name) > 3 else name
    return plain.lstrip("0") or plain if plain.isdecimal() else plain


def peel_read(
    files: Sequence[Path],
    pedigree: Path,
    out: Path,
    options: PeelReadOptions | None = None,
    progress: Progress = silent,
) -> ReadFiles:
    """Read every file into `out`, with a copy of the pedigree.

    Args:
        files: VCF or BCF (or AlphaGenes text where `options.sites` is given), of the same samples or of different ones.
        pedigree: pedigree file; it is checked first.
        out: folder, made when missing.
        options: strictness, limits, names.
        progress: called with the fraction done; may raise to abort.

    Raises:
        TesseraError: what is wrong with a file, which its details name, or with the pedigree.
    """
    options = options or PeelReadOptions()
    names = list(options.names) if options.names else [path.name for path in files]
    out.mkdir(parents=True, exist_ok=True)
    members = read_pedigree(pedigree)
    reading = _Reading(out, options)
    for number, (path, name) in enumerate(zip(files, names, strict=True)):

        def part(fraction: float, number: int = number) -> None:
            progress((number + fraction) / len(files))

        try:
            with TemporaryDirectory(prefix="guard-", dir=out.parent) as scratch:
                reading.read(number, path, name, Path(scratch), part)
        except TesseraError as error:
            message = error.message if f"'{name}'" in error.message else f"'{name}': {error.message}"
            details = {"file": name} | error.details
            field = error.field or "vcf"
            raise TesseraError(error.code, message, action=error.action, field=field, **details) from error
    check_against_samples(members, list(dict.fromkeys(sample for one in reading.samples for sample in one)))
    shutil.copyfile(pedigree, out / PEDIGREE)
    return reading.close(names)


class _Store:
    """One file's sites on one chromosome on their way to disk."""

    def __init__(self, folder: Path, name: str, contig: str, length: int | None) -> None:
        self.name, self.contig, self.length = name, contig, length
        self.tables: list[SiteTable] = []
        self.folder = folder
        self.file: IO[bytes] = (folder / f"{name}.obs").open("wb")

    def add(self, block: VariantBlock) -> None:
        self.tables.append(block.sites)
        self.file.write(np.ascontiguousarray(observe(block.codes, block.likelihoods)).data)

    def close(self) -> int:
        self.file.close()
        sites = SiteTable.concatenate(self.tables, self.contig)
        sites.save(self.folder / f"{self.name}.sites.npz")
        return len(sites)


class _Reading:
    """Samples of each file, the stores so far, and what was noticed."""

    def __init__(self, out: Path, options: PeelReadOptions) -> None:
        self.out, self.options = out, options
        self.samples: list[list[str]] = []
        self.build: str | None = None
        self.stores: dict[tuple[int, str], _Store] = {}
        self.counts = {"half_calls": 0, "multiallelic": 0, "symbolic": 0, "likelihoods": 0, "contigs_left_out": 0}
        self.notes: list[Note] = []

    def read(self, number: int, path: Path, name: str, scratch: Path, progress: Progress) -> None:
        """Read one file."""
        reader = self._open(path, name, scratch, progress)
        self.samples.append(list(reader.samples))
        self.build = self.build or reader.header_build
        for block in reader:
            store = self._store(number, block.sites.chrom, reader.contigs)
            self.counts["half_calls"] += int(block.half_calls.sum())
            self.counts["multiallelic"] += block.multiallelic
            self.counts["symbolic"] += block.symbolic
            if block.likelihoods is not None:
                self.counts["likelihoods"] += int((block.likelihoods > 0).sum())
            if store is None:
                self.counts["contigs_left_out"] += len(block.sites)
            elif len(block.sites):
                store.add(block)
            progress(0.3 + 0.7 * reader.fraction)

    def close(self, names: list[str]) -> ReadFiles:
        """Finish the stores and describe them."""
        parts = []
        for (number, chromosome), store in self.stores.items():
            sites = store.close()
            parts.append(ReadChromosome(chromosome, store.contig, store.length, store.name, sites, number))
        for code, message in (
            (Code.half_calls, "Half calls such as ./1 were set to missing."),
            (Code.multiallelic, "Sites with several ALT alleles were split into one site an allele."),
            (Code.symbolic_alleles, "Symbolic and * alleles were left out."),
        ):
            self._mended(code, message, self.counts[code.value.removesuffix("_alleles")])
        if self.counts["likelihoods"]:
            message = "Genotypes were read from likelihoods or read depths (PL, GL, AD) rather than from their calls."
            self.notes.append(Note("likelihoods", message, self.counts["likelihoods"]))
        if self.counts["contigs_left_out"]:
            message = f"Only the first {MAX_CONTIGS} contigs are read; these sites lie on others."
            self.notes.append(Note("contigs_left_out", message, self.counts["contigs_left_out"]))
        notes = [note.as_dict() for note in self.notes]
        done = ReadFiles(self.out, names, self.samples, self.build, parts, notes)
        done.write()
        return done

    def _open(self, path: Path, name: str, scratch: Path, progress: Progress) -> Reader:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if self.options.sites is not None and looks_like_alphagenes(head):
            return AlphaGenesReader(path, self.options.sites)
        guarded = guard(path, sniff_head(head, name), scratch, self.options.limits, lambda done: progress(0.3 * done))
        if guarded.crlf:
            self._mended(Code.malformed_record, f"Windows line ends of '{name}' were mended.", 1)
        return VcfReader(guarded.path, likelihoods=True)

    def _store(self, number: int, contig: str, contigs: dict[str, int | None]) -> _Store | None:
        """Store of a file's chromosome; None beyond `MAX_CONTIGS`."""
        key = (number, plain_contig(contig))
        if key not in self.stores:
            if sum(file == number for file, _ in self.stores) >= MAX_CONTIGS:
                return None
            self.stores[key] = _Store(self.out, f"f{number}c{len(self.stores)}", contig, contigs.get(contig))
        return self.stores[key]

    def _mended(self, code: Code, message: str, count: int) -> None:
        """Note a mending, or refuse it when strict."""
        if not count:
            return
        if self.options.strict:
            raise TesseraError(code, f"{message.rstrip('.')}: strict mode refuses this.", field="vcf", count=count)
        self.notes.append(Note(code.value, message, count))
