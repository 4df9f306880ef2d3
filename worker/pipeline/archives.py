"""Archives of an upload, zip and tar: members are written under numbers, never to a place that the archive names."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from errors import Code, TesseraError
from genotypes.guard import Limits
from genotypes.sniff import ARCHIVES, HEAD_BYTES, FileKind, sniff_head
from genotypes.stream import PIECE_BYTES
from worker.pipeline.tar import TarReader

MAX_MEMBERS: Final = 2000  # files of an archive
RATIO_FROM: Final = 256 << 20  # small members may be as dense as they like
_ENCRYPTED: Final = 1  # bit of a zip member's flags
_ENDINGS: Final = (".zip", ".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of an upload."""

    path: Path
    name: str  # as the user knows it
    kind: FileKind


@dataclass(frozen=True, slots=True)
class _Member:
    """A file that was taken out of an archive; `path` is None for a link or a device, which are not."""

    path: Path | None
    name: str


def sniff(path: Path, name: str) -> FileKind:
    """What a file on disk is, see `genotypes.sniff.sniff_head`."""
    with path.open("rb") as file:
        return sniff_head(file.read(HEAD_BYTES), name)


def unpack(path: Path, name: str, kind: FileKind, folder: Path, limits: Limits) -> tuple[list[InputFile], list[str]]:
    """The genotype files of an archive, and the names of its other files.

    Args:
        path: the archive.
        name: its name as the user knows it.
        kind: `zip` or `tar`, the latter compressed by gzip or not.
        folder: where members go, made here.
        limits: bounds on what it expands to.

    Raises:
        TesseraError: `bad_archive`, `corrupt_file`, `truncated_file`, `zip_bomb`; `not_vcf` when it holds no genotypes.
    """
    folder.mkdir(parents=True)
    found: list[InputFile] = []
    ignored: list[str] = []
    members = list((_zip if kind is FileKind.zip else _tar)(path, name, folder, limits))
    for member in members:
        shown = member.name.rsplit("/", 1)[-1]
        if member.path is None:
            ignored.append(shown)
            continue
        if len(members) == 1:  # AncestryDNA names everybody's file alike, so the archive's name says more
            shown = _base(name) + (shown[shown.rindex(".") :] if "." in shown else "")
        try:
            held = sniff(member.path, shown)
        except TesseraError as error:
            if error.code not in (Code.not_vcf, Code.empty_file):
                raise
            ignored.append(shown)
            continue
        if held in ARCHIVES:
            ignored.append(shown)
            continue
        found.append(InputFile(member.path, shown, held))
    if not found:
        names = ", ".join(f"'{one}'" for one in ignored[:5]) or "nothing"
        message = f"The archive '{name}' holds no genotypes: {names}."
        raise TesseraError(Code.not_vcf, message, field="vcf", file=name)
    return found, ignored


def _zip(path: Path, name: str, folder: Path, limits: Limits) -> Iterator[_Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir() and not _hidden(one.filename)]
            _refuse_crowd(name, len(members))
            left = limits.max_expanded_bytes
            for number, member in enumerate(members):
                left -= _extract(archive, member, folder / str(number), name, left, limits)
                yield _Member(folder / str(number), member.filename)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        message = f"The archive '{name}' is damaged or cut short."
        raise TesseraError(Code.corrupt_file, message, field="vcf", file=name) from error


def _extract(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, name: str, left: int, limits: Limits
) -> int:
    """Write one member to `target`; returns its bytes."""
    if member.flag_bits & _ENCRYPTED:
        raise TesseraError(Code.bad_archive, f"The archive '{name}' is locked by a password.", field="vcf", file=name)
    written = 0
    try:
        with archive.open(member) as source, target.open("wb") as out:
            while piece := source.read(PIECE_BYTES):
                written += len(piece)
                if written > left or written > max(RATIO_FROM, limits.max_ratio * member.compress_size):
                    raise bomb(name, written)
                out.write(piece)
    except NotImplementedError as error:
        message = f"The archive '{name}' is packed by a method that is not read."
        raise TesseraError(Code.bad_archive, message, field="vcf", file=name) from error
    return written


def _tar(path: Path, name: str, folder: Path, limits: Limits) -> Iterator[_Member]:
    size = path.stat().st_size
    number = written = 0
    try:
        with TarReader.open(path) as archive:
            for member in archive:
                if _hidden(member.name):
                    continue
                number += 1
                _refuse_crowd(name, number)
                if not member.regular:
                    yield _Member(None, member.name)
                    continue
                target = folder / str(number)
                with target.open("wb") as out:
                    for piece in archive.content():
                        written += len(piece)
                        if written > min(limits.max_expanded_bytes, max(RATIO_FROM, limits.max_ratio * size)):
                            raise bomb(name, written)
                        out.write(piece)
                yield _Member(target, member.name)
    except TesseraError as error:
        if f"'{name}'" in error.message:
            raise
        message = f"The archive '{name}' cannot be read: {error.message}"
        raise TesseraError(error.code, message, action=error.action, field="vcf", file=name) from error


def _refuse_crowd(name: str, members: int) -> None:
    if members > MAX_MEMBERS:
        raise TesseraError(Code.bad_archive, f"'{name}' holds more than {MAX_MEMBERS:,} files.", field="vcf")


def _hidden(member: str) -> bool:
    """What archivers add for themselves."""
    return member.startswith("__MACOSX/") or member.rsplit("/", 1)[-1].startswith(".")


def _base(name: str) -> str:
    return next((name[: -len(one)] for one in _ENDINGS if name.lower().endswith(one)), name)


def bomb(name: str, written: int) -> TesseraError:
    """The refusal of a file that expands too far."""
    message = f"'{name}' expands to more than {written:,} bytes."
    return TesseraError(Code.zip_bomb, message, field="vcf", expanded_bytes=written)
