"""The files of an upload: archives unpacked, PLINK's parts put together, each source opened by its reader."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import Code, TesseraError
from genotypes.arraytext import ArrayTextReader
from genotypes.guard import Limits, guard
from genotypes.parts import Source, group_files
from genotypes.plink1 import PlinkReader
from genotypes.plink2 import PgenReader
from genotypes.read import VcfReader
from genotypes.reader import GenotypeReader
from genotypes.sniff import HEAD_BYTES, VCF_KINDS, FileKind, is_gzip, sniff_head
from genotypes.stream import PIECE_BYTES, open_inflated
from worker.pipeline.types import Note, Progress

MAX_MEMBERS = 2000  # files of an archive
_RATIO_FROM = 256 << 20  # small members may be as dense as they like
_ENCRYPTED = 1  # bit of a member's flags


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of an upload."""

    path: Path
    name: str  # as the user knows it
    kind: FileKind


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
        TesseraError: what `sniff_head` and `group_files` raise; `bad_archive`, `corrupt_file`, `zip_bomb`.
    """
    found: list[InputFile] = []
    notes: list[Note] = []
    for number, (path, name) in enumerate(zip(files, names, strict=True)):
        kind = _sniff(path, name)
        if kind is not FileKind.zip:
            found.append(InputFile(path, name, kind))
            continue
        members, ignored = _unpack(path, name, scratch / f"zip{number}", limits)
        found += members
        if ignored:
            shown = ", ".join(f"'{one}'" for one in ignored[:5])
            message = f"Files of '{name}' that hold no genotypes were left out: {shown}."
            notes.append(Note("archive_members_left_out", message, len(ignored)))
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
        if guarded.spaces:
            notes.append(Note("spaces", f"The columns of '{source.name}' were parted by blanks, now by tabs."))
        return VcfReader(guarded.path, mend=not strict, likelihoods=likelihoods), notes
    if source.kind is FileKind.array_text:
        names = [inputs.files[number].name for number in source.files]
        return ArrayTextReader(paths, names, scratch, limits), []
    main = _inflated(paths[0], scratch, limits)
    if source.kind is FileKind.bed:
        return PlinkReader(main, paths[1], paths[2], limits), []
    return PgenReader(main, paths[1], paths[2], limits), []


def _sniff(path: Path, name: str) -> FileKind:
    with path.open("rb") as file:
        return sniff_head(file.read(HEAD_BYTES), name)


def _inflated(path: Path, scratch: Path, limits: Limits) -> Path:
    """A .bed or .pgen without gzip around it."""
    with path.open("rb") as file:
        if not is_gzip(file.read(2)):
            return path
    scratch.mkdir(parents=True, exist_ok=True)
    copy, written = scratch / "inflated", 0
    with open_inflated(path) as source, copy.open("wb") as out:
        for piece in source:
            written += len(piece)
            if written > min(limits.max_expanded_bytes, max(_RATIO_FROM, limits.max_ratio * source.taken)):
                raise _bomb(path.name, written)
            out.write(piece)
    return copy


def _unpack(path: Path, name: str, folder: Path, limits: Limits) -> tuple[list[InputFile], list[str]]:
    """The genotype files of a zip archive, and the names of its other files."""
    folder.mkdir(parents=True)
    found: list[InputFile] = []
    ignored: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir() and not _hidden(one.filename)]
            if len(members) > MAX_MEMBERS:
                raise TesseraError(Code.bad_archive, f"'{name}' holds more than {MAX_MEMBERS:,} files.", field="vcf")
            left = limits.max_expanded_bytes
            for number, member in enumerate(members):
                left -= _extract(archive, member, folder / str(number), name, left, limits)
                shown = member.filename.rsplit("/", 1)[-1]
                if len(members) == 1:  # AncestryDNA names everybody's file alike, so the archive's name says more
                    shown = _base(name) + (shown[shown.rindex(".") :] if "." in shown else "")
                try:
                    kind = _sniff(folder / str(number), shown)
                except TesseraError as error:
                    if error.code not in (Code.not_vcf, Code.empty_file):
                        raise
                    ignored.append(shown)
                    continue
                if kind is FileKind.zip:
                    ignored.append(shown)
                    continue
                found.append(InputFile(folder / str(number), shown, kind))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        message = f"The archive '{name}' is damaged or cut short."
        raise TesseraError(Code.corrupt_file, message, field="vcf", file=name) from error
    if not found:
        held = ", ".join(f"'{one}'" for one in ignored[:5]) or "nothing"
        message = f"The archive '{name}' holds no genotypes: {held}."
        raise TesseraError(Code.not_vcf, message, field="vcf", file=name)
    return found, ignored


def _extract(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, name: str, left: int, limits: Limits
) -> int:
    """Write one member to `target`, never to a place that the archive names; returns its bytes."""
    if member.flag_bits & _ENCRYPTED:
        raise TesseraError(Code.bad_archive, f"The archive '{name}' is locked by a password.", field="vcf", file=name)
    written = 0
    try:
        with archive.open(member) as source, target.open("wb") as out:
            while piece := source.read(PIECE_BYTES):
                written += len(piece)
                if written > left or written > max(_RATIO_FROM, limits.max_ratio * member.compress_size):
                    raise _bomb(name, written)
                out.write(piece)
    except NotImplementedError as error:
        message = f"The archive '{name}' is packed by a method that is not read."
        raise TesseraError(Code.bad_archive, message, field="vcf", file=name) from error
    return written


def _hidden(member: str) -> bool:
    """What archivers add for themselves."""
    return member.startswith("__MACOSX/") or member.rsplit("/", 1)[-1].startswith(".")


def _base(name: str) -> str:
    return name[:-4] if name.lower().endswith(".zip") else name


def _bomb(name: str, written: int) -> TesseraError:
    message = f"'{name}' expands to more than {written:,} bytes."
    return TesseraError(Code.zip_bomb, message, field="vcf", expanded_bytes=written)
