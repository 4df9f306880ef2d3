"""One cheap pass over an upload before anything parses it: is it whole, and can it be read in bounded memory?"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from errors import Code, TesseraError
from genotypes.bgzf import BgzfWriter, ends_with_eof
from genotypes.sniff import BOM, VCF_KINDS, FileKind, is_bgzf
from genotypes.stream import Inflated, open_inflated

_TABLE_HEAD: Final = re.compile(rb"^#CHROM([ \t])", re.MULTILINE)
_BLANKS: Final = re.compile(rb" +")
_RATIO_FROM: Final = 256 << 20  # small files may be as dense as they like


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may expand to."""

    max_line_bytes: int = 64 << 20  # a line of 100,000 samples with GT:DS:GP:AD has some 5 MiB
    max_expanded_bytes: int = 1 << 40
    max_ratio: float = 900.0  # text of 0/0 alone reaches some 500, deflate at most 1,032


@dataclass(frozen=True, slots=True)
class Guarded:
    """A file that is safe to read.

    Attributes:
        path: the file itself, or the cleaned copy.
        expanded_bytes: its size without compression.
        crlf: it had Windows (or old Macintosh) line ends, which the copy has not.
        spaces: its columns were parted by blanks, in the copy by tabs.
        bom: it began with a byte order mark, which the copy does not.
    """

    path: Path
    expanded_bytes: int
    crlf: bool
    spaces: bool = False
    bom: bool = False


class _Unclean(Exception):
    """A carriage return or a table of blanks was met while no copy was being written."""


def guard(
    path: Path,
    kind: FileKind,
    out_dir: Path,
    limits: Limits | None = None,
    progress: Callable[[float], None] | None = None,
) -> Guarded:
    """Check a file in one streaming pass; memory stays flat.

    Args:
        path: the file.
        kind: what `sniff_head` said.
        out_dir: where a cleaned copy goes, made when needed.
        limits: bounds on lines and expansion.
        progress: called with the fraction read; may raise to abort.

    Raises:
        TesseraError: `truncated_file`, `corrupt_file`, `line_too_long`, `zip_bomb`; `not_vcf` for another kind of file.
    """
    if kind not in VCF_KINDS:
        message = f"The file is of the kind '{kind.value}', and only VCF and BCF are read here."
        raise TesseraError(Code.not_vcf, message, action="Write the genotypes as VCF or BCF.", field="vcf")
    check = _Check(path, limits or Limits(), progress)
    _check_end(path)
    if kind is FileKind.bcf:
        with open_inflated(path) as source:
            check.records(source)
        return Guarded(path, check.expanded, crlf=False)
    try:
        with open_inflated(path) as source:
            for _ in check.text(source, mend=False):
                pass
        return Guarded(path, check.expanded, crlf=False)
    except _Unclean:
        pass
    out_dir.mkdir(parents=True, exist_ok=True)
    copy = out_dir / "unix-lines.vcf.gz"
    check = _Check(path, limits or Limits(), progress)
    with open_inflated(path) as source, BgzfWriter(copy) as target:
        for piece in check.text(source, mend=True):
            target.write(piece)
    return Guarded(copy, check.expanded, crlf=check.returns, spaces=check.spaces, bom=check.bom)


def _check_end(path: Path) -> None:
    """BGZF that was cut between two blocks inflates without error: only the EOF block tells."""
    with path.open("rb") as file:
        head = file.read(18)
    if is_bgzf(head) and not ends_with_eof(path):
        raise TesseraError(
            Code.truncated_file, "The file ends early: its BGZF end-of-file block is missing.", field="vcf"
        )


class _Check:
    """Counts what comes out of a file."""

    def __init__(self, path: Path, limits: Limits, progress: Callable[[float], None] | None) -> None:
        self.size = path.stat().st_size
        self.limits = limits
        self.progress = progress
        self.expanded = 0
        self.lines = 0  # line ends that came
        self.returns = False  # carriage returns were met
        self.bom = False  # a byte order mark was met
        self.spaces = False  # columns are parted by blanks

    def text(self, source: Inflated, mend: bool) -> Iterator[bytes]:
        """Pieces of a VCF text, with plain line ends and tabs when `mend`."""
        limit = self.limits.max_line_bytes
        line = 0  # bytes of the line that is still open
        held = b""  # a carriage return or blanks at the end of a piece wait for what follows
        first, in_header, macintosh = True, True, False
        while piece := source.read(min(1 << 20, limit)):
            self._count(source, len(piece))
            if b"\0" in piece:
                number = self.lines + piece[: piece.index(b"\0")].count(b"\n") + 1
                message = f"Line {number} holds NUL bytes, as after a failed copy."
                raise TesseraError(Code.corrupt_file, message, field="vcf", line=number)
            self.lines += piece.count(b"\n")
            if mend:
                if first:
                    macintosh, self.bom = _only_returns(piece), piece.startswith(BOM)
                self.returns |= b"\r" in piece
                piece = piece.replace(b"\r", b"\n") if macintosh else piece
            newline = piece.find(b"\n")
            line += len(piece) if newline < 0 else newline
            if line > limit:
                message = f"A line is longer than {limit:,} bytes."
                raise TesseraError(Code.line_too_long, message, field="vcf", limit=limit)
            if newline >= 0:
                line = len(piece) - piece.rfind(b"\n") - 1
            table = _TABLE_HEAD.search(piece) if in_header else None
            if not mend:
                if b"\r" in piece or (first and piece.startswith(BOM)) or (table and table[1] == b" "):
                    raise _Unclean
                first, in_header = False, in_header and table is None
                continue
            piece = held + (piece.removeprefix(BOM) if first else piece)
            first = False
            whole = piece.rstrip(b"\r ")
            held, piece = piece[len(whole) :], whole
            piece = piece.replace(b"\r\n", b"\n")
            if in_header and (table := _TABLE_HEAD.search(piece)) is not None:
                in_header, self.spaces = False, table[1] == b" "
                if self.spaces:
                    yield piece[: table.start()]
                    piece = piece[table.start() :]
            yield _BLANKS.sub(b"\t", piece) if self.spaces else piece

    def records(self, source: Inflated) -> None:
        """Walk the records of a BCF by their lengths."""
        head = source.exactly(9)
        if len(head) < 9:
            raise _cut()
        self._skip(source, struct.unpack("<I", head[5:])[0])
        while head := source.exactly(8):
            if len(head) < 8:
                raise _cut()
            self._count(source, 8)
            self._skip(source, sum(struct.unpack("<II", head)))

    def _skip(self, source: Inflated, size: int) -> None:
        if size > self.limits.max_line_bytes:
            message = f"A record is longer than {self.limits.max_line_bytes:,} bytes."
            raise TesseraError(Code.line_too_long, message, field="vcf", limit=self.limits.max_line_bytes)
        while size:
            piece = source.read(min(size, 1 << 20))
            if not piece:
                raise _cut()
            self._count(source, len(piece))
            size -= len(piece)

    def _count(self, source: Inflated, size: int) -> None:
        before = self.expanded
        self.expanded += size
        over = self.expanded > self.limits.max_expanded_bytes
        dense = self.expanded > max(_RATIO_FROM, self.limits.max_ratio * source.taken)
        if source.compressed and (over or dense):
            message = f"The file expands to more than {self.expanded:,} bytes."
            raise TesseraError(Code.zip_bomb, message, field="vcf", expanded_bytes=self.expanded)
        if self.progress is not None and before >> 22 != self.expanded >> 22:
            self.progress(min(1.0, source.taken / max(1, self.size)))


def _only_returns(piece: bytes) -> bool:
    """True when the first line ends with a carriage return alone."""
    at = piece.find(b"\r")
    return at >= 0 and b"\n" not in piece[: at + 2]


def _cut() -> TesseraError:
    return TesseraError(Code.truncated_file, "The file ends inside a record.", field="vcf")
