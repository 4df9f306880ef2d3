"""Reading PLINK 2 filesets (.pgen, .pvar, .psam) through the pgenlib of PLINK's authors; hard calls only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.builds import build_of_lengths
from genotypes.calls import MISSING_STATE, States, states_of_alleles
from genotypes.facts import contig_name, parse_contigs
from genotypes.guard import Limits
from genotypes.plink1 import remarks_of
from genotypes.read import VariantBlock, blocks_of
from genotypes.record import MAX_POS, Batch, batch_records, malformed, plain
from genotypes.tables import read_samples, text_lines

_COLUMNS: Final = ["#CHROM", "ID", "CM", "POS", "ALT", "REF"]  # of a .pvar without a header: a .bim
_MAX_HEADER_LINES: Final = 100_000  # contigs of a header that are looked at
_HEADER: Final = 12  # magic, mode, two counts
_EXTERNAL_INDEX: Final = (0x20, 0x21)
_FAILURES: Final = (RuntimeError, ValueError, OSError, AssertionError)


class PgenReader:
    """Iterates over the genotypes of a fileset; see `genotypes.reader.GenotypeReader`."""

    ref_known = True

    def __init__(self, pgen: Path, pvar: Path, psam: Path, limits: Limits | None = None) -> None:
        """Check that the three files fit each other and read the samples.

        Raises:
            TesseraError: `reader_unavailable` without pgenlib, `parts_disagree`, `truncated_file`, `header_only`, and
                what `read_samples` raises.
        """
        self._pgen, self._pvar, self._limits = pgen, pvar, limits
        table = read_samples(psam, limits)
        self.samples, self.sex, self.remarks = table.ids, table.sex, table.remarks
        self.fraction = 0.0
        header: list[str] = []
        alleles: list[int] = []
        self._columns = _COLUMNS
        for line in text_lines(pvar, limits):
            if line.startswith(b"##"):
                if line.startswith((b"##contig=", b"##reference=")) and len(header) < _MAX_HEADER_LINES:
                    header.append(line.decode(errors="replace"))
            elif line.startswith(b"#CHROM"):
                self._columns = line.decode(errors="replace").split()
            elif line.strip():
                at = self._columns.index("ALT") if "ALT" in self._columns else 0
                fields = line.split(None, at + 1)
                alleles.append(2 + fields[at].count(b",") if len(fields) > at else 2)
        missing = {"POS", "ID", "REF", "ALT"} - set(self._columns)
        if missing:
            raise malformed(f"The .pvar has no column {sorted(missing)[0]}.")
        if not alleles:
            raise TesseraError(Code.header_only, "The .pvar lists no sites.", field="vcf")
        self.contigs, build = parse_contigs(header)
        self.header_build = build or build_of_lengths(self.contigs)
        self._sites = len(alleles)
        self._offsets = np.concatenate([[0], np.cumsum(alleles)]).astype(np.uintp)
        self._check_header()

    def _check_header(self) -> None:
        """Refuse what pgenlib could not read, before it sees the file."""
        with self._pgen.open("rb") as file:
            head = file.read(_HEADER)
        if len(head) < _HEADER:
            raise TesseraError(Code.truncated_file, "The .pgen ends inside its header.", field="vcf")
        if head[2] in _EXTERNAL_INDEX:
            message = (
                "The .pgen keeps its index in another file (.pgi), which is not read: write it by 'plink2 --make-pgen'."
            )
            raise TesseraError(Code.not_vcf, message, field="vcf")
        sites, samples = (int(count) for count in np.frombuffer(head[3:11], "<u4"))
        if (sites, samples) != (self._sites, len(self.samples)):
            message = (
                f"The .pgen holds {sites:,} sites of {samples:,} samples, "
                f"its .pvar {self._sites:,} sites and its .psam {len(self.samples):,} samples."
            )
            raise TesseraError(Code.parts_disagree, message, field="vcf", sites=sites, samples=samples)

    def __iter__(self) -> Iterator[VariantBlock]:
        """The blocks, some thousand records each.

        Raises:
            TesseraError: `malformed_record` with the line of the .pvar, `corrupt_file`.
        """
        odd: Counter[str] = Counter()
        step = max(1, batch_records(len(self.samples)) // 8)  # pgenlib hands out four bytes an allele
        lines = (line for line in text_lines(self._pvar, self._limits) if line.strip() and not line.startswith(b"#"))
        done = 0
        file = self._open()
        try:
            phased = bool(file.hardcall_phase_present())
            while part := list(islice(lines, step)):
                alleles, phase = self._read(file, done, done + len(part))
                yield from self._decode(part, alleles, phase if phased else None, done, odd)
                done += len(part)
                self.fraction = done / self._sites
        finally:
            file.close()
        self.remarks = [*self.remarks, *remarks_of(odd)]

    def _open(self) -> Any:
        try:
            import pgenlib
        except ImportError as error:
            message = "This installation cannot read .pgen: the package pgenlib is not there."
            raise TesseraError(Code.reader_unavailable, message, field="vcf") from error
        try:
            return pgenlib.PgenReader(
                bytes(self._pgen),
                raw_sample_ct=len(self.samples),
                variant_ct=self._sites,
                allele_idx_offsets=self._offsets,
            )
        except _FAILURES as error:
            raise TesseraError(Code.corrupt_file, "The .pgen is damaged or cut short.", field="vcf") from error

    def _read(self, file: Any, first: int, end: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Alleles (V, 2S), -9 missing, and which heterozygotes are phased (V, S)."""
        alleles = np.empty((end - first, 2 * len(self.samples)), np.int32)
        phase = np.empty((end - first, len(self.samples)), np.bool_)
        try:
            file.read_alleles_and_phasepresent_range(first, end, alleles, phase)
        except _FAILURES as error:
            raise TesseraError(Code.corrupt_file, "The .pgen is damaged or cut short.", field="vcf") from error
        return alleles, phase

    def _decode(
        self,
        lines: list[bytes],
        alleles: NDArray[np.int32],
        phase: NDArray[np.bool_] | None,
        done: int,
        odd: Counter[str],
    ) -> Iterator[VariantBlock]:
        batch = Batch()
        states: list[States] = []
        first, second = alleles[:, 0::2], alleles[:, 1::2]
        joined = np.zeros(first.shape, np.bool_) if phase is None else phase | (first == second)
        plain_states = _states_of_two(first, second, joined)
        at = {name: self._columns.index(name) for name in ("#CHROM", "POS", "ID", "REF", "ALT")}
        last = max(at.values())
        for row, line in enumerate(lines):
            fields = line.decode(errors="replace").split(None, last + 1)
            if len(fields) <= last or not fields[at["POS"]].lstrip("-").isdecimal() or len(fields[at["POS"]]) > 11:
                raise malformed(f"Site {done + row + 1} of the .pvar has no proper columns.", record=done + row + 1)
            chrom, pos, ref, alt = fields[at["#CHROM"]], int(fields[at["POS"]]), fields[at["REF"]], fields[at["ALT"]]
            if chrom == "0" or not 0 < pos <= MAX_POS:
                odd["unplaced"] += 1
                continue
            if not plain(ref):
                odd["coded_alleles" if ref not in (".", "0") else "no_alleles"] += 1
                continue
            alts = [] if alt in (".", "0") else alt.split(",")
            for number in batch.add(contig_name(chrom), pos, fields[at["ID"]], ref.upper(), alts):
                states.append(
                    plain_states[row] if len(alts) < 2 else _states_of(first[row], second[row], joined[row], number)
                )
        batch.states = np.array(states, np.uint8).reshape(len(batch.pos), len(self.samples))
        yield from blocks_of(batch)


def _states_of_two(first: NDArray[np.int32], second: NDArray[np.int32], phased: NDArray[np.bool_]) -> States:
    """Call states (see genotypes.calls) of many sites with one ALT at once: 8 first + 4 phased + second."""
    states = ((first + 1).astype(np.uint8) << 3) + (phased.view(np.uint8) << 2) + (second + 2).astype(np.uint8)
    states[first < 0] = MISSING_STATE
    return states


def _states_of(first: NDArray[np.int32], second: NDArray[np.int32], phased: NDArray[np.bool_], number: int) -> States:
    """Call states of one site with respect to ALT `number` of several."""
    states = states_of_alleles(first.astype(np.int16), second.astype(np.int16), phased, number)
    states[first < 0] = MISSING_STATE
    return states
