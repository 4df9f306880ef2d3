"""Decoding the records of a BCF: only the site and the GT field are looked at."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import Code, TesseraError
from genotypes.calls import MISSING_STATE, N_STATES, States, bcf_table, states_of_alleles
from genotypes.facts import HeaderFacts, contig_name, parse_header
from genotypes.likelihoods import FIELDS, bcf_values, encode, to_pl
from genotypes.record import MANY_ALLELES, MAX_POS, POLYPLOID, Batch, batch_records, malformed
from genotypes.stream import Inflated

_SIZES: Final = {0: 0, 1: 1, 2: 2, 3: 4, 5: 4, 7: 1}  # bytes of a BCF type
_INTS: Final = {1: "<i1", 2: "<i2", 3: "<i4"}
_MAX_HEADER: Final = 1 << 30


class BcfDecoder:
    """Reads a BCF 2 stream."""

    cut_line: None = None  # a BCF that ends early is always refused
    mended: Final[Counter[str]] = Counter()  # nothing of a BCF is mended while it is decoded

    def __init__(self, source: Inflated, *, likelihoods: bool = False) -> None:
        """Read the header from `source`; `likelihoods` asks for PL, GL or AD beside GT.

        Raises:
            TesseraError: `corrupt_file`, `truncated_file`, and see `facts.parse_header`.
        """
        self._source = source
        self._record = 0
        head = source.exactly(9)
        size = struct.unpack("<I", head[5:])[0] if len(head) == 9 else 0
        if head[:4] != b"BCF\x02" or size > _MAX_HEADER:
            raise TesseraError(Code.corrupt_file, "The BCF header is damaged.", field="vcf")
        text = source.exactly(size)
        if len(text) < size:
            raise TesseraError(Code.truncated_file, "The file ends inside its header.", field="vcf")
        self.facts: HeaderFacts = parse_header(text.rstrip(b"\0").decode(errors="replace").split("\n"))
        self._n_samples = len(self.facts.samples)
        numbers = {name: number for number, name in self.facts.strings.items()}
        self._gt = numbers.get("GT", -1)
        self._likelihoods = [(numbers[name], name) for name in FIELDS if name in numbers] if likelihoods else []
        self._contigs: dict[int, str] = {}  # of the records so far; header lines of other contigs may be anything

    def batches(self) -> Iterator[Batch]:
        """Decode all records.

        Raises:
            TesseraError: `truncated_file`, `corrupt_file`, `malformed_record` with the record's number.
        """
        limit = batch_records(self._n_samples)
        batch, parts = Batch(), _Parts(self._n_samples)
        while head := self._source.exactly(8):
            self._record += 1
            shared, individual = self._read(head)
            try:
                self._add(batch, parts, shared, individual)
            except (struct.error, IndexError, KeyError, ValueError) as error:
                message = f"Record {self._record} of the BCF is damaged."
                raise TesseraError(Code.corrupt_file, message, field="vcf", record=self._record) from error
            if batch.records >= limit:
                batch.states = parts.states(batch)
                yield batch
                batch, parts = Batch(), _Parts(self._n_samples)
        if batch.records:
            batch.states = parts.states(batch)
            yield batch

    def _read(self, head: bytes) -> tuple[bytes, bytes]:
        if len(head) == 8:
            shared_size, size = struct.unpack("<II", head)
            shared, individual = self._source.exactly(shared_size), self._source.exactly(size)
            if len(shared) == shared_size and len(individual) == size:
                return shared, individual
        raise TesseraError(Code.truncated_file, "The file ends inside a record.", field="vcf")

    def _add(self, batch: Batch, parts: _Parts, shared: bytes, individual: bytes) -> None:
        contig, pos, _, _, _, n_alleles, counts = struct.unpack_from("<iiifHHI", shared)
        n_samples, n_fmt = counts & 0xFFFFFF, counts >> 24
        if not -1 <= pos < MAX_POS:
            raise malformed(f"Record {self._record} has the position {pos + 1}.", record=self._record)
        ident, at = _string(shared, 24)
        alleles = []
        for _ in range(n_alleles):
            allele, at = _string(shared, at)
            alleles.append(allele)
        chrom = self._contigs.get(contig) or self._contigs.setdefault(
            contig, contig_name(self.facts.contig_names[contig])
        )
        row = len(batch.pos)
        numbers = batch.add(chrom, pos + 1, ident or ".", (alleles[0] if alleles else ".").upper(), alleles[1:])
        if n_samples == self._n_samples:
            self._add_likelihoods(batch, row, individual, n_fmt, n_alleles - 1, numbers)
        found = self._find(individual, n_fmt, self._gt)
        if found is not None and found[0] not in _INTS:
            found = None
        if found is None or n_samples != self._n_samples:
            if n_samples not in (0, self._n_samples):
                raise ValueError("another number of samples")
            batch.without_gt.append(chrom)
            return
        kind, width, at = found
        if width > 2:
            parts.check_triploid(individual, kind, width, at, f"{chrom}:{pos + 1}")
        size = self._n_samples * width * _SIZES[kind]
        raw = individual[at : at + size]
        if len(raw) < size:
            raise ValueError("genotypes end early")
        for k, number in enumerate(numbers):
            parts.add(row + k, raw, kind, width, number or 1, n_alleles - 1)

    def _add_likelihoods(
        self, batch: Batch, row: int, data: bytes, n_fmt: int, n_alts: int, numbers: list[int]
    ) -> None:
        """Keep the first of PL, GL and AD that the record has, for each ALT of `numbers`."""
        for key, name in self._likelihoods:
            found = self._find(data, n_fmt, key)
            if found is not None and n_alts > 0:
                kind, width, at = found
                size = self._n_samples * width * _SIZES[kind]
                values = bcf_values(data[at : at + size], kind, self._n_samples, width)
                for k, number in enumerate(numbers):
                    batch.likelihoods[row + k] = encode(to_pl(name, values, n_alts, number))
                return

    def _find(self, data: bytes, n_fmt: int, wanted: int) -> tuple[int, int, int] | None:
        """(type, values a sample, offset) of the field with that dictionary number."""
        at = 0
        for _ in range(n_fmt):
            key, at = _integer(data, at)
            kind, width, at = _descriptor(data, at)
            if key == wanted:
                return (kind, width, at) if width else None
            at += self._n_samples * width * _SIZES[kind]
        return None


class _Parts:
    """GT fields of a batch, gathered so that equal layouts are decoded together."""

    def __init__(self, n_samples: int) -> None:
        self._n_samples = n_samples
        self._groups: dict[tuple[int, int, int], tuple[list[int], list[bytes]]] = {}
        self._rare: list[tuple[int, States]] = []

    def add(self, row: int, raw: bytes, kind: int, width: int, alt: int, n_alts: int) -> None:
        """Keep the GT field of `row` with respect to ALT number `alt`."""
        if kind == 1 and width <= 2:
            rows, fields = self._groups.setdefault((alt, n_alts, width), ([], []))
            rows.append(row)
            fields.append(raw)
            return
        values = np.frombuffer(raw, _INTS[kind]).reshape(self._n_samples, width)
        ended = values == np.iinfo(values.dtype).min + 1
        alleles = ((values.astype(np.int64) >> 1) - 1).astype(np.int16)
        alleles[(values >> 1) == 0] = -1
        if (alleles[~ended] < -1).any() or (alleles[~ended] > n_alts).any():
            raise ValueError("allele out of range")
        first = np.where(ended[:, 0], np.int16(-1), alleles[:, 0])
        second = np.where(ended[:, 1], np.int16(-2), alleles[:, 1]) if width > 1 else np.full_like(first, -2)
        phased = (values[:, 1] & 1 == 1) & ~ended[:, 1] if width > 1 else np.zeros(len(first), bool)
        self._rare.append((row, states_of_alleles(first, second, phased, alt)))

    def check_triploid(self, data: bytes, kind: int, width: int, at: int, where: str) -> None:
        """Allow a field of three or more values only when nobody uses the third."""
        values = np.frombuffer(data, _INTS[kind], self._n_samples * width, at).reshape(-1, width)
        if (values[:, 2:] != np.iinfo(values.dtype).min + 1).any():
            raise malformed(f"The record at {where} {MANY_ALLELES}.", action=POLYPLOID, position=where)

    def states(self, batch: Batch) -> States:
        """(V, S) states of all rows; rows that were not added are missing."""
        out = np.full((len(batch.pos), self._n_samples), MISSING_STATE, np.uint8)
        for (alt, n_alts, width), (rows, fields) in self._groups.items():
            raw: NDArray[np.unsignedinteger] = np.frombuffer(b"".join(fields), np.uint8 if width == 1 else np.uint16)
            states = np.take(bcf_table(alt, n_alts, width), raw).reshape(len(rows), self._n_samples)
            if states.max(initial=0) >= N_STATES:
                row = rows[int(np.flatnonzero((states >= N_STATES).any(axis=1))[0])]
                where = f"{batch.chrom[row]}:{batch.pos[row]}"
                raise malformed(f"The record at {where} has a genotype with an unknown allele.", position=where)
            if len(rows) == len(out):
                return states
            out[rows] = states
        for row, found in self._rare:
            out[row] = found
        return out


def _descriptor(data: bytes, at: int) -> tuple[int, int, int]:
    """(type, number of values, offset of the first) of the typed value at `at`."""
    kind, size = data[at] & 15, data[at] >> 4
    at += 1
    if size == 15:
        size, at = _integer(data, at)
    if size < 0 or kind not in _SIZES:
        raise ValueError("bad type")
    return kind, size, at


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """A typed integer scalar and the offset after it."""
    kind = data[at] & 15
    end = at + 1 + _SIZES[kind]
    if kind not in _INTS or end > len(data):
        raise ValueError("expected an integer")
    return int.from_bytes(data[at + 1 : end], "little", signed=True), end


def _string(data: bytes, at: int) -> tuple[str, int]:
    """A typed string and the offset after it."""
    kind, size, at = _descriptor(data, at)
    end = at + size
    if kind not in (0, 7) or end > len(data):
        raise ValueError("expected a string")
    return data[at:end].rstrip(b"\0").decode(errors="replace"), end
