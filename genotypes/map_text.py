"""The text of a genetic map: the layouts in use, and a line number for whatever is wrong.

Layouts, told by a header line or by the number of columns, parted by blanks, tabs or commas, plain or gzip:

* SHAPEIT and others: a header with `pos chr cM` in any order;
* HapMap: `Chromosome Position(bp) Rate(cM/Mb) Map(cM)`, or `position COMBINED_rate(cM/Mb) Genetic_Map(cM)`, which has
  no chromosome;
* PLINK `.map`: four columns `chr id cM bp` without a header.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from errors import Code, TesseraError
from genotypes.sniff import text_head
from genotypes.stream import open_inflated

MAX_LINE_BYTES: Final = 1 << 16
MAX_BYTES: Final = 1 << 30  # without compression; the densest human map has a tenth
_HEAD_LINES: Final = 200  # looked at before the whole file is there
_HEADINGS: Final = {
    "chrom": {"chr", "chrom", "chromosome", "contig"},
    "pos": {"pos", "position", "position(bp)", "bp", "physical_position", "physical"},
    "cm": {"cm", "map(cm)", "map", "genetic_map(cm)", "genetic_map", "genetic_position", "genpos", "centimorgans"},
}
_PLINK: Final = {"chrom": 0, "cm": 2, "pos": 3}
_SPLIT: Final = re.compile(r"[\s,;]+")
_IN_NAME: Final = re.compile(r"(?:^|[^A-Za-z])(chr(?:om|omosome)?[._-]?(?:\d{1,3}|[XYZW])(?:[._-]?(?:non)?par\d?)?)"
                             r"(?![A-Za-z0-9])", re.IGNORECASE)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MapPoint:
    """One line of a map."""

    line: int  # 1-based
    contig: str  # as written; "" where the file has no such column
    pos: float  # bp
    centimorgans: float


def map_points(path: Path) -> Iterator[MapPoint]:
    """Read a map file line by line.

    Raises:
        TesseraError: `map_invalid` with the line; what is wrong with its compression; `zip_bomb` beyond `MAX_BYTES`.
    """
    yield from _points(_lines(path))


def check_map_head(head: bytes) -> None:
    """Refuse what begins unlike a map, by its first lines; the last of them may be cut and is not looked at.

    Raises:
        TesseraError: `empty_file`, `corrupt_file`, or `map_invalid` with the line.
    """
    lines = text_head(head, "The genetic map", "map", MAX_LINE_BYTES).split(b"\n")[:_HEAD_LINES]
    whole = lines[:-1] if len(lines) > 1 else lines
    for _ in _points(_text(line, number) for number, line in enumerate(whole, start=1)):
        pass


def contig_of_name(name: str) -> str:
    """The chromosome that a file's name holds, as in `genetic_map_chr20_combined.txt`; "" without."""
    found = _IN_NAME.search(name)
    if found is None:
        return ""
    plain = re.sub(r"^chr(om|omosome)?[._-]?", "", found[1], flags=re.IGNORECASE)
    return plain.upper() if not plain.isdecimal() else plain


def invalid(message: str, line: int | None = None) -> TesseraError:
    """The refusal of a map."""
    if line is None:
        return TesseraError(Code.map_invalid, message, field="map")
    return TesseraError(Code.map_invalid, f"Line {line}: {message}", field="map", line=line)


def _lines(path: Path) -> Iterator[str]:
    rest, total, number = b"", 0, 0
    with open_inflated(path) as source:
        for piece in source:
            total += len(piece)
            if total > MAX_BYTES:
                raise TesseraError(Code.zip_bomb, f"The map holds more than {MAX_BYTES:,} bytes.", field="map")
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                number += 1
                yield _text(line, number)
            if len(rest) > MAX_LINE_BYTES:
                raise invalid("it is too long for a map.", number + 1)
    if rest:
        yield _text(rest, number + 1)


def _text(line: bytes, number: int) -> str:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise invalid("it is no text.", number) from error
    if "\0" in text:
        raise invalid("it is no text.", number)
    return text


def _points(lines: Iterable[str]) -> Iterator[MapPoint]:
    columns: dict[str, int] = {}
    for number, text in enumerate(lines, start=1):
        fields = [field for field in _SPLIT.split(text.strip().strip('"')) if field]
        if not fields:
            continue
        if (named := _header(fields)) is not None:
            columns = named  # again where files were put one behind the other
            continue
        if text.lstrip().startswith("#"):
            continue
        if not columns:
            if len(fields) != 4:
                raise invalid(
                    f"it has {len(fields)} columns; a map has a header that names position and cM ('pos chr cM'), or "
                    "PLINK's four columns.",
                    number,
                )
            columns = _PLINK
        if len(fields) <= max(columns.values()):
            raise invalid(f"it has {len(fields)} columns, fewer than the first.", number)
        pos, cm = _number(fields[columns["pos"]], number), _number(fields[columns["cm"]], number)
        if pos < 0:
            continue  # PLINK's way to leave a variant out
        yield MapPoint(number, fields[columns["chrom"]] if "chrom" in columns else "", pos, cm)


def _header(fields: list[str]) -> dict[str, int] | None:
    """Columns by the names of a header line; None when the line is no header."""
    columns: dict[str, int] = {}
    for place, field in enumerate(fields):
        for meaning, names in _HEADINGS.items():
            if field.strip('"').lower().lstrip("#") in names:
                columns.setdefault(meaning, place)
    return columns if {"pos", "cm"} <= columns.keys() else None


def _number(field: str, line: int) -> float:
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise invalid(f"'{field}' is no number.", line)
    return value
