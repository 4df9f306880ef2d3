"""`NAME.pos`: the sites of a published tile, in the order of its network's nodes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.sites import SiteTable, strings

BASES = "ACGT"
_CODE = {base: number for number, base in enumerate(BASES)}
LAST_POSITION = 2**31 - 1  # bp, of BCF


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """The L lines of a `.pos` file.

    A site's key is its position and alleles as one number, 16 * position + 4 * REF + ALT with A, C, G, T as 0 to 3, so
    keys sort as sites do. A site that stands twice in the file has the same key twice.
    """

    keys: NDArray[np.int64]  # (L,)
    ids: list[str]


def read_positions(path: Path, chrom: str) -> Positions:
    """Read five tab-separated columns, CHROM POS ID REF ALT; lines that start with # are skipped.

    Raises:
        TesseraError: `import_invalid` for another form, another chromosome than `chrom` (without `chr`), other alleles
            than single A, C, G, T, or no site at all.
    """
    keys: list[int] = []
    ids: list[str] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.startswith("#") or not line.strip():
                    continue
                key, name = _site(path, number, line.rstrip("\r\n").split("\t"), chrom)
                keys.append(key)
                ids.append(name)
    except (OSError, UnicodeDecodeError) as error:
        raise TesseraError(Code.import_invalid, f"The site list {path.name} cannot be read.") from error
    if not keys:
        raise TesseraError(Code.import_invalid, f"The site list {path.name} holds no site.", file=str(path))
    return Positions(np.array(keys, np.int64), ids)


def _site(path: Path, number: int, columns: list[str], chrom: str) -> tuple[int, str]:
    """Key and id of one line."""
    why = ""
    if len(columns) != 5:
        why = f"has {len(columns)} columns, not five"
    elif columns[0].removeprefix("chr") != chrom:
        why = f"is of chromosome {columns[0]}, in a tile of {chrom}"
    elif not (
        columns[1].isascii() and columns[1].isdigit() and len(columns[1]) < 11 and 0 < int(columns[1]) <= LAST_POSITION
    ):
        why = f"has the position {columns[1]!r}"
    elif columns[3] not in _CODE or columns[4] not in _CODE or columns[3] == columns[4]:
        why = f"has the alleles {columns[3]!r} and {columns[4]!r}, not two different ones of A, C, G, T"
    if why:
        raise TesseraError(Code.import_invalid, f"Line {number} of {path.name} {why}.", file=str(path), line=number)
    return 16 * int(columns[1]) + 4 * _CODE[columns[3]] + _CODE[columns[4]], columns[2] or "."


def site_table(chrom: str, keys: NDArray[np.int64], ids: list[str], tile: NDArray[np.int32]) -> SiteTable:
    """The sites of ascending (V,) keys, with (V,) the tile that imputes each; allele frequencies are not known."""
    ref, alt = (strings(BASES[code] for code in (keys >> shift & 3).tolist()) for shift in (2, 0))
    return SiteTable(chrom, (keys >> 4).astype(np.int32), ref, alt, strings(ids), None, tile)
