"""The files of an upload: archives unpacked, PLINK's parts put together, each source opened by its reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import TesseraError
from genotypes.arraytext import ArrayTextReader
from genotypes.bgen import BgenReader
from genotypes.finalreport import FinalReportReader
from genotypes.guard import Limits, guard
from genotypes.oxford import read_oxford_samples
from genotypes.parts import Source, group_files
from genotypes.plink1 import PlinkReader
from genotypes.plink2 import PgenReader
from genotypes.plinktext import PedReader
from genotypes.read import VcfReader
from genotypes.reader import GenotypeReader
from genotypes.sniff import ARCHIVES, VCF_KINDS, FileKind, is_gzip
from genotypes.stream import open_inflated
from worker.pipeline.archives import RATIO_FROM, InputFile, bomb, sniff, unpack
from worker.pipeline.types import Note, Progress


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of an upload, and which of them are read together."""

    files: list[InputFile]
    sources: list[Source]
    notes: list[Note]

    def paths(self, source: Source) -> list[Path]:
        """The files of a source."""
        return [self.files[number].path for number in source.files]

    def size(self, source: Source) -> int:
        """Bytes of a source's files."""
        return sum(path.stat().st_size for path in self.paths(source))


def collect(files: Sequence[Path], names: Sequence[str], scratch: Path, limits: Limits) -> Inputs:
    """Sniff every file and put together what belongs together.

    Args:
        files: the uploaded files.
        names: their names as the user knows them.
        scratch: folder for what archives hold, made when needed.
        limits: bounds on what archives expand to.

    Raises:
        TesseraError: what `sniff_head`, `unpack` and `group_files` raise.
    """
    found: list[InputFile] = []
    notes: list[Note] = []
    for number, (path, name) in enumerate(zip(files, names, strict=True)):
        kind = sniff(path, name)
        if kind not in ARCHIVES:
            found.append(InputFile(path, name, kind))
            continue
        members, ignored = unpack(path, name, kind, scratch / f"archive{number}", limits)
        found += members
        if ignored:
            shown = ", ".join(f"'{one}'" for one in ignored[:5])
            message = f"Files of '{name}' that hold no genotypes were left out: {shown}."
            notes.append(Note("archive_members_left_out", message, len(ignored)))
    if indexes := [one.name for one in found if one.kind is FileKind.index]:
        shown = ", ".join(f"'{one}'" for one in indexes[:5])
        notes.append(Note("index_left_out", f"Indexes are not needed and were left out: {shown}.", len(indexes)))
    sources = group_files([one.name for one in found], [one.kind for one in found])
    return Inputs(found, sources, notes)


def file_named(error: TesseraError, name: str) -> TesseraError:
    """The error with the file's name in its message and details."""
    message = error.message if f"'{name}'" in error.message else f"'{name}': {error.message}"
    details = {"file": name} | error.details
    return TesseraError(error.code, message, action=error.action, field=error.field or "vcf", **details)


def open_source(
    inputs: Inputs,
    source: Source,
    scratch: Path,
    limits: Limits,
    strict: bool,
    progress: Progress,
    *,
    likelihoods: bool = False,
) -> tuple[GenotypeReader, list[Note]]:
    """The reader of a source, and what was mended before it.

    Args:
        inputs: what `collect` gave.
        source: one of its sources.
        scratch: folder for mended and inflated copies, which must stay while the reader is read.
        limits: bounds on lines and expansion.
        strict: refuse a last line that was cut short.
        progress: called with the fraction of the check; may raise to abort.
        likelihoods: read PL, GL or AD of a VCF or BCF beside GT.

    Raises:
        TesseraError: what is wrong with the files.
    """
    paths = inputs.paths(source)
    if source.kind in VCF_KINDS:
        guarded = guard(paths[0], source.kind, scratch, limits, progress)
        notes = [Note("crlf", f"Windows line ends of '{source.name}' were mended.")] if guarded.crlf else []
        if guarded.bom:
            notes.append(Note("byte_order_mark", f"The byte order mark before '{source.name}' was left out."))
        if guarded.spaces:
            notes.append(Note("spaces", f"The columns of '{source.name}' were parted by blanks, now by tabs."))
        return VcfReader(guarded.path, mend=not strict, likelihoods=likelihoods), notes
    if source.kind is FileKind.array_text:
        names = [inputs.files[number].name for number in source.files]
        return ArrayTextReader(paths, names, scratch, limits), []
    if source.kind is FileKind.final_report:
        return FinalReportReader(paths[0], scratch, limits), []
    if source.kind is FileKind.ped:
        return PedReader(paths[0], paths[1], scratch, limits), []
    main = _inflated(paths[0], scratch, limits)
    if source.kind is FileKind.bgen:
        return BgenReader(main, read_oxford_samples(paths[1], limits) if len(paths) > 1 else None), []
    if source.kind is FileKind.bed:
        return PlinkReader(main, paths[1], paths[2], limits), []
    return PgenReader(main, paths[1], paths[2], limits), []


def _inflated(path: Path, scratch: Path, limits: Limits) -> Path:
    """A .bed, .pgen or .bgen without gzip around it."""
    with path.open("rb") as file:
        if not is_gzip(file.read(2)):
            return path
    scratch.mkdir(parents=True, exist_ok=True)
    copy, written = scratch / "inflated", 0
    with open_inflated(path) as source, copy.open("wb") as out:
        for piece in source:
            written += len(piece)
            if written > min(limits.max_expanded_bytes, max(RATIO_FROM, limits.max_ratio * source.taken)):
                raise bomb(path.name, written)
            out.write(piece)
    return copy
