"""AlphaGenes text: a line an animal, its id and 0, 1, 2 or 9 at every locus; the loci stand in a .map or .bim file.

The files of AlphaPeel, AlphaImpute and relatives. They know no alleles: where the site list names none (.map), REF is
N and ALT is <B>, the allele that the codes count. In a .bim the fifth column is that allele, the sixth the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.facts import contig_name
from genotypes.read import VariantBlock
from genotypes.record import MAX_POS, Remark
from genotypes.sites import SiteTable, strings

COUNTED: Final = "<B>"
_CODES: Final = {b"0": 0, b"1": 1, b"2": 2, b"9": gt.MISSING}


def looks_like_alphagenes(head: bytes) -> bool:
    """Whether the first line of a file is an id and digits 0, 1, 2 and 9."""
    fields = head.partition(b"\n")[0].split()
    # The head may end inside the first line, in the middle of nothing longer than one digit.
    return len(fields) > 1 and all(field in _CODES for field in fields[1:])


class AlphaGenesReader:
    """Iterates over the chromosomes of such a file; holds its genotypes in memory, a byte each.

    Attributes:
        samples: ids in the order of the lines.
        contigs: chromosomes of the site list, lengths unknown.
        header_build: None.
        fraction: share of the chromosomes given out.
        sex: empty.
        ref_known: True: the site list says which allele is counted.
        remarks: none.
    """

    header_build: str | None = None
    ref_known = True

    def __init__(self, path: Path, sites: Path) -> None:
        """Read a file and its site list.

        Raises:
            TesseraError: `malformed_record` with the line, `duplicate_samples`, `header_only` for an empty file.
        """
        self.fraction = 0.0
        self.sex: dict[str, str] = {}
        self.remarks: list[Remark] = []
        self._tables, self._columns, loci = _read_sites(sites)
        self.contigs: dict[str, int | None] = dict.fromkeys(self._tables, None)
        self.samples: list[str] = []
        rows: list[bytes] = []
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                fields = line.split()
                if not fields:
                    continue
                name = fields[0].decode(errors="replace")
                if len(fields) != loci + 1:
                    message = f"Line {number} ('{name}') has {len(fields) - 1} genotypes, '{sites.name}' {loci} loci."
                    raise _malformed(message, number, name)
                try:
                    rows.append(bytes(_CODES[field] & 0xFF for field in fields[1:]))
                except KeyError as error:
                    shown = error.args[0][:20].decode(errors="replace")
                    message = f"Line {number} ('{name}') has the genotype '{shown}'; 0, 1, 2 and 9 are known."
                    raise _malformed(message, number, name) from error
                self.samples.append(name)
        if not rows:
            raise TesseraError(Code.header_only, "The file holds no animal.", field="vcf")
        repeated = [name for name, count in Counter(self.samples).items() if count > 1]
        if repeated:
            message = f"The animal '{repeated[0]}' has more than one line."
            raise TesseraError(Code.duplicate_samples, message, field="vcf", samples=repeated[:20])
        self._codes = np.frombuffer(b"".join(rows), np.int8).reshape(len(rows), loci)

    def __iter__(self) -> Iterator[VariantBlock]:
        """One block a chromosome."""
        for number, (name, table) in enumerate(self._tables.items(), start=1):
            codes = np.ascontiguousarray(self._codes[:, self._columns[name]].T)
            none = np.zeros(len(table), np.int32)
            self.fraction = number / len(self._tables)
            yield VariantBlock(table, codes, False, none, none + 1, 0, 0, 0)


def _read_sites(path: Path) -> tuple[dict[str, SiteTable], dict[str, list[int]], int]:
    """Sites by chromosome, their columns in the genotype file, and the number of loci."""
    rows: dict[str, list[tuple[int, str, str, str]]] = {}
    columns: dict[str, list[int]] = {}
    loci = 0
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) not in (4, 6) or not fields[3].isdecimal() or int(fields[3]) > MAX_POS:
            message = f"Line {number} of '{path.name}' is no line of a .map (chr id cM pos) or .bim (and two alleles)."
            raise TesseraError(Code.malformed_record, message, field="map", line=number)
        chrom = contig_name(fields[0])
        counted, other = (fields[4].upper(), fields[5].upper()) if len(fields) == 6 else (COUNTED, "N")
        rows.setdefault(chrom, []).append((int(fields[3]), fields[1], other, counted))
        columns.setdefault(chrom, []).append(loci)
        loci += 1
    if not rows:
        raise TesseraError(Code.header_only, f"'{path.name}' lists no loci.", field="map")
    tables = {}
    for chrom, found in rows.items():
        pos, ids, ref, alt = zip(*found, strict=True)
        tables[chrom] = SiteTable(chrom, np.array(pos, np.int32), strings(ref), strings(alt), strings(ids))
    return tables, columns, loci


def _malformed(message: str, line: int, animal: str) -> TesseraError:
    return TesseraError(Code.malformed_record, message, field="vcf", line=line, animal=animal)
