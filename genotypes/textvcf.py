"""Decoding the lines of a VCF.

A line whose FORMAT is GT alone, with one character an allele, has exactly four bytes a sample: the sample columns of
many such lines are joined and decoded by two look-ups a genotype. All other lines are decoded one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.calls import BAD, MISSING_STATE, N_STATES, States, states_of_alleles, text_tables
from genotypes.facts import HeaderFacts, contig_name, decoded, parse_header
from genotypes.likelihoods import TextLikelihoods
from genotypes.record import MANY_ALLELES, MAX_POS, POLYPLOID, Batch, batch_records, malformed
from genotypes.sniff import BOM
from genotypes.stream import Inflated

_BATCH_BYTES: Final = 32 << 20
_MAX_HEADER: Final = 128 << 20
_PREFIX: Final = re.compile(rb"(\A|\t)[/|](?=[0-9.])")  # VCF 4.4 may say the first allele's phase in front of it


class TextDecoder:
    """Reads a VCF text.

    Attributes:
        facts: of the header.
        cut_line: number of a last line that was cut short and left out, None when there is none.
        mended: how often something else was mended: headers_inside, trailing_tabs.
    """

    def __init__(self, source: Inflated, *, mend: bool = False, likelihoods: bool = False) -> None:
        """Read the header from `source`; `mend` what it can be, instead of refusing it.

        `likelihoods` asks for PL, GL or AD beside GT.

        Raises:
            TesseraError: see `facts.parse_header`.
        """
        self._likelihoods = TextLikelihoods() if likelihoods else None
        self._source = source
        self._mend = mend
        self._rest = b""
        self._line = 0  # number of the last line read
        self._ends_open = False  # the text does not end with a line end
        self.cut_line: int | None = None
        self.mended: Counter[str] = Counter()
        self._contigs: dict[bytes, str] = {}
        self.facts: HeaderFacts = parse_header(self._header())
        self._n_samples = len(self.facts.samples)

    def _header(self) -> list[str]:
        """Lines up to the first that does not start with ##; what was read beyond stays in `_rest`."""
        lines: list[str] = []
        text = self._source.read().removeprefix(BOM)
        at = size = 0
        while True:
            end = text.find(b"\n", at)
            if end < 0:
                piece = self._source.read()
                text, at = text[at:] + piece, 0
                size += len(piece)
                if size > _MAX_HEADER:
                    message = f"The header is longer than {_MAX_HEADER:,} bytes."
                    raise TesseraError(Code.line_too_long, message, field="vcf", limit=_MAX_HEADER)
                if piece:
                    continue
                end = len(text)
            self._line += 1
            lines.append(decoded(text[at:end].removesuffix(b"\r")))
            at = end + 1
            if not lines[-1].strip() and end < len(text):
                lines.pop()  # an empty line says nothing
                continue
            if not lines[-1].startswith("##"):
                self._rest = text[at:]
                return lines

    def _blocks(self) -> Iterator[list[bytes]]:
        """Runs of whole lines."""
        held = [self._rest]
        self._rest = b""
        while piece := self._source.read():
            cut = piece.rfind(b"\n")
            if cut < 0:
                held.append(piece)
                continue
            yield b"".join((*held, piece[:cut])).split(b"\n")
            held = [piece[cut + 1 :]]
        if last := b"".join(held):
            self._ends_open = not last.endswith(b"\n")
            yield last.removesuffix(b"\n").split(b"\n")

    def batches(self) -> Iterator[Batch]:
        """Decode all records.

        Raises:
            TesseraError: `malformed_record` with the line's number.
        """
        limit = batch_records(self._n_samples)
        held: list[bytes] = []
        size = 0
        decoded = False
        for lines in self._blocks():
            for line in lines:
                held.append(line)
                size += len(line)
                if len(held) > limit or size >= _BATCH_BYTES:
                    if len(held) > 1:  # the last line stays until it is known whether it is the file's
                        yield self._decode(held[:-1])
                        decoded = True
                    held, size = held[-1:], len(line)
        while held and not held[-1].strip():
            held.pop()
        if self._mend and held and (decoded or len(held) > 1) and self._is_cut(held[-1]):
            self.cut_line = self._line + len(held)
            held.pop()
        if held:
            yield self._decode(held)

    def _is_cut(self, line: bytes) -> bool:
        """True for a last line that stops before its last genotype is whole."""
        cells = line.removesuffix(b"\r").split(b"\t")
        if len(cells) < self._n_samples + 9:
            return True
        if not self._ends_open or not cells[8].startswith(b"GT"):
            return False
        last, first = (cell.partition(b":")[0] for cell in (cells[-1], cells[9]))
        whole = first.replace(b"|", b"/").count(b"/") if self._n_samples > 1 else 0
        return not last or last.endswith((b"/", b"|")) or last.replace(b"|", b"/").count(b"/") < whole

    def _decode(self, lines: list[bytes]) -> Batch:
        batch = Batch()
        width = 4 * self._n_samples - 1
        simple: list[bytes] = []
        simple_rows: list[int] = []
        parsed: list[tuple[int, States]] = []
        for line in lines:
            self._line += 1
            line = line.removesuffix(b"\r")
            if not line or (self._mend and line.startswith(b"#") and self._passes_header(line)):
                continue
            if self._mend and line.endswith(b"\t") and line.count(b"\t") > self._n_samples + 8:
                line = line[:-1]
                self.mended["trailing_tabs"] += 1
            fields = line.split(b"\t", 9)
            if len(fields) < 10:
                raise self._error(f"has {len(fields)} columns, the header {self._n_samples + 9}")
            row = len(batch.pos)
            alts = [] if fields[4] == b"." else fields[4].decode(errors="replace").split(",")
            numbers = batch.add(
                self._contig(fields[0]),
                self._position(fields[1]),
                fields[2].decode(errors="replace") or ".",
                fields[3].decode(errors="replace").upper(),
                alts,
            )
            if len(fields[9]) == width and fields[8] == b"GT" and len(alts) == 1 and numbers:
                simple.append(fields[9])
                simple_rows.append(row)
                continue
            self._likelihood(batch, row, fields, len(alts), numbers)
            states = self._general(fields[8], fields[9], len(alts), numbers)
            if states is None:
                batch.without_gt.append(batch.chrom[row] if numbers else self._contig(fields[0]))
            parsed += [
                (row + k, np.full(self._n_samples, MISSING_STATE, np.uint8) if states is None else states[k])
                for k in range(len(numbers))
            ]
        batch.states = np.empty((len(batch.pos), self._n_samples), np.uint8)
        if simple:
            self._simple(batch, simple, simple_rows)
        for row, one in parsed:
            batch.states[row] = one
        return batch

    def _passes_header(self, line: bytes) -> bool:
        """True for a header line between records, as in files that were put one after the other."""
        if line.startswith(b"#CHROM"):
            if decoded(line).rstrip("\t").split("\t")[9:] != self.facts.samples:
                message = f"Line {self._line} begins another table, with other samples."
                raise TesseraError(Code.samples_differ, message, field="vcf", line=self._line)
            self.mended["headers_inside"] += 1
        return True

    def _likelihood(self, batch: Batch, row: int, fields: list[bytes], n_alts: int, numbers: list[int]) -> None:
        """Keep the likelihoods of one line for each ALT of `numbers`."""
        if self._likelihoods is None:
            return
        try:
            for k, number in enumerate(numbers):
                found = self._likelihoods.read(fields[8], fields[9], n_alts, number)
                if found is not None and len(found) == self._n_samples:
                    batch.likelihoods[row + k] = found
        except ValueError as error:
            raise self._error("has a PL, GL or AD that is no number") from error

    def _simple(self, batch: Batch, columns: list[bytes], rows: list[int]) -> None:
        """Decode lines of four bytes a sample; those that turn out otherwise are decoded one by one."""
        first, second = text_tables(1, 1)
        text = np.frombuffer(b"\t".join([*columns, b""]), np.uint16).reshape(len(rows), self._n_samples, 2)
        states = np.take(first, text[:, :, 0])
        states += np.take(second, text[:, :, 1])
        if states.max(initial=0) >= N_STATES:
            for k in np.flatnonzero((states >= BAD).any(axis=1)):
                found = self._general(b"GT", columns[k], 1, [1], f"{batch.chrom[rows[k]]}:{batch.pos[rows[k]]}")
                if found is not None:
                    states[k] = found[0]
        if len(rows) == len(batch.states):
            batch.states = states
        else:
            batch.states[rows] = states

    def _general(
        self, fmt: bytes, columns: bytes, n_alts: int, numbers: list[int], where: str | None = None
    ) -> list[States] | None:
        """States of one line for each ALT of `numbers`; None without a GT field."""
        keys = fmt.split(b":")
        if columns[:1] in (b"/", b"|") or b"\t/" in columns or b"\t|" in columns:
            columns = _PREFIX.sub(rb"\1", columns)
        text = np.frombuffer(columns + b"\t\t\t\t", np.uint8)
        ends = np.flatnonzero(text[:-3] == 9)  # the tab after each sample
        if len(ends) != self._n_samples:
            raise self._error(f"has {len(ends) + 9} columns, the header {self._n_samples + 9}", where)
        if b"GT" not in keys:
            return None
        if keys[0] != b"GT":
            at = keys.index(b"GT")
            cells = [cell.split(b":")[at : at + 1] for cell in columns.split(b"\t")]
            return self._general(b"GT", b"\t".join(c[0] if c else b"." for c in cells), n_alts, numbers, where)
        starts = np.empty_like(ends)
        starts[0] = 0
        starts[1:] = ends[:-1] + 1
        # Four bytes from each start, read at once: nearly always a diploid call of one-digit alleles.
        call = np.ndarray(len(text) - 3, "<u4", text.data, strides=(1,))[starts]
        low, high = call.astype(np.uint16), (call >> 16).astype(np.uint16)
        found: list[States] = []
        for number in numbers:
            first_table, second_table = text_tables(number or 1, n_alts, b"\t:")
            found.append(np.take(first_table, low) + np.take(second_table, high))
        if all(int(states.max(initial=0)) < N_STATES for states in found):
            return found
        one, separator, two, after = (text[starts + k] for k in range(4))
        first, first_good = _digit(one)
        second, second_good = _digit(two)
        phased = separator == ord("|")
        haploid = (separator == 9) | (separator == ord(":"))
        diploid = (phased | (separator == ord("/"))) & ((after == 9) | (after == ord(":"))) & second_good
        second[haploid] = -2
        odd = np.flatnonzero(~(first_good & (haploid | diploid)))
        for sample in odd:
            cell = bytes(text[starts[sample] : ends[sample]])
            first[sample], second[sample], phased[sample] = self._cell(cell, where)
        if max(first.max(), second.max()) > n_alts:
            raise self._error(f"has a genotype with an allele beyond its {n_alts} ALT alleles", where)
        return [states_of_alleles(first, second, phased & ~haploid, number or 1) for number in numbers]

    def _cell(self, cell: bytes, where: str | None) -> tuple[int, int, bool]:
        """One sample column of a rare form: alleles of two digits, an empty genotype."""
        call = cell.partition(b":")[0]
        alleles = call.replace(b"|", b"/").split(b"/")
        if len(alleles) > 2:
            raise self._error(MANY_ALLELES, where, POLYPLOID)
        if any((not allele.isdigit() and allele not in (b".", b"")) or len(allele) > 3 for allele in alleles):
            raise self._error(f"has a genotype {call[:20].decode(errors='replace')!r}", where)
        numbers = [int(allele) if allele.isdigit() else -1 for allele in alleles]
        return numbers[0], numbers[1] if len(numbers) == 2 else -2, b"|" in call

    def _contig(self, name: bytes) -> str:
        found = self._contigs.get(name)
        if found is None:
            found = self._contigs[name] = contig_name(name.decode(errors="replace"))
        return found

    def _position(self, text: bytes) -> int:
        if not text.isdigit() or len(text) > 10 or (pos := int(text)) > MAX_POS:
            raise self._error(f"has the position {text[:20].decode(errors='replace')!r}")
        return pos

    def _error(self, what: str, where: str | None = None, action: str | None = None) -> TesseraError:
        if where is not None:
            return malformed(f"The record at {where} {what}.", action=action, position=where)
        return malformed(f"Line {self._line} {what}.", action=action, line=self._line)


def _digit(letters: NDArray[np.uint8]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Allele numbers of single characters, -1 for '.', and which characters are alleles."""
    digits = letters.astype(np.int16) - ord("0")
    missing = letters == ord(".")
    good = missing | ((digits >= 0) & (digits <= 9))
    digits[missing] = -1
    return digits, good
