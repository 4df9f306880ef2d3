"""The text of a pedigree file: layouts, separators, headers, unknown parents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import Code, TesseraError

UNKNOWN = {"", "0", ".", "na"}
YES, NO = {"1", "yes", "y", "true", "dh"}, {*UNKNOWN, "no", "n", "false"}
SEXES = {"1": 1, "m": 1, "male": 1, "2": 2, "f": 2, "female": 2}
HEADINGS = {
    "family": {"fid", "family", "family_id", "familyid", "fam"},
    "animal": {"id", "iid", "animal", "animal_id", "individual", "individual_id", "ind", "sample", "offspring", "ego"},
    "sire": {"sire", "father", "pid", "pat", "paternal_id", "father_id", "sire_id", "dad"},
    "dam": {"dam", "mother", "mid", "mat", "maternal_id", "mother_id", "dam_id", "mom"},
    "sex": {"sex", "gender"},
    "doubled": {"doubled_haploid", "doubledhaploid", "dh"},
}
THREE = {"animal": 0, "sire": 1, "dam": 2}
SIX = {"family": 0, "animal": 1, "sire": 2, "dam": 3, "sex": 4}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a pedigree."""

    line: int  # 1-based
    family: str
    animal: str
    sire: str | None  # None unknown
    dam: str | None
    sex: int  # 0 unknown, 1 male, 2 female
    doubled: bool = False  # a doubled haploid


def parse_lines(path: Path) -> list[Entry]:
    """Read every line of a pedigree file.

    Raises:
        TesseraError: `pedigree_invalid`, with the line (and the animal where it has one) in its details.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise _invalid("The pedigree is not a text file.", 1) from error
    entries: list[Entry] = []
    columns: dict[str, int] = {}
    comma = False
    for number, text in enumerate(lines, start=1):
        stripped = text.strip()
        heading = stripped.startswith("#")
        if not stripped or (heading and columns):
            continue
        if not columns:
            comma = "," in stripped
            fields = _split(stripped.lstrip("#").strip() if heading else text, comma, None)
            columns = _from_header(fields)
            if columns or heading:
                continue
            columns = _from_width(fields, number)
        entries.append(_entry(_split(text, comma, columns), columns, number))
    if not entries:
        raise _invalid("The pedigree holds no animals.", len(lines))
    return entries


def _invalid(message: str, line: int, animal: str | None = None) -> TesseraError:
    return TesseraError(Code.pedigree_invalid, message, field="pedigree", line=line, animal=animal)


def _split(text: str, comma: bool, columns: dict[str, int] | None) -> list[str]:
    """Fields of a line; an empty field between commas or tabs counts, runs of blanks are one separator."""
    if comma:
        return [field.strip().strip('"') for field in text.split(",")]
    tabbed = [field.strip() for field in text.rstrip("\r\n").split("\t")]
    wanted = 3 if columns is None else max(columns.values()) + 1
    return tabbed if len(tabbed) >= wanted else text.split()


def _from_header(fields: Sequence[str]) -> dict[str, int]:
    """Columns by the names of a header line; empty when the line is no header."""
    columns: dict[str, int] = {}
    for place, field in enumerate(fields):
        for meaning, names in HEADINGS.items():
            if field.lower().lstrip("#").replace(" ", "_") in names:
                columns.setdefault(meaning, place)
    return columns if {"animal", "sire", "dam"} <= columns.keys() else {}


def _from_width(fields: Sequence[str], number: int) -> dict[str, int]:
    """Columns of a file without a header."""
    if len(fields) == 3:
        return THREE
    if len(fields) >= 6:
        return SIX
    message = f"Line {number} has {len(fields)} columns; a pedigree has 3 (id, sire, dam) or 6 (.fam, .ped)."
    raise _invalid(message, number, fields[0] if fields else None)


def _entry(fields: Sequence[str], columns: dict[str, int], number: int) -> Entry:
    """One animal."""
    animal = fields[columns["animal"]] if len(fields) > columns["animal"] else ""
    if len(fields) <= max(columns["animal"], columns["sire"], columns["dam"]):
        raise _invalid(f"Line {number} ('{animal}') has {len(fields)} columns, fewer than the first.", number, animal)
    if animal in ("", "0"):
        raise _invalid(f"Line {number} has no animal id.", number)
    sire, dam = fields[columns["sire"]], fields[columns["dam"]]
    sex = fields[columns["sex"]] if columns.get("sex", len(fields)) < len(fields) else "0"
    doubled = fields[columns["doubled"]] if columns.get("doubled", len(fields)) < len(fields) else ""
    if doubled.lower() not in YES | NO:
        message = f"Line {number}: '{doubled}' does not say whether '{animal}' is a doubled haploid (1 or 0)."
        raise _invalid(message, number, animal)
    return Entry(
        line=number,
        family=fields[columns["family"]] if "family" in columns else "",
        animal=animal,
        sire=None if sire.lower() in UNKNOWN else sire,
        dam=None if dam.lower() in UNKNOWN else dam,
        sex=SEXES.get(sex.lower(), 0),
        doubled=doubled.lower() in YES,
    )
