"""Reading Illumina's FinalReport, the text that GenomeStudio writes: a line a sample and site.

Format: GenomeStudio Genotyping Module user guide, "Final Report": a `[Header]` of facts, `[Data]`, a line of column
names, then the lines, parted by tabs or commas. The columns are chosen by whoever exports, so that chromosome and
position may be missing (they are then in another file), and alleles may be given on several strands. Alleles on the
plus strand are taken where they are there, else Forward, else TOP, which the bundle turns site by site. A and B alone
are no letters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from errors import Code, TesseraError
from genotypes.arraytext import ArrayTextReader, CallTable, Person
from genotypes.guard import Limits
from genotypes.read import VariantBlock
from genotypes.record import Remark, malformed
from genotypes.tables import text_lines

STRANDS: Final = ("plus", "forward", "top")
_BUILD: Final = re.compile(r"(?:build|GRCh|hg)[ _]?(19|37|38)(?!\d)", re.IGNORECASE)
_BUILDS: Final = {"19": "GRCh37", "37": "GRCh37", "38": "GRCh38"}
_BY_SAMPLE: Final = "Export it again from GenomeStudio, grouped by sample."


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand in a line."""

    count: int
    sample: int
    site: int
    chromosome: int
    position: int
    alleles: tuple[int, int]
    strand: str


class FinalReportReader(ArrayTextReader):
    """Iterates over the calls of a report; see `genotypes.reader.GenotypeReader`."""

    def __init__(self, path: Path, scratch: Path, limits: Limits | None = None) -> None:
        """Read the report; calls go to `scratch` sample by sample.

        Raises:
            TesseraError: `malformed_record` with the line, `header_only`, `truncated_file` when the last sample has
                fewer lines than the first, `duplicate_samples` for a report that is not grouped by sample.
        """
        lines = enumerate(text_lines(path, limits), start=1)
        header = _read_header(lines)
        columns, split = _read_columns(lines)
        odd: Counter[str] = Counter()
        people: dict[str, Person] = {}
        sizes: list[int] = []
        table, name, size = CallTable(odd), "", 0
        called = False

        def close() -> None:
            nonlocal called
            if size:
                called = called or table.called
                people[name] = table.keep(scratch / f"report{len(people)}", None)
                sizes.append(size)

        for number, line in lines:
            text = line.decode("utf-8", errors="replace")
            if not text.strip():
                continue
            fields = text.split(split)
            if len(fields) != columns.count:
                message = f"Line {number} of the report has {len(fields)} columns in place of {columns.count}."
                raise malformed(message, line=number)
            sample, pos = fields[columns.sample].strip(), fields[columns.position].strip()
            if not sample or (pos and not pos.isdecimal()) or len(pos) > 10:
                raise malformed(f"Line {number} of the report has no sample or no position.", line=number)
            if sample != name:
                close()
                if sample in people:
                    message = f"The lines of the sample '{sample[:60]}' are not together."
                    raise TesseraError(Code.duplicate_samples, message, action=_BY_SAMPLE, field="vcf", line=number)
                table, name, size = CallTable(odd), sample, 0
            size += 1
            first, second = (fields[one].strip().upper() for one in columns.alleles)
            site, chromosome = fields[columns.site].strip(), fields[columns.chromosome].strip()
            table.add(number, site, chromosome, int(pos or 0), first + second)
        close()
        if not called:
            raise TesseraError(Code.header_only, "The report has no called genotypes.", field="vcf")
        expected = max(sizes[0], int(header.get("num snps", "0")) if header.get("num snps", "").isdecimal() else 0)
        if sizes[-1] < expected:
            message = f"The report ends early: the sample '{name}' has {sizes[-1]:,} of {expected:,} sites."
            raise TesseraError(Code.truncated_file, message, field="vcf")
        found = _BUILD.search(header.get("content", ""))
        build = None if found is None else _BUILDS[found[1]]
        self._begin(list(people.values()), list(people), build, odd)
        self._strand = columns.strand

    def __iter__(self) -> Iterator[VariantBlock]:
        """The blocks, by chromosome and position."""
        yield from super().__iter__()
        if self._strand != "plus":
            strand = self._strand.capitalize()
            what = f"gives alleles on Illumina's {strand} strand: the bundle decides the strand of each site."
            self.remarks = [*self.remarks, Remark("array_strand", what)]


def _read_header(lines: Iterator[tuple[int, bytes]]) -> dict[str, str]:
    """Facts above `[Data]`, names in lower case."""
    found: dict[str, str] = {}
    for _, line in lines:
        text = line.decode("utf-8", errors="replace").strip()
        if text.rstrip(",\t").lower() == "[data]":
            return found
        name, _, value = text.replace(",", "\t", 1).partition("\t")
        found[name.strip().lower()] = value.strip().strip(",")
    raise TesseraError(Code.header_only, "The report ends before its [Data].", field="vcf")


def _read_columns(lines: Iterator[tuple[int, bytes]]) -> tuple[_Columns, str]:
    """Columns by their names, and what parts them.

    Raises:
        TesseraError: `header_only` without such a line, `malformed_record` when a needed column is missing.
    """
    number, line = next(lines, (0, b""))
    text = line.decode("utf-8", errors="replace")
    if not text.strip():
        raise TesseraError(Code.header_only, "The report has no columns below its [Data].", field="vcf")
    split = "\t" if "\t" in text else ","
    names = [re.sub(r"\s+", " ", one.strip().lower()) for one in text.split(split)]
    place = {name: column for column, name in enumerate(names)}
    sample = _one_of(place, number, "sample id", "sample name")
    site = _one_of(place, number, "snp name", "snp")
    chromosome, position = _one_of(place, number, "chr", "chromosome"), _one_of(place, number, "position", "mapinfo")
    for strand in STRANDS:
        first, second = (place.get(f"allele{k} - {strand}") for k in (1, 2))
        if first is not None and second is not None:
            return _Columns(len(names), sample, site, chromosome, position, (first, second), strand), split
    message = "The report gives no alleles as letters (Plus, Forward or Top)."
    action = "Export it again from GenomeStudio with the columns 'Allele1 - Plus' and 'Allele2 - Plus'."
    raise TesseraError(Code.malformed_record, message, action=action, field="vcf", line=number)


def _one_of(place: dict[str, int], line: int, *names: str) -> int:
    for name in names:
        if name in place:
            return place[name]
    message = f"The report has no column '{names[0]}'."
    action = "Export it again from GenomeStudio with the columns SNP Name, Sample ID, Chr, Position and alleles."
    raise TesseraError(Code.malformed_record, message, action=action, field="vcf", line=line)
