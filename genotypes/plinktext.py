"""Reading PLINK's text filesets (.ped, .map).

Format: the PLINK 1.9 file format reference ("PLINK text"): a .map has a line a site (chromosome, identifier, position
in cM, which may be left out, position in bp), a .ped one a sample: family, id, father, mother, sex, phenotype, then two
alleles a site. Nothing tells REF from ALT, and where all are homozygous alike one letter alone is known: as for raw
array data the site then has ALT ".", and harmonising finds the rest in the bundle.

The .ped is turned on its side on disk, a byte a genotype, so memory is bounded by one line and one block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.facts import contig_name
from genotypes.guard import Limits
from genotypes.read import VariantBlock
from genotypes.record import MAX_POS, Remark, batch_records, malformed
from genotypes.sites import SiteTable, strings
from genotypes.tables import SEXES, choose_ids, text_lines

_COLUMNS: Final = 6  # before the alleles
_LETTER_OF: Final = np.array([".", "A", "C", ".", "G", *["."] * 3, "T"], object)
_MISSING: Final = 0
_ODD: Final = 255  # an allele that is not one base
_SHIFT: Final = 4  # of the first allele within a genotype's byte
_SAID: Final = {
    "unplaced": ("has sites without a chromosome or position, which were left out.", None),
    "no_alleles": ("has sites without any call, which were left out.", None),
    "three_letters": ("shows more than two letters at these sites, which were left out.", Code.multiallelic),
    "coded_alleles": (
        "has sites whose alleles are not single bases (I, D, 1, 2, AT...), which were left out.",
        Code.symbolic_alleles,
    ),
    "half_calls": ("has calls of one letter where there should be two, which were set to missing.", Code.half_calls),
}


def _alleles() -> NDArray[np.uint8]:
    """Bit of each allele's character: one bit a letter, 0 not called, 255 anything else."""
    table = np.full(256, _ODD, np.uint8)
    for letter, bit in zip("ACGT", (1, 2, 4, 8), strict=True):
        table[ord(letter)] = table[ord(letter.lower())] = bit
    for nothing in "0.-N":
        table[ord(nothing)] = _MISSING
    return table


_ALLELES: Final = _alleles()


@dataclass(frozen=True, slots=True)
class _Site:
    """A line of the .map; `contig` is "" where the site has no place."""

    contig: str
    pos: int
    ident: str


class PedReader:
    """Iterates over the genotypes of a fileset; see `genotypes.reader.GenotypeReader`."""

    ref_known = False
    header_build = None

    def __init__(self, ped: Path, map_: Path, scratch: Path, limits: Limits | None = None) -> None:
        """Read both files; genotypes go to `scratch`, a byte each.

        Raises:
            TesseraError: `malformed_record` with the line, `header_only`, `no_samples`, `duplicate_samples`,
                `parts_disagree` when the lines of the .ped have more or fewer alleles than the .map has sites,
                `truncated_file` when only a later line has fewer.
        """
        self.contigs: dict[str, int | None] = {}
        self.fraction = 0.0
        self._sites = _read_map(map_, limits)
        scratch.mkdir(parents=True, exist_ok=True)
        self._path = scratch / "alleles"
        self._odd = np.zeros(len(self._sites), bool)
        fids: list[str] = []
        iids: list[str] = []
        sexes: list[str | None] = []
        with self._path.open("wb") as out:
            for number, line in enumerate(text_lines(ped, limits), start=1):
                if not line.strip() or line.lstrip().startswith(b"#"):
                    continue
                head = line.split(None, _COLUMNS)
                if len(head) <= _COLUMNS:
                    raise malformed(f"Line {number} of the .ped has {len(head)} columns and no genotypes.", line=number)
                fids.append(head[0].decode(errors="replace"))
                iids.append(head[1].decode(errors="replace"))
                sexes.append(SEXES.get(head[4].decode(errors="replace").lower()))
                out.write(self._encoded(head[_COLUMNS], number, first=len(iids) == 1).data)
        if not iids:
            raise TesseraError(Code.no_samples, "The .ped lists no samples.", field="vcf")
        self.samples, remark = choose_ids(fids, iids)
        self.sex = {name: one for name, one in zip(self.samples, sexes, strict=True) if one is not None}
        self.remarks: list[Remark] = [] if remark is None else [remark]

    def __iter__(self) -> Iterator[VariantBlock]:
        """The blocks, in the order of the .map."""
        samples, sites = len(self.samples), len(self._sites)
        alleles = np.memmap(self._path, np.uint8, "r", shape=(samples, sites))
        odd: Counter[str] = Counter()
        step = batch_records(samples)
        done = 0
        for contig, run in groupby(self._sites, key=lambda one: one.contig):
            held = list(run)
            for at in range(0, len(held), step):
                part = held[at : at + step]
                rows = slice(done, done + len(part))
                done += len(part)
                self.fraction = done / sites
                if not contig:
                    odd["unplaced"] += len(part)
                elif (block := _block(contig, part, alleles[:, rows].T, self._odd[rows], odd)) is not None:
                    yield block
        said = [Remark(code, _SAID[code][0], count, _SAID[code][1]) for code, count in sorted(odd.items()) if count]
        self.remarks = [*self.remarks, *said]

    def _encoded(self, text: bytes, number: int, *, first: bool) -> NDArray[np.uint8]:
        """(V,) bytes of a line's genotypes: bits of the first allele above those of the second."""
        sites = len(self._sites)
        raw = np.frombuffer(text, np.uint8)
        if len(raw) == 4 * sites - 1 and not (raw[0::2] <= 32).any() and (raw[1::2] <= 32).all():
            bits = _ALLELES[raw[0::2]]
        else:
            words = text.split()
            if len(words) != 2 * sites:
                message = f"Line {number} of the .ped has {len(words):,} alleles; {sites:,} sites of the .map make "
                # Where lines before were whole, the .map is the right one and this line was cut short.
                cut = len(words) < 2 * sites and not first
                code = Code.truncated_file if cut else Code.parts_disagree
                raise TesseraError(code, f"{message}{2 * sites:,}.", field="vcf", line=number)
            plain = np.frombuffer(b"".join(word if len(word) == 1 else b"?" for word in words), np.uint8)
            bits = _ALLELES[plain]
        pairs = bits.reshape(sites, 2)
        self._odd |= (pairs == _ODD).any(axis=1)
        return np.ascontiguousarray((pairs[:, 0] & 15) << _SHIFT | (pairs[:, 1] & 15))


def _block(
    contig: str,
    sites: list[_Site],
    packed: NDArray[np.uint8],
    coded: NDArray[np.bool_],
    odd: Counter[str],
) -> VariantBlock | None:
    """Sites of one contig from (V, S) packed genotypes; None when none of them can be used."""
    first, second = packed >> _SHIFT, packed & 15
    seen = np.bitwise_or.reduce(first | second, axis=1)
    low = seen & (~seen + 1)  # the lowest letter that was seen
    high = seen ^ low
    many = (high & (high - 1)) != 0
    usable = ~coded & (low > 0) & ~many
    odd["coded_alleles"] += int(coded.sum())
    odd["no_alleles"] += int((~coded & (low == 0)).sum())
    odd["three_letters"] += int((~coded & many).sum())
    rows = np.flatnonzero(usable)
    if not len(rows):
        return None
    first, second, low, high = first[rows], second[rows], low[rows], high[rows]
    codes = (first == high[:, None]).astype(np.int8) + (second == high[:, None])
    codes[(first == 0) | (second == 0)] = gt.MISSING
    half = ((first == 0) != (second == 0)).sum(axis=1)
    odd["half_calls"] += int(half.sum())
    kept = [sites[row] for row in rows.tolist()]
    table = SiteTable(
        contig,
        np.array([one.pos for one in kept], np.int32),
        strings(_LETTER_OF[low]),
        strings(_LETTER_OF[high]),
        strings([one.ident for one in kept]),
    )
    nothing = np.zeros(len(kept), np.int32)
    return VariantBlock(table, codes, False, nothing, (high > 0).astype(np.int32), 0, 0, 0)


def _read_map(path: Path, limits: Limits | None) -> list[_Site]:
    """Sites of a .map.

    Raises:
        TesseraError: `malformed_record` with the line, `header_only`.
    """
    found: list[_Site] = []
    for number, line in enumerate(text_lines(path, limits), start=1):
        fields = line.decode(errors="replace").split()
        if not fields or fields[0].startswith("#"):
            continue
        pos = fields[-1]
        if len(fields) not in (3, 4) or not pos.lstrip("-").isdecimal() or len(pos) > 11:
            message = f"Line {number} of the .map is not a chromosome, an identifier and a position."
            raise malformed(message, line=number)
        placed = fields[0] != "0" and 0 < int(pos) <= MAX_POS
        found.append(_Site(contig_name(fields[0]) if placed else "", int(pos), fields[1][:60]))
    if not found:
        raise TesseraError(Code.header_only, "The .map lists no sites.", field="vcf")
    return found
