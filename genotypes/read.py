"""Reading uploaded genotypes in bulk.

The decoders are our own: they are several times faster than a record at a time through htslib, name the line at fault,
and keep untrusted files away from C parsers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.calls import all_phased, codes_of, half_calls
from genotypes.likelihoods import Observations
from genotypes.rawbcf import BcfDecoder
from genotypes.record import Batch, Remark
from genotypes.sites import SiteTable, strings
from genotypes.stream import Inflated, open_inflated
from genotypes.textvcf import TextDecoder


@dataclass(frozen=True, slots=True, eq=False)
class VariantBlock:
    """Genotypes of some sites of one chromosome, in file order.

    A record with several ALT alleles gives one row an allele, as `bcftools norm -m-` does (other ALT alleles count as
    REF). Symbolic alleles, breakends and `*` give no row.

    Attributes:
        sites: V sites; ALT is "." for a record without one, alleles are upper case.
        codes: (V, S) int8 genotype codes.
        phased: no called diploid genotype was written with '/'.
        half_calls: (V,) int32, calls such as ./1, which became missing.
        n_alts: (V,) int32, ALT alleles of the record that a row came from.
        multiallelic: records with several ALT alleles.
        symbolic: ALT alleles left out.
        without_gt: records without a GT field; they are missing throughout.
        likelihoods: (V, S) numbers of PL triples (`genotypes.likelihoods`), 0 where a genotype has none; None when no
            row has any, or when they were not asked for.
    """

    sites: SiteTable
    codes: gt.Codes
    phased: bool
    half_calls: NDArray[np.int32]
    n_alts: NDArray[np.int32]
    multiallelic: int
    symbolic: int
    without_gt: int
    likelihoods: Observations | None = None


class VcfReader:
    """Iterates over the genotypes of a VCF or BCF, once; memory is bounded by the block.

    Attributes:
        samples: ids in column order, without repeats.
        contigs: lengths in bp by contig name, None where the header gives none.
        header_build: GRCh37, GRCh38 or None, as the header says or as its contig lengths tell.
        fraction: share of the file read so far.
        sex: empty, for a VCF does not tell it.
        ref_known: True, for a VCF tells REF from ALT.
        remarks: what was mended, complete when the iteration has ended.
    """

    ref_known = True

    def __init__(self, path: Path | str, *, mend: bool = False, likelihoods: bool = False) -> None:
        """Open a file that `guard` has passed and read its header.

        Args:
            path: the file.
            mend: leave out a last line that was cut short, with a remark, where it would else be refused.
            likelihoods: read PL, GL or AD beside GT.

        Raises:
            TesseraError: `not_vcf`, `no_samples`, `duplicate_samples`, `corrupt_file`, `truncated_file`.
        """
        self._path = Path(path)
        self._likelihoods = likelihoods
        self._size = max(1, self._path.stat().st_size)
        self._mend = mend
        self.fraction = 0.0
        self.sex: dict[str, str] = {}
        self.remarks: list[Remark] = []
        with open_inflated(self._path) as source:
            facts = _decoder(source).facts
        self.samples, self.contigs, self.header_build = facts.samples, facts.contigs, facts.build
        repeated = [name for name, count in Counter(self.samples).items() if count > 1]
        if repeated:
            message = f"The sample id '{repeated[0]}' stands more than once in the header."
            raise TesseraError(Code.duplicate_samples, message, field="vcf", samples=repeated[:20])

    def __iter__(self) -> Iterator[VariantBlock]:
        """The blocks, some thousand rows each.

        Raises:
            TesseraError: `malformed_record`, `truncated_file`, `corrupt_file`; `no_gt` when the first records have no
                GT field; `header_only` when there is no record.
        """
        records = 0
        with open_inflated(self._path) as source:
            decoder = _decoder(source, self._mend, self._likelihoods)
            for batch in decoder.batches():
                without = batch.records and len(batch.without_gt) == batch.records and not batch.likelihoods
                if records == 0 and without:
                    raise TesseraError(Code.no_gt, "The records have no GT field.", field="vcf")
                records += batch.records
                self.fraction = min(1.0, source.taken / self._size)
                yield from blocks_of(batch)
        said = [(code, count) for code, count in sorted(decoder.mended.items())]
        self.remarks += [Remark(code, _MENDED[code], count, Code.malformed_record) for code, count in said]
        if decoder.cut_line is not None:
            message = f"ends in the middle of line {decoder.cut_line:,}, which was left out: see that it is whole."
            self.remarks.append(Remark("last_line_cut", message, 1, Code.malformed_record))
        if records == 0:
            raise TesseraError(Code.header_only, "The file has a header but no variants.", field="vcf")
        self.fraction = 1.0


_MENDED = {
    "headers_inside": "holds further headers between its records, as after joining files by 'cat'; they were skipped.",
    "trailing_tabs": "has lines that end with a tab, which was left out.",
}


def _decoder(source: Inflated, mend: bool = False, likelihoods: bool = False) -> TextDecoder | BcfDecoder:
    if source.peek(4).startswith(b"BCF\x02"):
        return BcfDecoder(source, likelihoods=likelihoods)
    return TextDecoder(source, mend=mend, likelihoods=likelihoods)


def blocks_of(batch: Batch) -> Iterator[VariantBlock]:
    """One block a chromosome, chromosomes in order of appearance."""
    symbolic: Counter[str] = Counter()
    for name, count in batch.symbolic:
        symbolic[name] += count
    without_gt = Counter(batch.without_gt)
    names = list(dict.fromkeys([*batch.chrom, *symbolic, *without_gt]))
    chroms = strings(batch.chrom)
    first = np.array(batch.first_rows, bool)
    n_alts = np.array(batch.n_alts, np.int32)
    pos, ref, alt, ids = np.array(batch.pos, np.int32), strings(batch.ref), strings(batch.alt), strings(batch.id)
    for name in names:
        rows = slice(None) if len(names) == 1 else np.flatnonzero(chroms == name)
        states = batch.states[rows]
        yield VariantBlock(
            sites=SiteTable(name, pos[rows], ref[rows], alt[rows], ids[rows]),
            codes=codes_of(states),
            phased=all_phased(states),
            half_calls=half_calls(states),
            n_alts=n_alts[rows],
            multiallelic=int((first[rows] & (n_alts[rows] > 1)).sum()),
            symbolic=symbolic[name],
            without_gt=without_gt[name],
            likelihoods=_likelihoods(batch, rows),
        )


def _likelihoods(batch: Batch, rows: slice | NDArray[np.intp]) -> Observations | None:
    """(V, S) numbers of the rows, where any has likelihoods."""
    if not batch.likelihoods:
        return None
    out = np.zeros(batch.states.shape, np.uint16)
    for row, numbers in batch.likelihoods.items():
        out[row] = numbers
    return out[rows]
