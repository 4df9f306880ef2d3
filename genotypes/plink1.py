"""Reading PLINK 1 filesets (.bed, .bim, .fam).

Format: Purcell et al. 2007, and the PLINK 1.9 file format reference ("PLINK 1 binary"): after three magic bytes, sites
one after the other, four samples a byte from its lowest bits: 0 homozygous A1, 1 missing, 2 heterozygous, 3 homozygous
A2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from errors import Code, TesseraError
from genotypes.calls import States
from genotypes.facts import contig_name
from genotypes.guard import Limits
from genotypes.read import VariantBlock, blocks_of
from genotypes.record import MAX_POS, Batch, Remark, batch_records, malformed, plain
from genotypes.tables import read_samples, text_lines

_MAGIC: Final = b"\x6c\x1b\x01"
_NONE: Final = ("0", ".", "-9")  # an allele that is not there
# Call states of one byte's four samples with A1 as ALT, as one little-endian uint32 (see genotypes.calls).
_STATES: Final = np.array([19, 1, 11, 10], np.uint8)
_SWAPPED: Final = np.array([10, 1, 11, 19], np.uint8)  # with A2 as ALT
_BYTES: Final = np.arange(256)[:, None] >> np.array([0, 2, 4, 6]) & 3


def _table(states: States) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.ascontiguousarray(states[_BYTES]).view(np.uint32).ravel()


_TABLE: Final = _table(_STATES)
_SWAP: Final = np.arange(24, dtype=np.uint8)
_SWAP[_STATES] = _SWAPPED


class PlinkReader:
    """Iterates over the genotypes of a fileset; see `genotypes.reader.GenotypeReader`.

    A2 is taken as REF, which PLINK 1 does not promise.
    """

    ref_known = False
    header_build = None

    def __init__(self, bed: Path, bim: Path, fam: Path, limits: Limits | None = None) -> None:
        """Check that the three files fit each other and read the samples.

        Raises:
            TesseraError: `parts_disagree`, `truncated_file`, `header_only`, and what `read_samples` raises.
        """
        self._bed, self._bim, self._limits = bed, bim, limits
        table = read_samples(fam, limits)
        self.samples, self.sex, self.remarks = table.ids, table.sex, table.remarks
        self.contigs: dict[str, int | None] = {}
        self.fraction = 0.0
        self._width = (len(self.samples) + 3) // 4
        self._sites = sum(1 for line in text_lines(bim, limits) if line.strip())
        if self._sites == 0:
            raise TesseraError(Code.header_only, "The .bim lists no sites.", field="vcf")
        held = bed.stat().st_size - len(_MAGIC)
        if held != self._sites * self._width:
            message = (
                f"The .bed holds {held:,} bytes of genotypes; {self._sites:,} sites of the .bim and "
                f"{len(self.samples):,} samples of the .fam make {self._sites * self._width:,}."
            )
            code = Code.truncated_file if held < self._sites * self._width else Code.parts_disagree
            raise TesseraError(code, message, field="vcf", sites=self._sites, samples=len(self.samples))

    def __iter__(self) -> Iterator[VariantBlock]:
        """The blocks, some thousand rows each.

        Raises:
            TesseraError: `malformed_record` with the line of the .bim.
        """
        odd: Counter[str] = Counter()
        step = batch_records(len(self.samples))
        lines = (line for line in text_lines(self._bim, self._limits) if line.strip())
        done = 0
        with self._bed.open("rb") as bed:
            bed.seek(len(_MAGIC))
            while part := list(islice(lines, step)):
                raw = np.frombuffer(bed.read(len(part) * self._width), np.uint8)
                if len(raw) < len(part) * self._width:
                    raise TesseraError(Code.truncated_file, "The .bed ends early.", field="vcf")
                yield from self._decode(part, raw.reshape(len(part), self._width), done, odd)
                done += len(part)
                self.fraction = done / self._sites
        self.remarks = [*self.remarks, *remarks_of(odd)]

    def _decode(
        self, lines: list[bytes], raw: np.ndarray[tuple[int, int], np.dtype[np.uint8]], done: int, odd: Counter[str]
    ) -> Iterator[VariantBlock]:
        batch = Batch()
        kept: list[int] = []
        swapped: list[int] = []
        alone: list[int] = []  # rows with one allele only
        for at, line in enumerate(lines):
            fields = line.decode(errors="replace").split()
            if len(fields) != 6 or not fields[3].lstrip("-").isdecimal() or len(fields[3]) > 11:
                raise malformed(
                    f"Line {done + at + 1} of the .bim is not six columns with a position.", line=done + at + 1
                )
            chrom, ident, pos, a1, a2 = fields[0], fields[1], int(fields[3]), fields[4], fields[5]
            if chrom == "0" or not 0 < pos <= MAX_POS:
                odd["unplaced"] += 1
                continue
            turn = a2 in _NONE
            ref, alt = (a1, a2) if turn else (a2, a1)
            if ref in _NONE or ref == alt:
                odd["no_alleles"] += 1
                continue
            if not plain(ref) or (alt not in _NONE and not plain(alt)):
                odd["coded_alleles"] += 1
                continue
            batch.add(contig_name(chrom), pos, ident, ref.upper(), [] if alt in _NONE else [alt])
            if alt in _NONE:
                alone.append(len(kept))
            if turn:
                swapped.append(len(kept))
            kept.append(at)
        states = _TABLE[raw[kept]].view(np.uint8).reshape(len(kept), -1)[:, : len(self.samples)]
        if swapped:
            states[swapped] = _SWAP[states[swapped]]
        if alone:
            rows = states[alone]
            rows[rows != _STATES[3]] = _STATES[1]
            states[alone] = rows
        batch.states = np.ascontiguousarray(states)
        yield from blocks_of(batch)


def remarks_of(odd: Counter[str]) -> list[Remark]:
    """What to say about the sites that were left out."""
    said = {
        "unplaced": ("has sites without a chromosome or position, which were left out.", None),
        "no_alleles": ("has sites without two different alleles or any call, which were left out.", None),
        "coded_alleles": (
            "has sites whose alleles are not spelled in bases (I, D, 1, 2...), which were left out.",
            Code.symbolic_alleles,
        ),
    }
    return [Remark(code, said[code][0], count, said[code][1]) for code, count in sorted(odd.items())]
