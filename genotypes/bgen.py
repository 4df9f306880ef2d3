"""Reading BGEN 1.2 and 1.3 through the package `bgen`; genotypes are called from their probabilities.

Format: Band & Marchini 2018, bioRxiv 308296, and the BGEN specification (layout 2). The package sees a file only after
one walk over its lengths: the blocks have to lie inside the file and to unpack to what that many samples can take, so
that no length from a stranger decides how much memory is asked for.
"""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes import codes as gt
from genotypes.facts import contig_name
from genotypes.read import VariantBlock
from genotypes.record import MAX_POS, Remark, batch_records, plain
from genotypes.sites import SiteTable, strings
from genotypes.tables import SampleTable

CALLED: Final = 0.9  # least probability of a call, as plink2 does by default
_LAYOUT_2: Final = 2
_ROUNDING: Final = 0.01  # by which a sum of rounded probabilities may be off
_WIDEST: Final = 17  # bytes at most of a sample at a biallelic site: ploidy, and up to four 32-bit numbers
_SAID: Final = {
    "uncertain_calls": ("gives probabilities: genotypes of which none reaches 0.9 count as not called.", None),
    "multiallelic_left_out": ("has sites with more or fewer than two alleles, which were left out.", Code.multiallelic),
    "coded_alleles": ("has sites whose alleles are not spelled in bases, which were left out.", Code.symbolic_alleles),
    "unplaced": ("has sites without a chromosome or position, which were left out.", None),
    "odd_ploidy": ("has genotypes that are neither haploid nor diploid, which count as not called.", None),
}


@dataclass(frozen=True, slots=True)
class _Header:
    """What the first bytes say."""

    first: int  # where the sites begin
    sites: int
    samples: int
    compressed: bool
    named: bool  # whether ids of samples are in the file


class BgenReader:
    """Iterates over the genotypes of a file; see `genotypes.reader.GenotypeReader`.

    The format leaves open which allele is REF: the first one is taken, and the bundle decides.
    """

    ref_known = False
    header_build = None

    def __init__(self, path: Path, table: SampleTable | None = None) -> None:
        """Check the file's lengths and read its samples.

        Args:
            path: the file.
            table: the .sample that came with it; its ids are used.

        Raises:
            TesseraError: `truncated_file`, `corrupt_file`, `header_only`, `no_samples`, `duplicate_samples`,
                `parts_disagree`, `reader_unavailable` without the package, `not_vcf` for BGEN 1.1.
        """
        self.contigs: dict[str, int | None] = {}
        self.sex: dict[str, str] = {} if table is None else table.sex
        self.fraction = 0.0
        self.remarks: list[Remark] = []
        self._said: list[Remark] = [] if table is None else [*table.remarks]
        self._header = _checked(path, ids_needed=table is None)
        self._file, self.samples = _open(path)
        if table is not None:
            self.samples = self._named(table)
        if repeated := [name for name, count in Counter(self.samples).items() if count > 1]:
            message = f"The sample '{repeated[0]}' stands more than once."
            raise TesseraError(Code.duplicate_samples, message, field="vcf", samples=repeated[:20])

    def _named(self, table: SampleTable) -> list[str]:
        """The table's ids, once it is sure that they are of this file's people."""
        if len(table.ids) != self._header.samples:
            message = f"The .sample file lists {len(table.ids):,} samples, the .bgen holds {self._header.samples:,}."
            raise TesseraError(Code.parts_disagree, message, field="vcf")
        if self._header.named and self.samples != table.ids:
            if set(self.samples) & set(table.ids):
                message = "The .bgen and the .sample file hold the same ids at different places."
                raise TesseraError(Code.parts_disagree, message, field="vcf")
            self._said.append(Remark("ids_of_sample", "has other ids than its .sample file, whose ids are used."))
        return table.ids

    def __iter__(self) -> Iterator[VariantBlock]:
        """The blocks, in file order.

        Raises:
            TesseraError: `corrupt_file`, `malformed_record` for a chromosome that is none.
        """
        odd: Counter[str] = Counter()
        step = max(1, batch_records(len(self.samples)) // 8)
        held: list[tuple[tuple[str, int, str, str, str], gt.Codes, bool]] = []
        for number in range(self._header.sites):
            site, codes, phased = self._next(odd)
            self.fraction = (number + 1) / self._header.sites
            if site is None:
                continue
            if held and (len(held) == step or site[0] != held[0][0][0]):
                yield _block(held)
                held = []
            held.append((site, codes, phased))
        self._file.close()
        if held:
            yield _block(held)
        told = [Remark(code, _SAID[code][0], n, _SAID[code][1]) for code, n in sorted(odd.items()) if n]
        self.remarks = [*self._said, *told]

    def _next(self, odd: Counter[str]) -> tuple[tuple[str, int, str, str, str] | None, gt.Codes, bool]:
        """The next site with its calls; None for one that cannot be used."""
        none = np.empty(0, np.int8)
        try:
            variant = next(self._file)
            alleles = [one.upper() for one in variant.alleles]
            if len(alleles) != 2:
                odd["multiallelic_left_out"] += 1
                return None, none, False
            if not all(map(plain, alleles)) or alleles[0] == alleles[1]:
                odd["coded_alleles"] += 1
                return None, none, False
            if not 0 < variant.pos <= MAX_POS or not variant.chrom.strip("0"):
                odd["unplaced"] += 1
                return None, none, False
            chrom = variant.chrom.lstrip("0") if variant.chrom.isdecimal() else variant.chrom
            phased, probabilities = bool(variant.is_phased), np.nan_to_num(np.asarray(variant.probabilities))
            if probabilities.min() < -_ROUNDING or probabilities.sum(axis=1).max() > 1 + phased + _ROUNDING:
                raise ValueError(f"the probabilities of '{variant.rsid}' are none")
            codes = call(probabilities, np.asarray(variant.ploidy), phased, odd)
            ident = variant.rsid or variant.varid or "."
            return (contig_name(chrom), variant.pos, ident[:60], *alleles), codes, phased
        except (ValueError, StopIteration, MemoryError, OSError) as error:
            raise _corrupt(f"The file cannot be read: {error}") from error


def call(
    probabilities: NDArray[np.float32], ploidy: NDArray[np.uint8], phased: bool, odd: Counter[str] | None = None
) -> gt.Codes:
    """Codes of one site from (S, 2..4) probabilities, NaN where missing.

    Args:
        probabilities: of 0/0, 0/1, 1/1 of a diploid or 0, 1 of a haploid; phased, of both alleles of each haplotype.
        ploidy: (S,) 1 or 2; others become missing.
        phased: how the probabilities are to be read.
        odd: gets the counts of `uncertain_calls` and `odd_ploidy`.
    """
    odd = Counter() if odd is None else odd
    known = np.zeros((len(probabilities), 4), np.float32)
    known[:, : probabilities.shape[1]] = np.nan_to_num(probabilities[:, :4])
    haploid, diploid = ploidy == 1, ploidy == 2
    out = np.full(len(known), gt.MISSING, np.int8)
    one = known[:, :2].argmax(axis=1)
    sure = haploid & (known[:, :2].max(axis=1) >= CALLED)
    out[sure] = np.array([gt.HAP_REF, gt.HAP_ALT], np.int8)[one[sure]]
    if phased:
        other = known[:, 2:].argmax(axis=1)
        both = diploid & (known[:, :2].max(axis=1) >= CALLED) & (known[:, 2:].max(axis=1) >= CALLED)
        table = np.array([[gt.HOM_REF, gt.PHASED_01], [gt.PHASED_10, gt.HOM_ALT]], np.int8)
        out[both] = table[one[both], other[both]]
    else:
        both = diploid & (known[:, :3].max(axis=1) >= CALLED)
        out[both] = known[both, :3].argmax(axis=1)
    told = known.sum(axis=1) > 0
    odd["uncertain_calls"] += int((told & (haploid | diploid) & (out == gt.MISSING)).sum())
    odd["odd_ploidy"] += int((told & ~(haploid | diploid)).sum())
    return out


def _block(held: list[tuple[tuple[str, int, str, str, str], gt.Codes, bool]]) -> VariantBlock:
    chrom, pos, ids, ref, alt = zip(*(site for site, _, _ in held), strict=True)
    table = SiteTable(chrom[0], np.array(pos, np.int32), strings(ref), strings(alt), strings(ids))
    nothing, codes = np.zeros(len(held), np.int32), np.stack([codes for _, codes, _ in held])
    return VariantBlock(table, codes, all(one for _, _, one in held), nothing, nothing + 1, 0, 0, 0)


def _open(path: Path) -> tuple[Any, list[str]]:
    try:
        import bgen
    except ImportError as error:
        message = "This installation cannot read .bgen: the package bgen is not there."
        raise TesseraError(Code.reader_unavailable, message, field="vcf") from error
    try:
        file = bgen.BgenReader(str(path), delay_parsing=True)
        return file, list(file.samples)
    except (ValueError, OSError, MemoryError) as error:
        raise _corrupt(f"The file cannot be read: {error}") from error


def _checked(path: Path, *, ids_needed: bool) -> _Header:
    """Walk over the lengths of every block."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        header = _read_header(data, ids_needed=ids_needed)
        at = header.first
        for _ in range(header.sites):
            at = _skip_site(data, at, header)
    return header


def _read_header(data: mmap.mmap, *, ids_needed: bool) -> _Header:
    if len(data) < 24:
        raise _cut()
    offset, length, sites, samples = struct.unpack_from("<IIII", data)
    if length < 20 or length > offset:
        raise _corrupt("Its header's length is impossible.")
    if 4 + offset > len(data):
        raise _cut()
    (flags,) = struct.unpack_from("<I", data, length)
    if (flags >> 2) & 15 != _LAYOUT_2:
        action = "Rewrite it by 'plink2 --bgen FILE ref-first --sample FILE.sample --export bgen-1.2'."
        raise TesseraError(Code.not_vcf, "The file is BGEN 1.1 or of an unknown layout.", action=action, field="vcf")
    if flags & 3 == 3:
        raise _corrupt("Its compression is unknown.")
    named = bool(flags >> 31)
    if not named and ids_needed:
        action = "Upload its .sample file with it."
        raise TesseraError(Code.no_samples, "The file holds no sample ids.", action=action, field="vcf")
    if not sites:
        raise TesseraError(Code.header_only, "The file holds no sites.", field="vcf")
    if named:
        _check_ids(data, 4 + length, 4 + offset, samples)
    elif not samples:
        raise TesseraError(Code.no_samples, "The file holds no samples.", field="vcf")
    return _Header(4 + offset, sites, samples, bool(flags & 3), named)


def _check_ids(data: mmap.mmap, at: int, end: int, samples: int) -> None:
    if not samples:
        raise TesseraError(Code.no_samples, "The file lists no samples.", field="vcf")
    if at + 8 + 2 * samples > end or struct.unpack_from("<I", data, at + 4)[0] != samples:
        raise _corrupt("Its block of sample ids does not fit its header.")
    at += 8
    for _ in range(samples):
        if at + 2 > end:
            raise _corrupt("Its block of sample ids is too short.")
        at += 2 + struct.unpack_from("<H", data, at)[0]
    if at > end:
        raise _corrupt("Its block of sample ids is too short.")


def _skip_site(data: mmap.mmap, at: int, header: _Header) -> int:
    """Where the next site begins."""
    try:
        for _ in range(3):
            at += 2 + struct.unpack_from("<H", data, at)[0]
        (alleles,) = struct.unpack_from("<H", data, at + 4)
        at += 6
        for _ in range(alleles):
            at += 4 + struct.unpack_from("<I", data, at)[0]
        (held,) = struct.unpack_from("<I", data, at)
        unpacked = struct.unpack_from("<I", data, at + 4)[0] if header.compressed else held
    except struct.error as error:
        raise _cut() from error
    if at + 4 + held > len(data):
        raise _cut()
    if alleles == 2 and unpacked > 16 + _WIDEST * header.samples:
        raise _corrupt(f"A site is said to unpack to {unpacked:,} bytes.")
    return at + 4 + int(held)


def _cut() -> TesseraError:
    return TesseraError(Code.truncated_file, "The file ends early.", field="vcf")


def _corrupt(message: str) -> TesseraError:
    action = "Check it with 'plink2 --bgen FILE ref-first --validate' and upload it again."
    return TesseraError(Code.corrupt_file, message, action=action, field="vcf")
