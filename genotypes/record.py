"""The records of a batch, as the VCF and BCF decoders hand them to the reader."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from errors import Code, TesseraError
from genotypes.calls import States
from genotypes.likelihoods import Observations


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd about a file, met while it was read.

    Attributes:
        code: stable code, as notes have it.
        message: a sentence without its subject, which is the file's name.
        count: how often.
        strict: the code that strict mode refuses it with; None when nothing was mended.
    """

    code: str
    message: str
    count: int = 1
    strict: Code | None = None


BATCH_GENOTYPES: Final = 8 << 20
BATCH_RECORDS: Final = 4096
MAX_POS: Final = (1 << 31) - 2
MANY_ALLELES: Final = "has a genotype of more than two alleles"
POLYPLOID: Final = "Imputation takes haploid and diploid genotypes: set others to missing, or leave those records out."


def batch_records(n_samples: int) -> int:
    """How many records to decode at once, so that memory is bounded for any number of samples."""
    return max(1, min(BATCH_RECORDS, BATCH_GENOTYPES // max(1, n_samples)))


@dataclass(slots=True)
class Batch:
    """Rows of a batch: one for each usable ALT allele of each record, columns as parallel lists.

    Attributes:
        chrom, pos, id, ref, alt: site of each row; pos in bp, 1-based.
        n_alts: ALT alleles of the record that the row came from.
        states: (rows, S) call states, see genotypes.calls.
        symbolic: (chrom, number) of ALT alleles left out, by record.
        without_gt: chromosome of each record without a GT field; its row is missing throughout.
        records: records read, sites-only ones included.
        likelihoods: (S,) observation numbers of the rows that have a likelihood, where they are asked for.
    """

    chrom: list[str] = field(default_factory=list)
    pos: list[int] = field(default_factory=list)
    id: list[str] = field(default_factory=list)
    ref: list[str] = field(default_factory=list)
    alt: list[str] = field(default_factory=list)
    n_alts: list[int] = field(default_factory=list)
    first_rows: list[bool] = field(default_factory=list)
    symbolic: list[tuple[str, int]] = field(default_factory=list)
    without_gt: list[str] = field(default_factory=list)
    records: int = 0
    states: States = field(default_factory=lambda: np.empty((0, 0), np.uint8))
    likelihoods: dict[int, Observations] = field(default_factory=dict)

    def add(self, chrom: str, pos: int, ident: str, ref: str, alts: list[str]) -> list[int]:
        """Add a record's rows; returns the ALT numbers (from 1) that got one, [0] for a record without ALT."""
        self.records += 1
        if not alts:
            self._row(chrom, pos, ident, ref, ".", 0, True)
            return [0]
        if len(alts) == 1 and plain(alts[0]):
            self._row(chrom, pos, ident, ref, alts[0].upper(), 1, True)
            return [1]
        kept = [number for number, alt in enumerate(alts, start=1) if plain(alt)]
        if len(kept) < len(alts):
            self.symbolic.append((chrom, len(alts) - len(kept)))
        for number in kept:
            self._row(chrom, pos, ident, ref, alts[number - 1].upper(), len(alts), number == kept[0])
        return kept

    def _row(self, chrom: str, pos: int, ident: str, ref: str, alt: str, n_alts: int, first: bool) -> None:
        self.chrom.append(chrom)
        self.pos.append(pos)
        self.id.append(ident)
        self.ref.append(ref)
        self.alt.append(alt)
        self.n_alts.append(n_alts)
        self.first_rows.append(first)


_LETTERS: Final = frozenset("ACGTNacgtn")


def plain(allele: str) -> bool:
    """True for an allele spelled in bases; symbolic alleles, breakends and `*` are not."""
    return allele in _LETTERS or (bool(allele) and _LETTERS.issuperset(allele))


def malformed(message: str, *, action: str | None = None, **details: Any) -> TesseraError:
    """The error for a record that cannot be read."""
    return TesseraError(Code.malformed_record, message, action=action, field="vcf", **details)
