"""Read the upload: sniff, unpack, split by chromosome, sort, join; genotypes come out as one store a chromosome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.contigs import chromosome_name
from genotypes.guard import Limits
from genotypes.parts import Source
from genotypes.store import sort_store
from worker.pipeline.folder import Ingested
from worker.pipeline.ingest_join import MAX_CONTIGS, SampleGroup, differing, join_groups
from worker.pipeline.ingest_sources import Inputs, collect, file_named, open_source
from worker.pipeline.types import IngestSummary, Note, Progress, silent


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
        files: VCF, BCF, PLINK 1 and 2, array texts or zip archives of them, in any order.
        out: folder for the stores and `ingest.json`, made when missing.
        options: strictness, limits, names.
        progress: called with the fraction done; may raise to abort.

    Raises:
        TesseraError: what is wrong with the upload; `details` names the file.
    """
    options = options or IngestOptions()
    names = list(options.names) if options.names else [path.name for path in files]
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="unpacked-", dir=out.parent) as unpacked:
        inputs = collect(files, names, Path(unpacked), options.limits)
        reading = _Reading(out, options.strict)
        reading.notes += inputs.notes
        total = max(1, sum(inputs.size(source) for source in inputs.sources))
        done = 0
        for number, source in enumerate(inputs.sources):
            share = inputs.size(source)

            def source_progress(fraction: float, done: int = done, share: int = share) -> None:
                progress(0.9 * (done + fraction * share) / total)

            try:
                # What a mended copy needs is gone before the next file: the folder that stays holds stores only.
                with TemporaryDirectory(prefix="guard-", dir=out.parent) as scratch:
                    reading.read(number, inputs, source, options.limits, Path(scratch), source_progress)
            except TesseraError as error:
                raise file_named(error, source.name) from error
            done += share
    ingested = reading.close(names)
    progress(1.0)
    return IngestSummary(
        samples=len(ingested.samples),
        sites=sum(one.sites for one in ingested.chromosomes),
        chromosomes=[one.name for one in ingested.chromosomes],
        build=ingested.build,
        notes=[Note.from_dict(one) for one in ingested.notes],
    )


class _Reading:
    """The state of an ingestion: groups of samples, a writer a chromosome in each, what was mended."""

    def __init__(self, out: Path, strict: bool) -> None:
        self.out = out
        self.strict = strict
        self.groups: list[SampleGroup] = []
        self.build: str | None = None
        self.sex: dict[str, str] = {}
        self.notes: list[Note] = []
        self.left_out: dict[str, int] = {}

    def read(
        self, number: int, inputs: Inputs, source: Source, limits: Limits, scratch: Path, progress: Progress
    ) -> None:
        """Read one source."""
        name = source.name
        reader, mended = open_source(
            inputs, source, scratch, limits, self.strict, lambda fraction: progress(0.3 * fraction)
        )
        group, order = self._place(list(reader.samples), name)
        for note in mended:
            self._mended(Code.malformed_record, note)
        self.build = self.build or reader.header_build
        self.sex |= reader.sex
        for block in reader:
            chromosome = chromosome_name(block.sites.chrom, people=False)  # the bundle tells what 23 is
            writer = group.writer(chromosome)
            if writer is None:
                self.left_out[chromosome] = self.left_out.get(chromosome, 0) + len(block.sites)
                continue
            length = reader.contigs.get(block.sites.chrom)
            writer.add(number, name, block, order, length, ref_known=reader.ref_known)
            progress(0.3 + 0.7 * reader.fraction)
        for remark in reader.remarks:
            self._mended(remark.strict, Note(remark.code, f"'{name}' {remark.message}", remark.count))

    def close(self, names: list[str]) -> Ingested:
        """Sort and describe every chromosome, and join the groups of samples where there are several."""
        if not any(group.writers for group in self.groups):
            raise TesseraError(Code.header_only, "Nothing of the upload could be read as a site.", field="vcf")
        for writer in (writer for group in self.groups for writer in group.writers.values()):
            writer.close()
            sort_store(self.out, writer.store)
            for code, note in writer.notes():
                self._mended(code, note)
        if len(self.groups) == 1:
            chromosomes = [writer.describe() for writer in self.groups[0].writers.values()]
        else:
            chromosomes, joined = join_groups(self.out, self.groups)
            for note in joined:
                self._mended(Code.samples_differ, note)
        guessed = sum(one.sites for one in chromosomes if not one.ref_known)
        if guessed:
            message = (
                "PLINK 1 and raw array data do not tell REF from ALT: the bundle's alleles decide, "
                "and sites that the bundle lacks keep the order of the file."
            )
            self.notes.append(Note("ref_unknown", message, guessed))
        samples = [sample for group in self.groups for sample in group.samples]
        if self.left_out:
            message = f"Only the first {MAX_CONTIGS} contigs of an upload are read; these sites lie on others."
            self.notes.append(Note("contigs_left_out", message, sum(self.left_out.values())))
        notes = [note.as_dict() for note in self.notes]
        ingested = Ingested(self.out, samples, self.build, names, chromosomes, notes, self.sex)
        ingested.write()
        return ingested

    def _place(self, samples: list[str], name: str) -> tuple[SampleGroup, NDArray[np.int64] | None]:
        """The group that a file's samples are, and the file's columns in the group's order (None: as they are)."""
        for group in self.groups:
            if samples == group.samples:
                return group, None
            if set(samples) == group.set:
                note = Note("samples_reordered", f"The samples of '{name}' were put in the order of the first file.")
                self._mended(Code.samples_differ, note)
                place = {sample: column for column, sample in enumerate(samples)}
                return group, np.array([place[sample] for sample in group.samples])
            if not group.set.isdisjoint(samples):
                raise differing(samples, group.samples, name)
        self.groups.append(SampleGroup(self.out, len(self.groups), samples, name))
        return self.groups[-1], None

    def _mended(self, code: Code | None, note: Note) -> None:
        """Note a mending, or refuse it when strict; without a code it is a note only."""
        if self.strict and code is not None:
            where = "" if note.chromosome is None else f" (chromosome {note.chromosome})"
            message = f"{note.message.rstrip('.')}{where}: strict mode refuses this."
            raise TesseraError(code, message, field="vcf", count=note.count, chromosome=note.chromosome)
        self.notes.append(note)
