"""Read the upload: sniff, decompress, split by chromosome, sort; genotypes come out as one store a chromosome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.guard import Limits, guard
from genotypes.harmonise import normal_contig
from genotypes.read import VcfReader
from genotypes.sniff import HEAD_BYTES, sniff_head
from genotypes.store import sort_store
from worker.pipeline.folder import Ingested, IngestedChromosome
from worker.pipeline.ingest_chromosome import ChromosomeWriter
from worker.pipeline.types import IngestSummary, Note, Progress, silent

MAX_CONTIGS = 500  # each keeps a file open until the upload is read


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How to read an upload."""

    strict: bool = False  # refuse what would be mended
    limits: Limits = field(default_factory=Limits)
    names: Sequence[str] | None = None  # file names as the user knows them


def ingest(
    files: Sequence[Path], out: Path, options: IngestOptions | None = None, progress: Progress = silent
) -> IngestSummary:
    """Read every file of an upload into `out`.

    Args:
        files: VCF or BCF files of the same samples, in any order, compressed or not.
        out: folder for the stores and `ingest.json`, made when missing.
        options: strictness, limits, names.
        progress: called with the fraction done; may raise to abort.

    Raises:
        TesseraError: what is wrong with the upload; `details` names the file.
    """
    options = options or IngestOptions()
    names = list(options.names) if options.names else [path.name for path in files]
    out.mkdir(parents=True, exist_ok=True)
    reading = _Reading(out, options.strict)
    for number, (path, name) in enumerate(zip(files, names, strict=True)):
        done = number / len(files)

        def file_progress(fraction: float, done: float = done) -> None:
            progress(0.9 * (done + fraction / len(files)))

        try:
            # What a mended copy needs is gone before the next file: the folder that stays holds stores only.
            with TemporaryDirectory(prefix="guard-", dir=out.parent) as scratch:
                reading.read(number, path, name, options.limits, Path(scratch), file_progress)
        except TesseraError as error:
            raise _named(error, name) from error
    ingested = reading.close(names)
    progress(1.0)
    return IngestSummary(
        samples=len(ingested.samples),
        sites=sum(one.sites for one in ingested.chromosomes),
        chromosomes=[one.name for one in ingested.chromosomes],
        build=ingested.build,
        notes=[Note.from_dict(one) for one in ingested.notes],
    )


def _named(error: TesseraError, name: str) -> TesseraError:
    """The error with the file's name in its message and details."""
    message = error.message if f"'{name}'" in error.message else f"'{name}': {error.message}"
    details = {"file": name} | error.details
    return TesseraError(error.code, message, action=error.action, field=error.field or "vcf", **details)


class _Reading:
    """The state of an ingestion: samples of the first file, one writer a chromosome, what was mended."""

    def __init__(self, out: Path, strict: bool) -> None:
        self.out = out
        self.strict = strict
        self.samples: list[str] = []
        self.build: str | None = None
        self.notes: list[Note] = []
        self.writers: dict[str, ChromosomeWriter] = {}
        self.left_out: dict[str, int] = {}

    def read(self, number: int, path: Path, name: str, limits: Limits, scratch: Path, progress: Progress) -> None:
        """Read one file."""
        with path.open("rb") as file:
            kind = sniff_head(file.read(HEAD_BYTES), name)
        guarded = guard(path, kind, scratch, limits, lambda fraction: progress(0.3 * fraction))
        reader = VcfReader(guarded.path)
        order = self._order(reader.samples, name)
        if guarded.crlf:
            self._mended(Code.malformed_record, Note("crlf", f"Windows line ends of '{name}' were mended."))
        self.build = self.build or reader.header_build
        for block in reader:
            chromosome = normal_contig(block.sites.chrom)
            writer = self._writer(chromosome, len(reader.samples))
            if writer is None:
                self.left_out[chromosome] = self.left_out.get(chromosome, 0) + len(block.sites)
                continue
            writer.add(number, name, block, order, reader.contigs.get(block.sites.chrom))
            progress(0.3 + 0.7 * reader.fraction)

    def close(self, names: list[str]) -> Ingested:
        """Sort and describe every chromosome."""
        chromosomes: list[IngestedChromosome] = []
        for writer in self.writers.values():
            writer.close()
            steps = sort_store(self.out, writer.store)
            if steps:
                message = "Sites were out of order; the chromosome was sorted."
                self._mended(Code.unsorted, Note("unsorted", message, steps, writer.name))
            for code, note in writer.notes():
                self._mended(code, note)
            chromosomes.append(writer.describe())
        if self.left_out:
            message = f"Only the first {MAX_CONTIGS} contigs of an upload are read; these sites lie on others."
            self.notes.append(Note("contigs_left_out", message, sum(self.left_out.values())))
        notes = [note.as_dict() for note in self.notes]
        ingested = Ingested(self.out, self.samples, self.build, names, chromosomes, notes)
        ingested.write()
        return ingested

    def _writer(self, chromosome: str, samples: int) -> ChromosomeWriter | None:
        """Writer of a chromosome; None beyond `MAX_CONTIGS`."""
        if chromosome not in self.writers:
            if len(self.writers) >= MAX_CONTIGS:
                return None
            self.writers[chromosome] = ChromosomeWriter(self.out, f"c{len(self.writers)}", chromosome, self.samples)
        return self.writers[chromosome]

    def _order(self, samples: list[str], name: str) -> NDArray[np.int64] | None:
        """Columns of a file in the order of the first file's samples; None when they are in that order."""
        if not self.samples:
            self.samples = list(samples)
            return None
        if samples == self.samples:
            return None
        differing = sorted(set(samples).symmetric_difference(self.samples))
        if differing:
            message = f"'{name}' and the first file hold different samples, '{differing[0]}' for one."
            raise TesseraError(Code.samples_differ, message, field="vcf", samples=differing[:20], count=len(differing))
        note = Note("samples_reordered", f"The samples of '{name}' were put in the order of the first file.")
        self._mended(Code.samples_differ, note)
        place = {sample: column for column, sample in enumerate(samples)}
        return np.array([place[sample] for sample in self.samples])

    def _mended(self, code: Code | None, note: Note) -> None:
        """Note a mending, or refuse it when strict; without a code it is a note only."""
        if self.strict and code is not None:
            where = "" if note.chromosome is None else f" (chromosome {note.chromosome})"
            message = f"{note.message.rstrip('.')}{where}: strict mode refuses this."
            raise TesseraError(code, message, field="vcf", count=note.count, chromosome=note.chromosome)
        self.notes.append(note)
