"""Pieces of an imputed file: BGZF without header and end, which concatenate into a whole one."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import local
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from genotypes import bcf, cells
from genotypes import codes as gt
from genotypes.bgzf import LEVEL, BgzfWriter, compress_blocks
from genotypes.cells import Cells, Layout
from genotypes.celltext import WIDEST, put_lines
from genotypes.header import bcf_header
from genotypes.quality import SiteQuality
from genotypes.sites import SiteTable
from genotypes.tbi import Places

Format = Literal["vcf", "bcf"]
_BLOCK_GENOTYPES: Final = 256 << 10  # written and compressed at once: some 4 MB of text
_Made = tuple[list[bytes], Places]  # compressed blocks, and where the records lie in them


class _Part(NamedTuple):
    """V consecutive records on their way to text."""

    items: Cells
    heads: list[bytes]
    pos: NDArray[np.int32]
    spans: NDArray[np.int32]

    def rows(self, first: int, end: int) -> _Part:
        return _Part(self.items[first:end], self.heads[first:end], self.pos[first:end], self.spans[first:end])


class FragmentWriter:
    """Writes imputed sites in file order; what it is given must not be changed before it is closed.

    So many records of text at a time are compressed together, however they were given: the same records are the same
    bytes.
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        fmt: Format = "vcf",
        *,
        contig: int = 0,
        level: int = LEVEL,
        threads: int = 1,
    ) -> None:
        """Open a fragment.

        Args:
            path: the file, replaced when it exists.
            layout: the sample columns.
            fmt: text or BCF records.
            contig: BCF number of the sites' contig in the header that the fragment will follow (`contig_numbers`).
            level: compression level.
            threads: above 1, so many threads encode and compress while the caller goes on.
        """
        self._out = BgzfWriter(path, level, eof=False, threads=threads if fmt == "bcf" else 1)
        self._layout, self._fmt, self._contig, self._level = layout, fmt, contig, level
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 and fmt == "vcf" else None
        self._step = max(1, _BLOCK_GENOTYPES // max(1, len(layout.ploidy)))
        self._parts: list[_Part] = []  # fewer records than a step
        self._waiting: deque[Future[_Made]] = deque()
        self._buffers = local()
        none = np.empty(0, np.int32)
        self._places = [Places.of(none, none, none.astype(np.int64), [])]
        self._length = 0  # compressed bytes so far
        self._keys = "GT:DS:GP:HDS" if layout.phased else "GT:DS:GP"
        self._counts = bcf.format_count(layout.phased) << 24 | len(layout.ploidy)

    def write(
        self,
        sites: SiteTable,
        codes: Cells,
        quality: SiteQuality,
        observed: gt.Codes | None = None,
        observed_rows: NDArray[np.int32] | None = None,
        layout: Layout | None = None,
    ) -> None:
        """Write sites of the bundle.

        Args:
            sites: V sites, sorted.
            codes: (V, S) int32 cell codes of the layout's kind.
            quality: (V,) INFO values.
            observed: (T, S) int8 codes of the typed sites, in the bundle's allele orientation; -1 where imputed.
            observed_rows: (T,) ascending rows of those sites among the V.
            layout: ploidy of the sample columns at these sites, where it is not that of the fragment.
        """
        items = (layout or self._layout).items_with(codes, observed, observed_rows)
        typed = np.zeros(len(sites), bool)
        if observed_rows is not None:
            typed[observed_rows] = True
        self.write_items(sites, items, quality, typed)

    def write_items(self, sites: SiteTable, items: Cells, quality: SiteQuality, typed: NDArray[np.bool_]) -> None:
        """Write V sites of the bundle: (V, S) items with observed genotypes in them, and (V,) which sites are typed."""
        for first in range(0, len(sites), self._step):
            rows = slice(first, first + self._step)
            flags = np.where(typed[rows], bcf.TYPED, bcf.IMPUTED)
            self._write(sites.slice(first, first + self._step), items[rows], quality.take(rows), flags)

    def write_typed_only(self, sites: SiteTable, codes: gt.Codes, layout: Layout | None = None) -> None:
        """Write sites that the bundle lacks, as observed: (V, S) int8 codes; missing genotypes stay missing."""
        layout = layout or self._layout
        for first in range(0, len(sites), self._step):
            items = layout.observed_items(codes[first : first + self._step])
            dosage = layout.dosage(items)
            known = ~np.isnan(dosage)
            alleles = (known * layout.ploidy).sum(axis=1)
            with np.errstate(invalid="ignore"):
                af = (np.nansum(dosage, axis=1) / alleles).astype(np.float32)
            none = np.full(len(af), np.nan, np.float32)
            quality = SiteQuality(af, np.minimum(af, 1 - af), none, none)
            flags = np.full(len(af), bcf.TYPED_ONLY)
            self._write(sites.slice(first, first + self._step), items, quality, flags)

    def _write(self, sites: SiteTable, items: Cells, quality: SiteQuality, flags: NDArray[np.int64]) -> None:
        columns = np.stack([quality.af, quality.maf, quality.r2, quality.er2])
        places = sites.pos.tolist(), sites.id, sites.ref, sites.alt
        if self._fmt == "bcf":
            info = [[None if x != x else x for x in column] for column in columns.tolist()]
            for pos, ident, ref, alt, values, flag, pieces in zip(
                *places, zip(*info, strict=True), flags,
                bcf.individual_blocks(cells.tables(self._layout.phased), items), strict=True,
            ):  # fmt: skip
                shared = bcf.shared_block(self._contig, pos, ident, (ref, alt), values, int(flag), self._counts)
                data = b"".join(pieces)
                head = len(shared).to_bytes(4, "little") + len(data).to_bytes(4, "little")
                self._out.write(b"".join((head, shared, data)))
            return
        kinds = (np.isnan(columns) * np.array([[1], [2], [4], [8]])).sum(axis=0) + 16 * flags
        forms = {kind: _form(sites.chrom, kind % 16, kind // 16, self._keys) for kind in set(kinds.tolist())}
        heads = [
            (forms[kind] % tuple(fields)).encode()
            for kind, *fields in zip(kinds.tolist(), *places, *columns.tolist(), strict=True)
        ]
        whole = _Part(items, heads, sites.pos, np.array([len(ref) for ref in sites.ref], np.int32))
        cut = self._step - sum(len(part.heads) for part in self._parts)
        self._parts.append(whole.rows(0, cut))
        if cut <= len(heads):
            self._hand_over()
            self._parts = [whole.rows(cut, len(heads))] if cut < len(heads) else []

    def _hand_over(self) -> None:
        """Let the parts become compressed text."""
        parts, self._parts = self._parts, []
        if self._pool is None:
            self._finish(self._make(parts))
            return
        self._waiting.append(self._pool.submit(self._make, parts))
        self._drain(2 * self._threads)

    def _make(self, parts: list[_Part]) -> _Made:
        """Records as compressed blocks, and where they lie in these; each thread's text has a buffer of its own."""
        need = sum(sum(map(len, part.heads)) + WIDEST * (part.items.size + 1) for part in parts)
        out: NDArray[np.uint8] | None = getattr(self._buffers, "text", None)
        if out is None or len(out) < need:
            out = self._buffers.text = np.empty(need, np.uint8)
        length = 0
        every: list[NDArray[np.int64]] = []
        for items, heads, *_ in parts:
            starts = np.zeros(len(heads) + 1, np.int64)
            np.cumsum([len(head) for head in heads], out=starts[1:])
            ends = np.empty(len(items), np.int64)
            joined = np.frombuffer(b"".join(heads), np.uint8)
            put_lines(np.ascontiguousarray(items), self._layout.phased, joined, starts, out[length:], ends)
            every.append(ends + length)
            length = int(every[-1][-1])
        blocks = compress_blocks(out[:length].data, self._level)
        pos, spans = (np.concatenate([getattr(part, name) for part in parts]) for name in ("pos", "spans"))
        return blocks, Places.of(pos, spans, np.concatenate(every), [len(block) for block in blocks])

    def _drain(self, keep: int) -> None:
        while len(self._waiting) > keep:
            self._finish(self._waiting.popleft().result())

    def _finish(self, made: _Made) -> None:
        blocks, places = made
        self._out.put(blocks)
        self._places.append(places.moved(self._length))
        self._length += sum(map(len, blocks))

    def places(self) -> Places | None:
        """Where the records of a text fragment lie, once it is closed; None of BCF."""
        return None if self._fmt == "bcf" else Places.joined(self._places)

    def close(self) -> None:
        """Finish the piece."""
        if self._parts:
            self._hand_over()
        self._drain(0)
        self._shut()
        self._out.close()

    def _shut(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; after an error only free the file."""
        if kind is None:
            self.close()
        else:
            self._shut()
            self._out.abort()


_NAMES: Final = ("AF", "MAF", "R2", "ER2")
_FLAG_NAMES: Final = {bcf.IMPUTED: "IMPUTED", bcf.TYPED: "TYPED", bcf.TYPED_ONLY: "TYPED_ONLY"}


def _form(chrom: str, absent: int, flag: int, keys: str) -> str:
    """What stands before the samples of a record, to be filled with POS, ID, REF, ALT and the four INFO values.

    Those whose bit is set in `absent` are left out: %.0s takes a value and writes nothing of it.
    """
    info = [f"{name}=%.6g;" if not absent >> k & 1 else "%.0s" for k, name in enumerate(_NAMES)]
    return f"{chrom.replace('%', '%%')}\t%d\t%s\t%s\t%s\t.\tPASS\t{''.join(info)}{_FLAG_NAMES[flag]}\t{keys}\t"


def write_header(path: Path, text: bytes, fmt: Format = "vcf") -> None:
    """Write the header `text` as the first piece of a file."""
    with BgzfWriter(path, eof=False) as out:
        out.write(bcf_header(text) if fmt == "bcf" else text)
