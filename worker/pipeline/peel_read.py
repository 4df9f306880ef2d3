"""Read the files of a pedigree job: calls and likelihoods of each file, chromosome by chromosome.

Unlike the files of other jobs these may hold different samples (arrays of different densities), may overlap, and may
give PL, GL or AD instead of calls. They meet in `peel_join`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

import numpy as np

from errors import Code, TesseraError
from genotypes.alphagenes import AlphaGenesReader, looks_like_alphagenes
from genotypes.contigs import plain_contig
from genotypes.guard import Limits
from genotypes.likelihoods import observe
from genotypes.read import VariantBlock
from genotypes.reader import GenotypeReader
from genotypes.sites import SiteTable
from genotypes.sniff import HEAD_BYTES
from models.peeling.pedigree import check_against_samples, read_pedigree
from worker.pipeline.ingest_sources import collect, file_named, open_source
from worker.pipeline.peel_folder import DOUBLED, PEDIGREE, ReadChromosome, ReadFiles
from worker.pipeline.peel_frequencies import keep_frequencies
from worker.pipeline.peel_maps import keep_maps
from worker.pipeline.types import Note, Progress, silent

MAX_CONTIGS: Final = 500  # of one file; each keeps a file open until it is read


@dataclass(frozen=True, slots=True)
class PeelReadOptions:
    """How to read the files of a pedigree job."""

    strict: bool = False  # refuse what would be mended
    limits: Limits = field(default_factory=Limits)
    names: Sequence[str] | None = None  # file names as the user knows them
    sites: Path | None = None  # of AlphaGenes text: a .map or .bim with a line a column
    doubled: Sequence[str] = ()  # ids of doubled haploids besides those that the pedigree names
    frequencies: tuple[Path, str] | None = None  # of metafounders, and the file's name as the user knows it
    maps: Sequence[tuple[Path, str]] = ()  # genetic maps, and their names as the user knows them


Opened = tuple[GenotypeReader, list[Note]]
"""A reader, and what was mended before it."""


def peel_read(
    files: Sequence[Path],
    pedigree: Path,
    out: Path,
    options: PeelReadOptions | None = None,
    progress: Progress = silent,
) -> ReadFiles:
    """Read every file into `out`, with a copy of the pedigree.

    Args:
        files: whatever a job without a pedigree may bring (`ingest_sources`), of the same samples or of different ones;
            where `options.sites` is given also AlphaGenes text, which is read after the others.
        pedigree: pedigree file; it is checked first, then the genetic maps.
        out: folder, made when missing.
        options: strictness, limits, names.
        progress: called with the fraction done; may raise to abort.

    Raises:
        TesseraError: what is wrong with a file, which its details name, with the pedigree or with a map.
    """
    options = options or PeelReadOptions()
    names = list(options.names) if options.names else [path.name for path in files]
    out.mkdir(parents=True, exist_ok=True)
    members = read_pedigree(pedigree, options.doubled)
    keep_maps(options.maps, out)
    if options.frequencies is not None:
        keep_frequencies(*options.frequencies, out, members)
    reading = _Reading(out, options)
    texts: list[tuple[Path, str]] = []
    others: list[tuple[Path, str]] = []
    for named in zip(files, names, strict=True):
        (texts if options.sites is not None and _is_alphagenes(named[0]) else others).append(named)
    with TemporaryDirectory(prefix="unpacked-", dir=out.parent) as unpacked:
        inputs = collect([path for path, _ in others], [name for _, name in others], Path(unpacked), options.limits)
        reading.notes += inputs.notes

        def open_one(number: int, scratch: Path, part: Progress) -> Opened:
            if number < len(inputs.sources):
                source = inputs.sources[number]
                return open_source(inputs, source, scratch, options.limits, options.strict, part, likelihoods=True)
            assert options.sites is not None
            return AlphaGenesReader(texts[number - len(inputs.sources)][0], options.sites), []

        read = [source.name for source in inputs.sources] + [name for _, name in texts]
        for number, name in enumerate(read):

            def part(fraction: float, number: int = number) -> None:
                progress((number + fraction) / len(read))

            try:
                with TemporaryDirectory(prefix="guard-", dir=out.parent) as scratch:
                    reading.read(number, name, partial(open_one, number, Path(scratch)), part)
            except TesseraError as error:
                raise file_named(error, name) from error
    check_against_samples(members, list(dict.fromkeys(sample for one in reading.samples for sample in one)))
    shutil.copyfile(pedigree, out / PEDIGREE)
    if options.doubled:
        (out / DOUBLED).write_text("\n".join(options.doubled) + "\n")
    return reading.close(read)


def _is_alphagenes(path: Path) -> bool:
    with path.open("rb") as file:
        return looks_like_alphagenes(file.read(HEAD_BYTES))


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
        self.ref_known: dict[int, bool] = {}  # by file
        self.counts = {"half_calls": 0, "multiallelic": 0, "symbolic": 0, "likelihoods": 0, "contigs_left_out": 0}
        self.notes: list[Note] = []

    def read(self, number: int, name: str, opened: Callable[[Progress], Opened], progress: Progress) -> None:
        """Read one file, or the files of a PLINK fileset."""
        reader, mended = opened(lambda done: progress(0.3 * done))
        for note in mended:
            self._mended(Code.malformed_record, note)
        self.samples.append(list(reader.samples))
        self.ref_known[number] = reader.ref_known
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
        for remark in reader.remarks:
            if remark.code == "parents_not_used":
                continue  # the job's pedigree says who descends from whom
            self._mended(remark.strict, Note(remark.code, f"'{name}' {remark.message}", remark.count))

    def close(self, names: list[str]) -> ReadFiles:
        """Finish the stores and describe them."""
        parts = []
        for (number, chromosome), store in self.stores.items():
            sites = store.close()
            known = self.ref_known[number]
            parts.append(ReadChromosome(chromosome, store.contig, store.length, store.name, sites, number, known))
        for code, message in (
            (Code.half_calls, "Half calls such as ./1 were set to missing."),
            (Code.multiallelic, "Sites with several ALT alleles were split into one site an allele."),
            (Code.symbolic_alleles, "Symbolic and * alleles were left out."),
        ):
            if count := self.counts[code.value.removesuffix("_alleles")]:
                self._mended(code, Note(code.value, message, count))
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

    def _store(self, number: int, contig: str, contigs: Mapping[str, int | None]) -> _Store | None:
        """Store of a file's chromosome; None beyond `MAX_CONTIGS`."""
        key = (number, plain_contig(contig))
        if key not in self.stores:
            if sum(file == number for file, _ in self.stores) >= MAX_CONTIGS:
                return None
            self.stores[key] = _Store(self.out, f"f{number}c{len(self.stores)}", contig, contigs.get(contig))
        return self.stores[key]

    def _mended(self, code: Code | None, note: Note) -> None:
        """Note a mending, or refuse it when strict; without a code it is a note only."""
        if self.options.strict and code is not None:
            message = f"{note.message.rstrip('.')}: strict mode refuses this."
            raise TesseraError(code, message, field="vcf", count=note.count)
        self.notes.append(note)
