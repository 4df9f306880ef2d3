"""The .sample table that goes with a BGEN file: its samples' ids and sex, in the order of the genotypes.

Format: two header lines, names of columns and their types (0 for the first three, D, C, P or B for others); `ID_1` is
the family and `ID_2` the person, or `ID` stands alone. Source: QCTOOL's description of sample files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from errors import Code, TesseraError
from genotypes.guard import Limits
from genotypes.record import malformed
from genotypes.tables import SEXES, SampleTable, choose_ids, text_lines

HEADER_LINES: Final = 2
IDS: Final = ("ID_1", "ID")  # how a table's first column is named


def read_oxford_samples(path: Path, limits: Limits | None = None) -> SampleTable:
    """Read a .sample; sex 1 or M is male, 2 or F female.

    Raises:
        TesseraError: `malformed_record` with the line, `no_samples`, `duplicate_samples`.
    """
    columns: list[str] = []
    families: list[str] = []
    people: list[str] = []
    sexes: list[str | None] = []
    for number, line in enumerate(text_lines(path, limits), start=1):
        fields = line.decode(errors="replace").split()
        if not fields:
            continue
        if number == 1:
            columns = [name.upper() for name in fields]
            if columns[0] not in IDS:
                raise malformed("Line 1 of the .sample file names no column ID_1 or ID.", line=number)
        elif number == HEADER_LINES:
            if fields[0] != "0":
                message = "Line 2 of the .sample file must give the columns' types, the first of them 0."
                raise malformed(message, line=number)
        elif len(fields) != len(columns):
            message = f"Line {number} of the .sample file has {len(fields)} columns, its header {len(columns)}."
            raise malformed(message, line=number)
        else:
            told = dict(zip(columns, fields, strict=True))
            families.append(fields[0])
            people.append(told.get("ID_2", fields[0]))
            sexes.append(SEXES.get(told.get("SEX", "").lower()))
    if not people:
        raise TesseraError(Code.no_samples, "The .sample file lists no samples.", field="vcf")
    if set(people) == {"0"}:  # families alone are named
        people = list(families)
    ids, remark = choose_ids(families, people)
    sex = {name: one for name, one in zip(ids, sexes, strict=True) if one is not None}
    return SampleTable(ids, sex, [] if remark is None else [remark])
