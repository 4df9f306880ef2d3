"""Which of an upload's files belong together: PLINK keeps genotypes, sites and samples apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from errors import Code, TesseraError
from genotypes.sniff import ARCHIVES, VCF_KINDS, FileKind

_FILESETS: Final = {
    FileKind.bed: (FileKind.bim, FileKind.fam),
    FileKind.pgen: (FileKind.pvar, FileKind.psam),
    FileKind.ped: (FileKind.map,),
}
_ALONE: Final = (*VCF_KINDS, *ARCHIVES, FileKind.final_report)
_MAY_COME: Final = {FileKind.bgen: (FileKind.sample,)}
_TABLES: Final = {
    table: main for filesets in (_FILESETS, _MAY_COME) for main, tables in filesets.items() for table in tables
}
_OF_PEOPLE: Final = (FileKind.fam, FileKind.psam, FileKind.sample)  # one such table may serve several filesets


@dataclass(frozen=True, slots=True)
class Source:
    """Files that are read together.

    Attributes:
        kind: kind of the main file; `array_text` stands for all such texts of an upload.
        files: numbers of the files in the upload: genotypes, sites, samples of a PLINK fileset; a .bgen and its
            .sample where there is one; else one file, or several array texts.
        name: what messages call it.
    """

    kind: FileKind
    files: tuple[int, ...]
    name: str


def group_files(names: Sequence[str], kinds: Sequence[FileKind]) -> list[Source]:
    """Put an upload's files together.

    The tables of a PLINK fileset are found by its name; one .fam, .psam or .sample alone serves every fileset, and
    where there is one fileset alone its tables may have any name. A .bgen may come without a .sample.

    Args:
        names: file names as the user knows them.
        kinds: what `sniff_head` said of each; archives stand for themselves.

    Returns:
        The sources in the order of their first files.

    Raises:
        TesseraError: `missing_part`, naming the file that is not there; `not_vcf` for indexes alone.
    """
    if kinds and all(kind is FileKind.index for kind in kinds):
        message = f"'{names[0]}' is an index: the file that it belongs to is missing."
        raise TesseraError(Code.not_vcf, message, field="vcf", file=names[0])
    used: set[int] = set()
    sources: list[Source] = []
    for number, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        if kind in _ALONE:
            sources.append(Source(kind, (number,), name))
        elif kind in _FILESETS:
            alone = kinds.count(kind) == 1
            parts = [_sibling(names, kinds, number, table, alone) for table in _FILESETS[kind]]
            used.update(parts)
            sources.append(Source(kind, (number, *parts), name))
        elif kind in _MAY_COME:
            alone = kinds.count(kind) == 1
            parts = [_sibling(names, kinds, number, table, alone) for table in _MAY_COME[kind] if table in kinds]
            used.update(parts)
            sources.append(Source(kind, (number, *parts), name))
    texts = tuple(number for number, kind in enumerate(kinds) if kind is FileKind.array_text)
    if texts:
        name = names[texts[0]] if len(texts) == 1 else f"{names[texts[0]]} and {len(texts) - 1} more"
        sources.append(Source(FileKind.array_text, texts, name))
    for number, kind in enumerate(kinds):
        if kind in _TABLES and number not in used:
            main = _TABLES[kind].value
            message = f"'{names[number]}' came without '{stem(names[number])}.{main}'."
            if kind is FileKind.fam:
                message = f"{message[:-1]}; a pedigree goes in 'pedigree'."
            raise TesseraError(Code.missing_part, message, field="vcf", file=names[number])
    return sorted(sources, key=lambda source: min(source.files))


def stem(name: str) -> str:
    """File name without the endings of PLINK's files and of compression."""
    for ending in (".gz", ".zst"):
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    for kind in (*_FILESETS, *_MAY_COME, *_TABLES):
        if name.lower().endswith(f".{kind.value}"):
            return name[: -len(kind.value) - 1]
    return name


def _sibling(names: Sequence[str], kinds: Sequence[FileKind], main: int, table: FileKind, alone: bool) -> int:
    """Number of the table that belongs to a fileset's main file."""
    held = [number for number, kind in enumerate(kinds) if kind is table]
    for number in held:
        if stem(names[number]) == stem(names[main]):
            return number
    if len(held) == 1 and (alone or table in _OF_PEOPLE):
        return held[0]
    wanted = f"{stem(names[main])}.{table.value}"
    message = f"'{names[main]}' came without '{wanted}'."
    raise TesseraError(Code.missing_part, message, field="vcf", file=names[main], missing=wanted)
