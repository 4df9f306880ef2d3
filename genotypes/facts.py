"""What the header of an uploaded VCF says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from errors import Code, TesseraError
from genotypes.builds import build_of_lengths, build_of_name

_FIELD: Final = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,>]*)')
# Contig names become parts of file names and pages: no separators, blanks or leading dots.
_CONTIG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:|*+~^@#-]{0,99}")
_FIXED: Final = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """Facts of a header.

    Attributes:
        samples: ids in column order, not checked for repeats.
        contigs: length in bp by name, None where the header gives none; in header order.
        build: GRCh37, GRCh38 or None, by ##reference, assembly or contig lengths.
        strings: ids of FILTER, INFO and FORMAT lines by BCF dictionary number.
        contig_names: contig names by BCF dictionary number.
    """

    samples: list[str]
    contigs: dict[str, int | None]
    build: str | None
    strings: dict[int, str] = field(default_factory=dict)
    contig_names: dict[int, str] = field(default_factory=dict)


def decoded(line: bytes) -> str:
    """A header's line; of bytes that are no UTF-8 the characters that Windows and Latin-1 mean by them."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def contig_name(name: str) -> str:
    """`name` when it can be a contig name.

    Raises:
        TesseraError: `malformed_record`.
    """
    if _CONTIG.fullmatch(name) is None:
        raise TesseraError(Code.malformed_record, f"{name[:80]!r} is not a chromosome name.", field="vcf")
    return name


def parse_header(lines: Iterable[str]) -> HeaderFacts:
    """Read header lines, the last being the #CHROM line.

    Raises:
        TesseraError: `not_vcf` without a proper #CHROM line, `no_samples` for a sites-only file, `malformed_record`
            for a column without an id.
    """
    contigs: dict[str, int | None] = {}
    strings: dict[int, str] = {0: "PASS"}
    numbers = {"PASS": 0}
    names: dict[int, str] = {}
    build: str | None = None
    columns: list[str] | None = None
    for line in lines:
        kind, _, rest = line.partition("=")
        if kind == "##contig":
            facts = dict(_FIELD.findall(rest))
            name = facts.get("ID", "")
            contigs[name] = _length(facts)
            names[_number(facts, len(names))] = name
            build = build or build_of_name(facts.get("assembly", ""))
        elif kind in ("##FILTER", "##INFO", "##FORMAT"):
            facts = dict(_FIELD.findall(rest))
            name = facts.get("ID", "")
            if name not in numbers:
                numbers[name] = _number(facts, max(numbers.values()) + 1)
                strings[numbers[name]] = name
        elif kind == "##reference":
            build = build or build_of_name(rest)
        elif line.startswith("#CHROM"):
            columns = line.rstrip("\r\n\t").split("\t")
    if columns is None or columns[:8] != _FIXED:
        message = "The file has no proper #CHROM line (eight tab-separated columns from #CHROM to INFO)."
        raise TesseraError(Code.not_vcf, message, field="vcf")
    if len(columns) < 10:
        raise TesseraError(Code.no_samples, "The file lists sites only, without samples.", field="vcf")
    if nameless := [number for number, name in enumerate(columns[9:], start=10) if not name.strip()]:
        message = f"The #CHROM line has no sample id in column {nameless[0]}."
        raise TesseraError(Code.malformed_record, message, field="vcf", column=nameless[0])
    return HeaderFacts(columns[9:], contigs, build or build_of_lengths(contigs), strings, names)


def parse_contigs(lines: Iterable[str]) -> tuple[dict[str, int | None], str | None]:
    """Lengths in bp of the contig lines of a header, None where it gives none, and the build that it names."""
    contigs: dict[str, int | None] = {}
    build: str | None = None
    for line in lines:
        kind, _, rest = line.partition("=")
        if kind == "##contig":
            facts = dict(_FIELD.findall(rest))
            contigs[facts.get("ID", "")] = _length(facts)
            build = build or build_of_name(facts.get("assembly", ""))
        elif kind == "##reference":
            build = build or build_of_name(rest)
    return contigs, build


def _length(facts: dict[str, str]) -> int | None:
    length = facts.get("length", "")
    return int(length) if length.isdecimal() and len(length) < 11 else None


def _number(facts: dict[str, str], default: int) -> int:
    """Dictionary number: htslib writes it as IDX once lines have been removed."""
    given = facts.get("IDX", "")
    return int(given) if given.isdecimal() and len(given) < 10 else default
